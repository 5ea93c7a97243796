"""Faults at any call: the real handlers in the real machine on moto, killed, refused or left without an answer.

Three things make a run with faults both honest and fast.

The clock. Waits are taken from a clock of ours instead of from the test: a retrier's interval, a Wait state and the
pauses of the library move it forward at once, in the order and by the amounts that the machine asked for. SQS's
visibility, the journal's expiry and Lambda's remaining time read the same clock. So a run that waits for an
unfinished wave to expire does so, and "ten minutes later" is one line.

The kill. `Killed` passes through everything that catches errors, as a SIGKILL does; from then on every call of that
invocation, in whichever thread, dies before it leaves. The machine is told what Lambda says (`Runtime.ExitError`).

The witnesses. What really arrived is read from moto's queues, what was deleted is checked at the moment of its
deletion, and how often a message may arrive again is counted at each fault: one time more when the fault left its
wave sent and not recorded, and when SQS's answer to its batch was lost.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import re
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import moto.sqs.models
from aws_lambda_powertools.utilities.idempotency import base as idempotency
from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber
from moto.core.utils import unix_time, unix_time_millis
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs.models import Queue, SQSBackend, sqs_backends
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

import cleanup
import redrive.plan
import redrive.receive
import redrive.send
import runtime
from redrive.errors import PageLapsed
from redrive.ledger import Ledger
from redrive.messages import MARK
from redrive.visibility import VISIBILITY
from support import moto_machine
from support.aws import make_queues
from support.breaking import Killed
from support.moto_gaps import fill_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from support.aws import Queues
    from support.engine import Ended

ACCOUNT, REGION = "123456789012", "us-east-1"
NUMBER = re.compile(r"#(\d+)#")  # every body has its message's number in it, whatever else it is
STEP = "Lambda"  # stands for the service when the fault is at the step's own answer
ALWAYS = 1_000

# How a call can fail. The first four take the whole step with them.
KILLED_BEFORE = "killed before it"
KILLED_AFTER = "killed after it, before its answer"
KILLED_HALF = "killed in the middle of its batch"
OUT_OF_MEMORY = "out of memory at its answer"
ANSWER_LOST_ONCE = "its answer lost, and asked again by the SDK"
ANSWER_LOST = "its answer lost for good"
THROTTLED = "throttled for good"
BROKEN = "500 for good"
HALF_FAILED = "half of its batch Failed"
KILLS = (KILLED_BEFORE, KILLED_AFTER, KILLED_HALF)
HOWS = (*KILLS, OUT_OF_MEMORY, ANSWER_LOST_ONCE, ANSWER_LOST, THROTTLED, BROKEN, HALF_FAILED)
REFUSALS = {
    # DynamoDB's, S3's and SQS's own words; the rest say ThrottlingException.
    THROTTLED: {
        "sqs": (400, "RequestThrottled"),
        "s3": (503, "SlowDown"),
        "dynamodb": (400, "ProvisionedThroughputExceededException"),
    },
    BROKEN: {},
}


@dataclass(frozen=True)
class Call:
    """The `number`-th call (from 1) of an operation in a step, over the whole run; `batch` if it has entries."""

    step: str
    service: str
    operation: str
    number: int
    batch: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Fault:
    """What happens at a call, and at the next `times - 1` of its kind."""

    step: str
    operation: str
    number: int
    how: str
    times: int = 1

    def hits(self, call: Call) -> bool:
        return (self.step, self.operation) == (call.step, call.operation) and (
            self.number <= call.number < self.number + self.times
        )


class Clock:
    """The time of a run: the machine's own, and whatever the run has waited for on top of it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += max(0.0, seconds)

    def rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the clock wherever a run looks at one."""
        namespace = SimpleNamespace(
            **{**vars(time), "time": self.time, "monotonic": self.monotonic, "sleep": self.sleep}
        )
        library = [module for name, module in sys.modules.items() if name.startswith("redrive.")]
        for module in [*library, moto_machine, retrier_decl, sys.modules["botocore.endpoint"]]:
            if getattr(module, "time", None) is time:
                monkeypatch.setattr(module, "time", namespace)
        monkeypatch.setattr(moto.sqs.models, "unix_time", lambda: unix_time() + self.ahead)
        monkeypatch.setattr(moto.sqs.models, "unix_time_millis", lambda: unix_time_millis() + self.ahead * 1000)
        monkeypatch.setattr(WaitFunction, "_wait_interval", lambda _self, env, wait_seconds: self.sleep(wait_seconds))
        clock = self

        class Datetime(dt.datetime):
            @classmethod
            def now(cls, tz: Any = None) -> dt.datetime:
                return dt.datetime.now(tz) + dt.timedelta(seconds=clock.ahead)

        dates = SimpleNamespace(**{**vars(dt), "datetime": Datetime})
        for module in (idempotency, base, datarecord, dynamodb):
            monkeypatch.setattr(module, "dt", dates)
        monkeypatch.setattr(timestamp, "datetime", dates)


class Faults:
    """Watches the calls of the handlers' clients, records them, and breaks those that a fault says."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here = threading.local()
        self.clear()

    def clear(self, faults: tuple[Fault, ...] = ()) -> None:
        """Forget what was seen, and plan these faults."""
        self.planned = faults
        self.calls: list[Call] = []
        self.hit: list[tuple[Fault, Call]] = []
        self.may_repeat: Counter[int] = Counter()
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._open: dict[str, set[int]] = {}
        self._step = ""
        self._dead = False

    def watch(self, client: Any) -> None:
        events = client.meta.events
        events.register("before-parameter-build", self._ask)
        events.register("before-call", self._before)
        events.register("after-call", self._after)
        events.register_first("before-send", self._send)

    def begin(self, step: str) -> Fault | None:
        """Begin an invocation; give the fault at its own answer, if any."""
        self._step, self._dead = step, False
        return self._note(Call(step, STEP, "answer", self._count(step, "answer")))

    def end(self, *, failed: bool) -> None:
        """End it. What a failed one had sent and not recorded may arrive once more."""
        if failed:
            for numbers in self._open.values():
                self.may_repeat.update(numbers)
        self._open = {}

    def arrived(self, numbers: list[int]) -> None:
        """Hear from the queues that a batch was accepted."""
        if wave := getattr(self._here, "wave", None):
            self._open.setdefault(wave, set()).update(numbers)

    def _count(self, step: str, operation: str) -> int:
        with self._lock:
            self._numbers[step, operation] += 1
            return self._numbers[step, operation]

    def _note(self, call: Call) -> Fault | None:
        with self._lock:
            self.calls.append(call)
            for fault in self.planned:
                if fault.hits(call):
                    self.hit.append((fault, call))
                    return fault
        return None

    def _die(self) -> None:
        self._dead = True
        raise Killed("broken on purpose")

    def _ask(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if self._dead:
            raise Killed("its process is dead")
        entries = params.get("Entries")
        service, operation = model.service_model.service_name, model.name
        call = Call(self._step, service, operation, self._count(self._step, operation), bool(entries))
        fault = self._note(call)
        how = fault.how if fault else ""
        if how == KILLED_BEFORE:
            self._die()
        if how == KILLED_HALF and entries:
            params["Entries"] = entries[: math.ceil(len(entries) / 2)]
        if how == HALF_FAILED and entries:
            # Every other one, from the first: what comes behind a refused message is taken.
            params["Entries"], context["left out"] = entries[1::2], entries[::2]
        context["how"] = how
        context["asked"] = params

    def _before(self, context: dict[str, Any], model: Any, **_: Any) -> Any:
        how = context.get("how")
        if how in REFUSALS:
            status, code = REFUSALS[how].get(
                model.service_model.service_name,
                (500, "InternalError") if how == BROKEN else (400, "ThrottlingException"),
            )
            parsed = {"Error": {"Code": code, "Message": "broken on purpose"}}
            parsed["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 5}
            return AWSResponse("https://aws/", status, {}, MockRawResponse(b"")), parsed
        if context.get("left out") and not context["asked"]["Entries"]:
            return AWSResponse("https://aws/", 200, {}, MockRawResponse(b"")), {
                "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
            }
        self._here.lose = how == ANSWER_LOST_ONCE
        return None

    def _send(self, event_name: str, request: Any, **named: Any) -> None:
        if getattr(self._here, "lose", False):
            self._here.lose = False
            botocore_stubber(event_name, request, **named)
            self._here.lost = True
            raise ReadTimeoutError(endpoint_url=request.url)

    def _after(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        how, asked = context.get("how"), context.get("asked", {})
        if parsed["ResponseMetadata"]["HTTPStatusCode"] < 300:
            self._follow(model.name, asked)
        if how in {ANSWER_LOST, ANSWER_LOST_ONCE} and model.name == "SendMessageBatch":
            self.may_repeat.update(numbers_of(asked["Entries"]))
        if how in {KILLED_AFTER, KILLED_HALF}:
            self._die()
        if how == OUT_OF_MEMORY:
            raise MemoryError("broken on purpose")
        if how == ANSWER_LOST:
            raise ReadTimeoutError(endpoint_url="https://aws/")
        if how == HALF_FAILED and context.get("left out"):
            parsed.setdefault("Failed", []).extend(
                {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "broken on purpose"}
                for entry in context["left out"]
            )

    def _follow(self, operation: str, asked: dict[str, Any]) -> None:
        """Follow the journal: a wave is open from its PutItem until its UpdateItem."""
        if operation == "PutItem":
            self._here.wave = asked["Item"]["id"]["S"]
            self._open.setdefault(self._here.wave, set())
        elif operation == "UpdateItem" and "status" in str(asked.get("ExpressionAttributeNames", {})):
            self._open.pop(asked["Key"]["id"]["S"], None)
            self._here.wave = None


def numbers_of(entries: list[dict[str, Any]]) -> list[int]:
    return [number_of(entry["MessageBody"]) for entry in entries]


def number_of(body: str) -> int:
    found = NUMBER.search(body)
    assert found, f"a body without its number: {body!r}"
    return int(found[1])


@dataclass(frozen=True)
class Letter:
    """A dead letter as it was sent at first: what a test says about it. `number` stands in the body as `#n#`."""

    number: int
    body: str
    attributes: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    trace: str | None = None
    source: int = 0


@dataclass(frozen=True)
class Copy:
    """A message where it is now. `place` is `dlq` or the name of a destination queue."""

    number: int
    place: str
    visible: bool
    message: Any

    @property
    def mark(self) -> dict[str, Any] | None:
        found = self.message.message_attributes.get(MARK)
        return json.loads(found["StringValue"]) if found else None


class Rig:
    """A machine with faults, a clock, and witnesses. One serves for many runs, each on queues of its own."""

    def __init__(self, machine: Any, clock: Clock, faults: Faults) -> None:
        self.machine, self.clock, self.faults = machine, clock, faults
        self.wrongly_deleted: set[int] = set()
        self.arrivals: list[tuple[str, int]] = []
        self.ids: dict[str, int] = {}
        self._aborted: set[str] = set()
        self._abort = False
        self._one_at_a_time = threading.RLock()
        machine.around = self._around

    def queues(self, letters: list[Letter], *, fifo: bool = False, sources: int = 1) -> Queues:
        """New queues whose dead letters these are, dead-lettered by SQS itself; what earlier tests left is gone."""
        self._forget()
        sqs = self.machine.client("sqs")
        queues = make_queues(sqs, fifo=fifo, sources=sources)
        for source, url in enumerate(queues.sources):
            mine = [letter for letter in letters if letter.source == source]
            for start in range(0, len(mine), 10):
                entries = [self._entry(letter, fifo=fifo) for letter in mine[start : start + 10]]
                answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
                assert len(answer["Successful"]) == len(entries), answer
        self._dead_letter(queues)
        self.wrongly_deleted.clear()
        self.arrivals.clear()
        self.ids = {copy.message.id: copy.number for copy in self.copies(queues)}
        return queues

    def _forget(self) -> None:
        # moto looks through everything it has at each listing: hundreds of runs would make each other slow.
        s3_backends[ACCOUNT]["aws"].buckets[self.machine.bucket].keys.clear()
        dynamodb_backends[ACCOUNT][REGION].tables[moto_machine.ENVIRONMENT["JOURNAL_TABLE"]].items.clear()
        sqs_backends[ACCOUNT][REGION].queues.clear()
        for machine in stepfunctions_parser_backends[ACCOUNT][REGION].state_machines:
            machine.executions.clear()

    @staticmethod
    def _dead_letter(queues: Queues) -> None:
        # Until the sources are empty: a FIFO queue of moto's answers nothing while a group's last receive is young.
        for url in queues.sources:
            queue = sqs_backends[ACCOUNT][REGION].queues[url.rsplit("/", 1)[1]]
            while queue._messages:
                queues.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        # moto moves a group's messages as they come by, SQS in their order.
        dead = sqs_backends[ACCOUNT][REGION].queues[queues.name]
        dead._messages.sort(key=lambda message: number_of(message.body))

    @staticmethod
    def _entry(letter: Letter, *, fifo: bool) -> dict[str, Any]:
        entry: dict[str, Any] = {"Id": str(letter.number), "MessageBody": letter.body}
        if letter.attributes:
            entry["MessageAttributes"] = letter.attributes
        if letter.group is not None:
            entry["MessageGroupId"] = letter.group
        if letter.trace:
            trace = {"DataType": "String", "StringValue": letter.trace}
            entry["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
        if fifo:
            entry["MessageDeduplicationId"] = uuid4().hex
        return entry

    def run(self, request: dict[str, Any], *faults: Fault, abort: bool = False) -> Ended:
        """Run a request with faults. With `abort`, the execution is stopped at the first kill, and cleaned up after."""
        self.faults.clear(faults)
        self._abort = abort
        ended = self.machine.run(request)
        if ended.status == "ABORTED":
            self._clean_up(ended)
        return replace(ended, summary=self.machine.summary(ended.name))

    def later(self, seconds: float = VISIBILITY + 1) -> None:
        """Let time pass: by default, until what a dead Receive took shows again."""
        self.clock.sleep(seconds)

    def ledger(self, run: Ended) -> Ledger:
        """The ledger that a run left."""
        return Ledger(self.machine.client("s3"), self.machine.bucket, run.name)

    def copies(self, queues: Queues) -> list[Copy]:
        """Every copy of every message, visible or in flight, in the order of its queue."""
        found = []
        for url in [queues.dlq, *queues.sources]:
            name = url.rsplit("/", 1)[1]
            for message in sqs_backends[ACCOUNT][REGION].queues[name]._messages:
                place = "dlq" if url == queues.dlq else name
                found.append(Copy(number_of(message.body), place, message.visible, message))
        return found

    def _around(self, step: str, event: dict[str, Any], go: Any) -> Any:
        # Lanes are taken one at a time: a kill must know which invocation it kills.
        with self._one_at_a_time:
            if event.get("run") in self._aborted:
                raise PageLapsed("its execution was stopped.")
            if step in {"check", "report"}:
                started = dt.datetime.fromisoformat(event["started"])
                event["started"] = (started + dt.timedelta(seconds=self.clock.ahead)).isoformat()
            failed = True
            fault = self.faults.begin(step)
            try:
                if fault and fault.how == KILLED_BEFORE:
                    raise Killed  # noqa: TRY301 - the step never began
                result = go()
                if fault:
                    raise Killed  # noqa: TRY301 - it did all, and nobody heard of it
                failed = False
            except Killed:
                if self._abort:
                    self._stop(event["run"])
                raise moto_machine.LambdaError("Runtime.ExitError") from None
            else:
                return result
            finally:
                self.faults.end(failed=failed)

    def _stop(self, run: str) -> None:
        self._aborted.add(run)
        arn = self.machine.state_machine.replace(":stateMachine:", ":execution:") + f":{run}"
        self.machine.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by hand")

    def _clean_up(self, ended: Ended) -> None:
        """Do what the rule on execution status changes does; Lambda tries an asynchronous event three times."""
        self._abort = False
        detail = {"executionArn": ended.arn, "status": "ABORTED", "startDate": 0}
        for _ in range(3):
            self.faults.begin("cleanup")
            try:
                cleanup.handler({"detail": detail}, moto_machine.Context("cleanup"))
            except (Exception, Killed):
                self.faults.end(failed=True)
            else:
                self.faults.end(failed=False)
                return


@contextmanager
def fault_rig(monkeypatch: pytest.MonkeyPatch, *, page: int = 10, wave: int = 2, entries: int = 2) -> Iterator[Rig]:
    """Start moto with the machine in it, and everything that a fault needs.

    Small measures make many boundaries of few messages: `page` messages a page, `entries` a batch, `wave` batches a
    wave. They change no decision of the library.
    """
    clock, faults = Clock(), Faults()
    noisy = {logger: logger.level for logger in (logging.getLogger(name) for name in (runtime.log.service, "moto"))}
    for logger in noisy:
        logger.setLevel(logging.CRITICAL)  # each kill would be logged with its traceback
    monkeypatch.setattr(redrive.plan, "PAGE", page)
    monkeypatch.setattr(redrive.plan, "POLLERS", 2)
    monkeypatch.setattr(redrive.receive, "BATCH", min(10, page // 2))
    monkeypatch.setattr(redrive.receive, "LONG_POLL", 0)
    monkeypatch.setattr(redrive.send, "MOST_ENTRIES", entries)
    monkeypatch.setattr(redrive.send, "WAVE", wave)
    fill_gaps(monkeypatch)
    with moto_machine.moto_machine(monkeypatch) as machine:
        clock.rule(monkeypatch)
        rig = Rig(machine, clock, faults)
        _witness(monkeypatch, rig)
        for service in ("sqs", "s3", "dynamodb", "stepfunctions"):
            faults.watch(runtime._client(service))
        yield rig
    for logger, level in noisy.items():
        logger.setLevel(level)


def _witness(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    """Look on inside of moto: at what arrives, and at what is deleted when nothing of it has arrived."""
    # To moto, a group is in flight as long as a message of it was: then one that shows again overtakes an earlier one.
    in_flight = property(lambda queue: {m.group_id for m in queue._pending_messages if m.group_id and not m.visible})
    monkeypatch.setattr(Queue, "pending_message_groups", in_flight)
    send, delete = SQSBackend.send_message_batch, SQSBackend.delete_message

    def send_message_batch(backend: SQSBackend, name: str, entries: dict[str, Any]) -> Any:
        before = len(backend.queues[name]._messages)
        done = send(backend, name, entries)
        new = [number_of(message.body) for message in backend.queues[name]._messages[before:]]
        rig.arrivals += [(name, number) for number in new]
        rig.faults.arrived([number_of(entry["MessageBody"]) for entry in entries.values()])
        return done

    def delete_message(backend: SQSBackend, name: str, receipt_handle: str) -> None:
        here = {message.id: number_of(message.body) for message in backend.queues[name]._messages}
        delete(backend, name, receipt_handle)
        left = {message.id for message in backend.queues[name]._messages}
        arrived = {number for place, number in rig.arrivals if place != name}
        rig.wrongly_deleted |= {number for id_, number in here.items() if id_ not in left} - arrived

    monkeypatch.setattr(SQSBackend, "send_message_batch", send_message_batch)
    monkeypatch.setattr(SQSBackend, "delete_message", delete_message)

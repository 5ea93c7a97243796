"""The rig: the real handlers in the real machine on moto, to be killed, refused or left without an answer.

Three things make a run with faults both honest and fast.

The clock. Waits are taken from a clock of ours instead of from the test: a retrier's interval, a Wait state and the
pauses of the library move it forward at once, in the order and by the amounts that the machine asked for. SQS's
visibility, the journal's expiry and Lambda's remaining time read the same clock. So a run that waits for an
unfinished wave to expire does so, and "ten minutes later" is one line.

The faults (`support.faults`). After a kill the machine is told what Lambda says (`Runtime.ExitError`).

The witnesses. What really arrived is read from moto's queues, and what was deleted is checked at the moment of its
deletion.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs.models import Queue, SQSBackend, sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

import cleanup
import clients
import steps
from redrive.steps import send
from redrive.stores.ledger import Ledger
from redrive.values.errors import PageLapsed
from redrive.values.run import name_in, run_of
from redrive.values.timeline import VISIBILITY
from support import moto_machine
from support.aws import make_queues
from support.breaking import Killed
from support.clock import Clock
from support.context import Context
from support.faults import KILLED_BEFORE, Fault, Faults
from support.letters import Copy, Letter, number_of, numbers_of
from support.moto_gaps import fill_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from support.aws import Queues
    from support.engine import Ended

ACCOUNT, REGION = "123456789012", "us-east-1"


class Rig:
    """A machine with faults, a clock, and witnesses. One serves for many runs, each on queues of its own."""

    def __init__(self, machine: Any, clock: Clock, faults: Faults, budget: dict[str, int]) -> None:
        self.machine, self.clock, self.faults, self._budget = machine, clock, faults, budget
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
    def fail_all(queues: Queues) -> None:
        """Let the consumers of all sources fail at whatever is there, so that SQS dead-letters it."""
        # Until the sources are empty: a FIFO queue of moto's answers nothing while a group's last receive is young.
        for url in queues.sources:
            queue = sqs_backends[ACCOUNT][REGION].queues[url.rsplit("/", 1)[1]]
            while queue._messages:
                queues.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)

    def _dead_letter(self, queues: Queues) -> None:
        self.fail_all(queues)
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
        return replace(ended, summary=self.machine.summary(ended.arn))

    def later(self, seconds: float = VISIBILITY + 1) -> None:
        """Let time pass: by default, until what a dead Receive took is visible again."""
        self.clock.sleep(seconds)

    def ledger(self, run: Ended) -> Ledger:
        """The ledger that a run left."""
        identity = run_of(run.name, self.machine.started(run.arn))
        return Ledger(self.machine.client("s3"), self.machine.bucket, identity)

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
            if name_in(event.get("run", "")) in self._aborted:
                raise PageLapsed("its execution was stopped.")
            failed = True
            fault = self.faults.begin(step)
            try:
                if fault and fault.how == KILLED_BEFORE:
                    raise Killed  # noqa: TRY301 - the step never began
                result = go()
                if step == "plan":
                    # Many boundaries of few messages, and no other decision.
                    moto_machine.shrink(result, self._budget)
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
        run = name_in(run)
        self._aborted.add(run)
        arn = self.machine.state_machine.replace(":stateMachine:", ":execution:") + f":{run}"
        self.machine.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by hand")

    def _clean_up(self, ended: Ended) -> None:
        """Do what the rule on execution status changes does; Lambda tries an asynchronous event three times."""
        self._abort = False
        event = self.machine.status_change(ended.arn, "ABORTED")
        for _ in range(3):
            self.faults.begin("cleanup")
            try:
                cleanup.handler(event, Context("cleanup"))
            except (Exception, Killed):
                self.faults.end(failed=True)
            else:
                self.faults.end(failed=False)
                return


@contextmanager
def fault_rig(monkeypatch: pytest.MonkeyPatch, *, page: int = 10, wave: int = 2, entries: int = 2) -> Iterator[Rig]:
    """Start moto with the machine in it, and everything that a fault needs.

    Small measures make many boundaries of few messages: `page` messages a page, `entries` a batch, `wave` batches a
    wave.
    """
    clock, faults = Clock(), Faults()
    noisy = {logger: logger.level for logger in (logging.getLogger(name) for name in (steps.log.service, "moto"))}
    for logger in noisy:
        logger.setLevel(logging.CRITICAL)  # each kill would be logged with its traceback
    fill_gaps(monkeypatch)
    with moto_machine.moto_machine(monkeypatch) as machine:
        clock.rule_everything(monkeypatch)
        budget = {
            "page_size": page,
            "pollers": 2,
            "per_poll": min(10, page // 2),
            "poll_seconds": 0,
            "batch": entries,
            "wave": wave,
        }
        rig = Rig(machine, clock, faults, budget)
        _witness(monkeypatch, rig)
        for client in (clients.sqs(), clients.s3(), clients.dynamodb(), clients.stepfunctions()):
            faults.watch(client)
        yield rig
    for logger, level in noisy.items():
        logger.setLevel(level)


def _witness(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    """Look on inside of moto: at what arrives, and at what is deleted when nothing of it has arrived."""
    # To moto, a group is in flight as long as a message of it was: then one that is visible again overtakes an earlier one.
    in_flight = property(lambda queue: {m.group_id for m in queue._pending_messages if m.group_id and not m.visible})
    monkeypatch.setattr(Queue, "pending_message_groups", in_flight)
    take, delete = SQSBackend.send_message_batch, SQSBackend.delete_message
    one_at_a_time = threading.Lock()

    def send_message_batch(backend: SQSBackend, name: str, entries: dict[str, Any]) -> Any:
        with one_at_a_time:  # batches are sent side by side, and each must see its own arrivals alone
            before = len(backend.queues[name]._messages)
            done = take(backend, name, entries)
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
    for name in ("deliver", "deliver_in_order"):
        _tell_waves(monkeypatch, rig, name)


def _tell_waves(monkeypatch: pytest.MonkeyPatch, rig: Rig, name: str) -> None:
    deliver = getattr(send, name)

    def delivering(sqs: Any, wave: Any, *rest: Any) -> Any:
        rig.faults.delivering([number for batch in wave for number in numbers_of([p.entry for p in batch])])
        return deliver(sqs, wave, *rest)

    monkeypatch.setattr(send, name, delivering)

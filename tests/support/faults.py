"""Faults at any call: what a test plans, and the hand that does it, on botocore's own events.

The kill. `Killed` passes through everything that catches errors, as a SIGKILL does; from then on every call of that
invocation, in whichever thread, dies before it leaves.

How often a message may arrive again is counted at each fault: one time more when the fault left its wave sent and not
recorded, and when SQS's answer to its batch was lost. A wave's batches are sent side by side, in threads that know no
wave: `delivering` tells which messages are in it.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from support.breaking import Killed
from support.letters import numbers_of

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
        self._wave_of: dict[int, str] = {}
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
        self._open, self._wave_of = {}, {}

    def delivering(self, numbers: list[int]) -> None:
        """Hear from the step that these are in the wave that this thread has begun."""
        with self._lock:
            self._wave_of |= dict.fromkeys(numbers, self._here.wave)

    def arrived(self, numbers: list[int]) -> None:
        """Hear from the queues that a batch was accepted."""
        with self._lock:
            for number in numbers:
                if wave := self._wave_of.get(number):
                    self._open.setdefault(wave, set()).add(number)

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
        if operation == "PutItem" and "status" in asked["Item"]:
            self._here.wave = asked["Item"]["id"]["S"]
            self._open.setdefault(self._here.wave, set())
        elif operation == "UpdateItem" and "status" in str(asked.get("ExpressionAttributeNames", {})):
            self._open.pop(asked["Key"]["id"]["S"], None)
            self._here.wave = None

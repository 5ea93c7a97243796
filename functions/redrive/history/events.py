"""Events: what happens in a run, and how it is read from Step Functions' history."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

Json: TypeAlias = dict[str, Any]

_STATUSES = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_ATTEMPT_FAILED = re.compile(r"(LambdaFunction|Task|MapRun)\w*(Failed|TimedOut|Aborted)")
_ATTEMPT_SCHEDULED = {"LambdaFunctionScheduled", "TaskScheduled"}


@dataclass(frozen=True)
class Event:
    """Something that happened in a run. `lane` is the lane's number, from 1, or None for the run itself."""

    at: datetime
    lane: int | None


@dataclass(frozen=True)
class Entered(Event):
    """A state was entered. `kind` is its type (`Task`, `Choice`, …), `input` what it was given."""

    state: str
    kind: str
    input: Any


@dataclass(frozen=True)
class AttemptFailed(Event):
    """A try of a task ended in an error, which the state machine may retry or catch."""

    state: str
    error: str
    cause: str


@dataclass(frozen=True)
class Retried(Event):
    """A task is tried again; `attempt` counts from 1, so the first retry is attempt 2."""

    state: str
    attempt: int


@dataclass(frozen=True)
class Left(Event):
    """A state was left; `output` is what it gave."""

    state: str
    kind: str
    output: Any


@dataclass(frozen=True)
class LanesStarted(Event):
    """The lanes of a round started, `lanes` of them, as the children of a Map Run."""

    map_run: str
    lanes: int


@dataclass(frozen=True)
class Ended(Event):
    """The execution ended. `status` is SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    status: str
    error: str
    cause: str


class Reader:
    """Reads one execution's history, event by event. `lane` is the lane's number, None for the run itself."""

    def __init__(self, lane: int | None) -> None:
        self._lane = lane
        self._entered: Entered | None = None
        self._attempts = 0

    def read(self, raw: Json) -> Event | None:
        """Give AWS's event (Step Functions API, HistoryEvent) as ours; None when it tells nothing new."""
        kind, where = raw["type"], (raw["timestamp"], self._lane)
        details: Json = next((value for name, value in raw.items() if name.endswith("EventDetails")), {})
        error, cause = details.get("error", ""), details.get("cause", "")
        if kind.endswith("StateEntered"):
            given = json.loads(details.get("input", "null"))
            self._entered = Entered(*where, details["name"], kind.removesuffix("StateEntered"), given)
            self._attempts = 0
            return self._entered
        if kind.endswith("StateExited"):
            given = json.loads(details.get("output", "null"))
            return Left(*where, details["name"], kind.removesuffix("StateExited"), given)
        if kind in _STATUSES:
            return Ended(*where, _STATUSES[kind], error, cause)
        if self._entered is None:
            return None
        if kind in _ATTEMPT_SCHEDULED:
            self._attempts += 1
            return Retried(*where, self._entered.state, self._attempts) if self._attempts > 1 else None
        if kind == "MapRunStarted":
            return LanesStarted(*where, details["mapRunArn"], len(self._entered.input["plan"]["drain"]["lanes"]))
        if _ATTEMPT_FAILED.fullmatch(kind):
            return AttemptFailed(*where, self._entered.state, error or kind, cause)
        return None

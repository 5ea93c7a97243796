"""The history in a report: the visits of an execution as values that outlive the 90 days that AWS keeps them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from redrive.history.visits import Visit, visits
from redrive.values.summary import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from redrive.history.events import Ended, Event

FORMAT = 1
MOST_CAUSE = 600  # characters; the whole is in Step Functions
_REPORT, _QUESTION = "Write the report", "Did everything arrive?"
_ENDS = {
    Status.COMPLETE: "Redrive complete",
    Status.NOTHING: "Nothing to redrive",
    Status.NOTHING_MATCHED: "Nothing matched",
    Status.IN_FLIGHT: "All are in flight",
    Status.STEPPED_BACK: "Stepped back",
    Status.INCOMPLETE: "Redrive incomplete",
    Status.FAILED: "Redrive failed",
}


@dataclass(frozen=True)
class History:
    """What an execution went through.

    visits    in the order they began, each `{"state", "kind", "lane", "entered" (ms since the epoch), "seconds",
              "status", "attempts", "retried" (an error for each try that was repeated), "error", "cause"}`
    end       `{"status", "at", "error", "cause"}`, None while it runs
    complete  whether all of it was read
    """

    visits: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] | None = None
    complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """Give it as it stands in the ledger and in a report."""
        return {"format": FORMAT, **vars(self)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> History:
        """Read what `to_json` wrote."""
        return cls(document["visits"], document["end"], document["complete"])

    def as_visits(self) -> list[Visit]:
        """Give the visits as they were read from an execution, those of lanes among the others."""
        names = {field.name for field in fields(Visit)}
        return [
            Visit(
                **{name: value for name, value in visit.items() if name in names} | {"entered": _time(visit["entered"])}
            )
            for visit in self.visits
        ]

    def foretold(self, status: Status) -> History:
        """Add what must follow the report that is being written: the last question, and the end that it leads to."""
        last = next((visit for visit in reversed(self.visits) if visit["lane"] is None), None)
        if last is None or last["state"] != _REPORT:
            return self
        written = last | {"status": "ok", "foretold": True}
        follow = [
            last | {"state": name, "kind": kind, "seconds": None, "status": status_of, "attempts": 1, "foretold": True}
            for name, kind, status_of in (
                (_QUESTION, "Choice", "ok"),
                (_ENDS[status], *(("Fail", "failed") if status in _RED else ("Succeed", "ok"))),
            )
        ]
        return replace(self, visits=[*(written if visit is last else visit for visit in self.visits), *follow])


_RED = {Status.INCOMPLETE, Status.FAILED}


def read_history(events: Iterable[Event], *, most: int | None = None, seconds: float | None = None) -> History:
    """Put an execution's events together; no more than `most` of them, and no longer than `seconds`."""
    taken = _Taken(events, most, seconds)
    own, end = visits(taken)
    flat = sorted(_flat(own), key=lambda visit: visit.entered)
    return History([_visit(visit) for visit in flat], _end(end) if end else None, taken.all)


class _Taken:
    """Events until one of the bounds is reached; `all` tells whether none was."""

    def __init__(self, events: Iterable[Event], most: int | None, seconds: float | None) -> None:
        self._events, self._most, self.all = events, most, True
        self._until = None if seconds is None else time.monotonic() + seconds

    def __iter__(self) -> Iterator[Event]:
        events = iter(self._events)
        for event in islice(events, self._most):
            yield event
            if self._until is not None and time.monotonic() > self._until:
                self.all = False
                return
        self.all = self._most is None or next(events, None) is None


def _flat(own: Iterable[Visit]) -> Iterator[Visit]:
    for visit in own:
        yield visit
        yield from _flat(visit.lanes)


def _visit(visit: Visit) -> dict[str, Any]:
    return {
        "state": visit.state,
        "kind": visit.kind,
        "lane": visit.lane,
        "entered": _ms(visit.entered),
        "seconds": visit.seconds if visit.seconds is None else round(visit.seconds, 3),
        "status": visit.status,
        "attempts": visit.attempts,
        "retried": visit.retried,
        "error": visit.error,
        "cause": visit.cause[:MOST_CAUSE],
    }


def _end(end: Ended) -> dict[str, Any]:
    return {"status": end.status, "at": _ms(end.at), "error": end.error, "cause": end.cause[:MOST_CAUSE]}


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)

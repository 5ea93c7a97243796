"""Visits: the states that a run went through, put together from its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redrive.history.events import AttemptFailed, Ended, Entered, Left, Retried

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from redrive.history.events import Event


@dataclass
class Visit:
    """A state that a run went through.

    `status` is `ok`, `caught`, `failed` or `running`; `error` and `cause` are those of the last attempt, and `retried`
    the errors of the attempts before it. `lanes` are the visits inside *Drain the queue*, lane by lane; `seconds` is
    None for a state that was not left.
    """

    state: str
    kind: str
    lane: int | None
    entered: datetime
    status: str = "running"
    seconds: float | None = None
    attempts: int = 1
    error: str = ""
    cause: str = ""
    retried: list[str] = field(default_factory=list)
    lanes: list[Visit] = field(default_factory=list)


def visits(events: Iterable[Event]) -> tuple[list[Visit], Ended | None]:
    """Put a run's events together to the states it went through, and its end, if it has ended."""
    own: list[Visit] = []
    lanes: dict[int, list[Visit]] = {}
    end = None
    for event in events:
        here = own if event.lane is None else lanes.setdefault(event.lane, [])
        if isinstance(event, Entered):
            here.append(Visit(event.state, event.kind, event.lane, event.at))
        elif here:
            _continue(here[-1], event)
        if isinstance(event, Left) and event.kind == "Map":
            _hang(own, lanes)
        if isinstance(event, Ended) and event.lane is None:
            end = event
    _hang(own, lanes)
    return own, end


def _continue(visit: Visit, event: Event) -> None:
    match event:
        case AttemptFailed():
            visit.error, visit.cause = event.error, event.cause
        case Retried():
            visit.retried.append(visit.error)
            visit.attempts, visit.error, visit.cause = event.attempt, "", ""
        case Left():
            visit.status = "caught" if visit.error else "ok"
            visit.seconds = (event.at - visit.entered).total_seconds()
        case Ended() if visit.status == "running":  # a Fail state, or one that was cut off, is never left
            visit.status, visit.error, visit.cause = "failed", event.error or event.status, event.cause


def _hang(own: list[Visit], lanes: dict[int, list[Visit]]) -> None:
    """Hang what the lanes went through under the state that started them: the last Map that was entered."""
    for number in sorted(lanes):
        starter = next(visit for visit in reversed(own) if visit.kind == "Map")
        starter.lanes += lanes.pop(number)

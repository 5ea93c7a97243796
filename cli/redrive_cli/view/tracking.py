"""Tracking: from a run's events to where it is now: what is done of how much, how fast, and each lane's turn.

It keeps the last of everything and no list of all, so a long run takes no more of it than a short one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.history.events import Ended, Entered, Left
from redrive.values.bill import add
from redrive.values.lane import Lane
from redrive.values.outcome import Outcome, no_counts
from redrive.values.plan import MoveTask
from redrive.values.queue import QueueDepth
from redrive.values.request import EVERY, Request

if TYPE_CHECKING:
    from datetime import datetime

    from redrive.history.events import Event
    from redrive.values.outcome import Counts

Json: TypeAlias = dict[str, Any]  # a state's input or output, as Step Functions tells it

_RECENT = timedelta(seconds=60)  # of which the rate is taken
_SAMPLES = 240  # at most, in that time


@dataclass
class Turn:
    """A turn of a lane that has ended: the states it went through, and what it added to the lane's counts."""

    lane: int
    round: int
    number: int
    states: list[str]
    gained: Counts


@dataclass
class LaneNow:
    """A lane as it is now.

    state  the one that it is in; `ended` whether it is the last of this round
    last   what its states said of it last; None before the first has
    turns  how many it has ended
    path   the states of the turn that it is in, without choices
    """

    number: int
    state: str = ""
    last: Lane | None = None
    ended: bool = False
    turns: int = 0
    path: list[str] = field(default_factory=list)
    _first: str = ""
    _before: Counts = field(default_factory=no_counts)

    @property
    def counts(self) -> Counts:
        """What it has done so far."""
        return self.last.tally.counts if self.last else no_counts()

    def take(self, event: Event) -> Turn | None:
        """Take what happened in it; gives the turn that this ended."""
        turn = None
        if isinstance(event, Entered):
            if event.state == self._first:
                turn = self._turn()
            self._first = self._first or event.state
            self._see(event.input)
            self.state, self.ended = event.state, False  # another round goes on where the last one ended
            if event.kind != "Choice":
                self.path.append(event.state)
            if event.kind == "Wait":  # the turn is over; the next one waits for its time
                turn = self._turn()
        elif isinstance(event, Left) and isinstance(event.output, dict):
            self._see(event.output)
        elif isinstance(event, Ended):
            self.ended = True
            turn = self._turn()
        return turn

    def _see(self, state: Json) -> None:
        known = self.last is not None
        self.last = Lane.from_json(state.get("lane", state))
        if not known:  # what it did in earlier rounds is not of this turn
            self._before = self.counts

    def _turn(self) -> Turn | None:
        if not self.path or self.last is None:
            return None
        gained = {name: self.counts[name] - self._before[name] for name in ("received", *Outcome)}
        turn = Turn(self.number, self.last.round, self.last.turn, self.path, gained)
        self.path, self._before, self.turns = [], self.counts, self.turns + 1
        return turn


class Tracker:
    """Where a run is now.

    state         the one that it is in
    began         when the run began; None before the first event
    total         how many messages there are to look at, or to move, as SQS counted; None where that is not known
    draining      whether its lanes are at work
    lanes         each lane by its number, in whatever round it is
    task          the move task as SQS listed it last, None where there is none
    """

    def __init__(self) -> None:
        self.state = ""
        self.began: datetime | None = None
        self.total: int | None = None
        self.draining = False
        self.lanes: dict[int, LaneNow] = {}
        self.task: MoveTask | None = None
        self._samples: deque[tuple[datetime, int]] = deque(maxlen=_SAMPLES)

    def take(self, event: Event) -> Turn | None:
        """Take what happened; gives the turn of a lane that this ended."""
        self.began = self.began or event.at
        turn = None
        if event.lane is not None:
            turn = self.lanes.setdefault(event.lane, LaneNow(event.lane)).take(event)
        elif isinstance(event, Entered):
            self.state, self.draining = event.state, event.kind == "Map"
        elif isinstance(event, Left) and isinstance(event.output, dict):
            self._learn(event)
        if turn or self.task:
            self._sample(event.at)
        return turn

    @property
    def counts(self) -> Counts:
        """What all lanes have done."""
        return add(no_counts(), *(lane.counts for lane in self.lanes.values()))

    @property
    def done(self) -> int:
        """How many messages were looked at, or moved."""
        return self.counts["received"] + (self.task.moved if self.task else 0)

    @property
    def rate(self) -> float | None:
        """Messages a second of the last minute; None while too little is known."""
        if len(self._samples) < 2:  # noqa: PLR2004  between two points is a rate
            return None
        (first, before), (last, now) = self._samples[0], self._samples[-1]
        seconds = (last - first).total_seconds()
        return (now - before) / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long it takes at this rate; None where that cannot be said."""
        return max(0, self.total - self.done) / self.rate if self.total and self.rate else None

    def _learn(self, left: Left) -> None:
        known = left.output
        if left.state == "Plan the redrive" and "plan" in known:
            self.total = _to_look_at(Request.from_json(known["request"]), QueueDepth.from_json(known["count"]))
            self._samples.append((left.at, 0))
        if left.state == "Read the move task" and known.get("moves", {}).get("Results"):
            self.task = MoveTask.from_sqs(known["moves"]["Results"][0])
            self.total = max(self.task.to_move, self.task.moved)

    def _sample(self, at: datetime) -> None:
        self._samples.append((at, self.done))
        while self._samples[-1][0] - self._samples[0][0] > _RECENT and len(self._samples) > 2:  # noqa: PLR2004  as above
            self._samples.popleft()


def _to_look_at(request: Request, depth: QueueDepth) -> int | None:
    """How many messages a run will look at, as far as SQS's count can be trusted; None for none."""
    if request.limit is not None and request.filter == EVERY:
        return min(depth.visible, request.limit) or None
    return depth.visible or None

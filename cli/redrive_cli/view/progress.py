"""Progress: a run as it happens, in lines: one for each state, and now and then one for the turns of its lanes."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.history.events import AttemptFailed, Entered, Left, Retried
from redrive.values.bill import A_LOOK, add
from redrive.values.errors import Failure
from redrive.values.plan import MoveTask, Plan, Released
from redrive.values.queue import QueueDepth
from redrive_cli.view.console import SIGNS
from redrive_cli.view.tracking import Tracker
from redrive_cli.view.words import duration, told_counts, told_depth

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from redrive.history.events import Event
    from redrive_cli.view.console import Screen
    from redrive_cli.view.tracking import Turn

Json: TypeAlias = dict[str, Any]  # a state's input or output, as Step Functions tells it

_WORDS = {
    "Task": "step",
    "Pass": "step",
    "Choice": "choice",
    "Wait": "wait",
    "Map": "lanes",
    "Succeed": "ok",
    "Fail": "failed",
}
INDENT = " " * 10
_THEN = " \u203a "  # a small arrow between states
_SELDOM = 5.0  # seconds between two lines of what repeats: turns of lanes, looks at a move task


class Progress(AbstractContextManager["Progress"]):
    """A run as it happens, in lines that are never drawn over.

    What the run itself enters is a line at once. What repeats, and may do so for hours, is one at most every few
    seconds, which has all that was not told: the turns of all lanes, and the looks at a move task.
    """

    def __init__(self, out: Screen) -> None:
        self.out = out
        self.now = Tracker()
        self._pending: Turn | None = None  # the last one that was not told, with what all of them gained
        self._pending_turns = 0
        self._told_turns = self._told_look = float("-inf")
        self._looked_at = ""
        self._in_loop: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, event: Event) -> None:
        """Show one event."""
        turn = self.take(event)
        if isinstance(event, AttemptFailed):
            failure = Failure(event.error, event.cause)
            self._sign("error", f"{_of_lane(event)}{event.state}: {failure.error}: {failure.sentence}")
        elif isinstance(event, Retried):
            self._sign("retry", f"{_of_lane(event)}{event.state}, attempt {event.attempt}")
        elif event.lane is not None:
            if turn:
                self.turn_ended(turn)
        elif isinstance(event, Entered):
            if not self._goes_round(event.state):
                self._sign(_WORDS[event.kind], event.state)
        elif isinstance(event, Left):
            if event.kind == "Map":
                self.lanes_ended()
            if (told := _told(event)) and not self._was_told(event.state, told):
                self.detail(told, "dim")

    def take(self, event: Event) -> Turn | None:
        """Take an event into what is known of the run; gives the turn of a lane that this ended."""
        return self.now.take(event)

    def turn_ended(self, turn: Turn) -> None:
        """Tell of a lane's turn, or keep it for the next line."""
        if self._pending:
            turn = replace(turn, gained=add(self._pending.gained, turn.gained))
        self._pending, self._pending_turns = turn, self._pending_turns + 1
        if time.monotonic() - self._told_turns >= _SELDOM:
            self._tell_turns()

    def lanes_ended(self) -> None:
        """Tell what was kept: no lane has another turn in this round."""
        self._tell_turns()

    def detail(self, text: str, style: str = "") -> None:
        """Print a line of what is below a state."""
        self.out.line((INDENT + text, style))

    def _tell_turns(self) -> None:
        if (turn := self._pending) is None:
            return
        told = told_counts(turn.gained)
        if self._pending_turns == 1:
            round_ = f"round {turn.round} · " if turn.round > 1 else ""
            text = f"lane {turn.lane} · {round_}turn {turn.number} · {_THEN.join(turn.states)}"
            self.detail(f"{text}  ({told})" if told else text)
        else:
            self.detail(f"{self._pending_turns:,} turns  ({told or 'none received'})  {how_far(self.now)}")
        self._pending, self._pending_turns, self._told_turns = None, 0, time.monotonic()

    def _goes_round(self, state: str) -> bool:
        """Tell whether this is one of the states that wait for a move task, and was entered before."""
        if state not in A_LOOK:
            return False
        known = state in self._in_loop
        self._in_loop.add(state)
        return known

    def _was_told(self, state: str, told: str) -> bool:
        """Tell whether this look at a move task brought nothing that must be told now."""
        if state not in A_LOOK:
            return False
        status, now = told.partition(":")[0], time.monotonic()
        if status == self._looked_at and now - self._told_look < _SELDOM:
            return True
        self._looked_at, self._told_look = status, now
        return False

    def _sign(self, word: str, text: str) -> None:
        symbol, colour = SIGNS[word]
        self.out.line((f"{symbol} {word:<8}", colour), text)


def how_far(now: Tracker) -> str:
    """Tell how far a run is, how fast it goes, and what time it needs at that rate."""
    parts = [f"{now.done:,} of {max(now.total, now.done):,}" if now.total else f"{now.done:,} so far"]
    if now.rate:
        parts.append(f"{now.rate:,.0f}/s")
    if now.seconds_left:
        parts.append(f"{duration(now.seconds_left)} left")
    return " · ".join(parts)


def _of_lane(event: Event) -> str:
    return "" if event.lane is None else f"lane {event.lane} · "


def _counted(output: Json) -> str:
    return told_depth(QueueDepth.from_json(output["count"]))


def _planned(output: Json) -> str:
    plan = Plan.from_json(output["plan"])
    return f"{plan.path} path, because {' and '.join(plan.because)}"


def _moved(output: Json) -> str:
    if not output["moves"]["Results"]:
        return "SQS lists no move task"
    task = MoveTask.from_sqs(output["moves"]["Results"][0])
    return f"{task.status}: {task.moved:,} of {task.to_move:,} moved"


def _released(output: Json) -> str:
    return f"{Released.from_json(output['release']).released:,} are visible in the queue again"


# What a state has to tell when it is left: the part of its output that it has made, and how to tell it. Where an error
# was caught there is no such part. The names are the state machine's.
TOLD: dict[str, tuple[str, Callable[[Json], str]]] = {
    "Count dead letters": ("count", _counted),
    "Plan the redrive": ("plan", _planned),
    "Read the move task": ("moves", _moved),
    "Release what was held": ("release", _released),
}


def _told(event: Left) -> str:
    part, tell = TOLD.get(event.state, ("", None))
    if tell is None:
        return ""
    if part not in event.output:
        return "not released; what was held becomes visible by itself" if part == "release" else ""
    return tell(event.output)

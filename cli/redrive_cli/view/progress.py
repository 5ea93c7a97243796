"""Progress: a run as it happens, a line for each state and for each turn of a lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.history.events import AttemptFailed, Ended, Entered, Left, Retried
from redrive.values.errors import Failure
from redrive.values.lane import Lane
from redrive.values.outcome import Outcome
from redrive.values.plan import MoveTask, Plan, Released
from redrive.values.queue import QueueDepth
from redrive_cli.view.console import SIGNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from redrive.history.events import Event
    from redrive.values.outcome import Counts
    from redrive_cli.view.console import Screen

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
_INDENT = " " * 10
_THEN = " \u203a "  # a small arrow between states


class Progress:
    """A run as it happens: a line for each state as it is entered, and for each turn of a lane as it ends."""

    def __init__(self, out: Screen) -> None:
        self._out = out
        self._turns: dict[int, _Turn] = {}

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, AttemptFailed):
            failure = Failure(event.error, event.cause)
            self._line("error", f"{_of_lane(event)}{event.state}: {failure.error}: {failure.sentence}")
        elif isinstance(event, Retried):
            self._line("retry", f"{_of_lane(event)}{event.state}, attempt {event.attempt}")
        elif event.lane is not None:
            self._turns.setdefault(event.lane, _Turn(self._out, event.lane)).take(event)
        elif isinstance(event, Entered):
            self._line(_WORDS[event.kind], event.state)
        elif isinstance(event, Left) and (told := _told(event)):
            self._out.line((_INDENT + told, "dim"))

    def _line(self, word: str, text: str) -> None:
        symbol, colour = SIGNS[word]
        self._out.line((f"{symbol} {word:<8}", colour), text)


class _Turn:
    """The turn that a lane is in: it becomes one line when the lane ends it."""

    def __init__(self, out: Screen, number: int) -> None:
        self._out = out
        self._number = number
        self._first = ""
        self._path: list[str] = []
        self._before: Counts = {}
        self._now: Lane | None = None

    def take(self, event: Event) -> None:
        if isinstance(event, Entered):
            if event.state == self._first:
                self._end()
            self._first = self._first or event.state
            self._now = _lane_in(event.input)
            self._before = self._before or self._now.tally.counts
            if event.kind != "Choice":
                self._path.append(event.state)
            if event.kind == "Wait":  # the turn is over; the next one waits for its time
                self._end()
        elif isinstance(event, Left) and isinstance(event.output, dict):
            self._now = _lane_in(event.output)
        elif isinstance(event, Ended):
            self._end()

    def _end(self) -> None:
        if not self._path or self._now is None:
            return
        lane, counts = self._now, self._now.tally.counts
        gained = {name: counts[name] - self._before[name] for name in ("received", *Outcome)}
        told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in gained.items() if number)
        round_ = f"round {lane.round} · " if lane.round > 1 else ""
        turn = f"{_INDENT}lane {self._number} · {round_}turn {lane.turn} · {_THEN.join(self._path)}"
        self._out.line(f"{turn}  ({told})" if told else turn)
        self._path, self._before = [], counts


def _lane_in(state: Json) -> Lane:
    return Lane.from_json(state.get("lane", state))


def _of_lane(event: Event) -> str:
    return "" if event.lane is None else f"lane {event.lane} · "


def _counted(output: Json) -> str:
    depth = QueueDepth.from_json(output["count"])
    delayed = f", {depth.delayed:,} delayed" if depth.delayed else ""
    return f"{depth.visible:,} visible, {depth.in_flight:,} in flight{delayed}"


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

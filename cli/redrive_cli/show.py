"""How a run looks in a terminal, a pipe and a log: progress, summary, history, errors.

Lines only, never drawn over; rich leaves colours out where there is no terminal, or NO_COLOR is set.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.console import Console
from rich.text import Text

from redrive.errors import explain
from redrive_cli.executions import AttemptFailed, Ended, Entered, Left, Retried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from redrive_cli.executions import Event, Visit

Json: TypeAlias = dict[str, Any]

# One table for everything that has a status or a kind: word → symbol and colour.
SIGNS = {
    "step": ("▸", "cyan"),
    "choice": ("◇", "blue"),
    "wait": ("○", "blue"),
    "lanes": ("≡", "cyan"),
    "error": ("✘", "red"),
    "retry": ("↻", "yellow"),
    "ok": ("✔", "green"),
    "caught": ("✘", "yellow"),
    "failed": ("✘", "red"),
    "running": ("…", "cyan"),
}
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
_OUTCOMES = ("received", "sent", "held", "failed", "returned", "previewed")
_ALWAYS = ("received", "sent", "held", "failed")
_SERVICES = {"sqs": "SQS", "s3": "S3", "dynamodb": "DynamoDB", "lambda": "Lambda", "transitions": "transitions"}


def console(*, stderr: bool = False) -> Console:
    """A console for lines of any length: no wrapping, no markup, no guessing at colours."""
    return Console(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)


def error(sentence: str, hint: str) -> None:
    """Tell on stderr what is wrong, and what to do."""
    out = console(stderr=True)
    out.print(Text.assemble(("error: ", "bold red"), sentence))
    out.print(Text.assemble(("hint: ", "cyan"), hint))


class Progress:
    """A run as it happens: a line for each state as it is entered, and for each turn of a lane as it ends."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._turns: dict[int, _Turn] = {}

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, AttemptFailed):
            name, sentence = explain({"Error": event.error, "Cause": event.cause})
            self._line("error", f"{_of_lane(event)}{event.state}: {name}: {sentence}")
        elif isinstance(event, Retried):
            self._line("retry", f"{_of_lane(event)}{event.state}, attempt {event.attempt}")
        elif event.lane is not None:
            self._turns.setdefault(event.lane, _Turn(self._out, event.lane)).take(event)
        elif isinstance(event, Entered):
            self._line(_WORDS[event.kind], event.state)
        elif isinstance(event, Left) and event.state in TOLD and (told := TOLD[event.state](event.output)):
            self._out.print(Text(_INDENT + told, "dim"))

    def _line(self, word: str, text: str) -> None:
        symbol, colour = SIGNS[word]
        self._out.print(Text.assemble((f"{symbol} {word:<8}", colour), text))


class _Turn:
    """The turn that a lane is in: it becomes one line when the lane ends it."""

    def __init__(self, out: Console, lane: int) -> None:
        self._out = out
        self._lane = lane
        self._first = ""
        self._path: list[str] = []
        self._before: dict[str, int] = {}
        self._now: Json = {}

    def take(self, event: Event) -> None:
        if isinstance(event, Entered):
            if event.state == self._first:
                self._end()
            self._first = self._first or event.state
            self._now = event.input.get("lane", event.input)
            self._before = self._before or self._now["counts"]
            if event.kind != "Choice":
                self._path.append(event.state)
            if event.kind == "Wait":  # the turn is over; the next one waits for its time
                self._end()
        elif isinstance(event, Left) and isinstance(event.output, dict):
            self._now = event.output.get("lane", event.output)
        elif isinstance(event, Ended):
            self._end()

    def _end(self) -> None:
        if not self._path:
            return
        counts = self._now["counts"]
        gained = {name: counts[name] - self._before[name] for name in _OUTCOMES}
        told = ", ".join(f"{gained[name]:,} {name}" for name in _OUTCOMES if gained[name])
        round_ = f"round {self._now['round']} · " if self._now["round"] > 1 else ""
        turn = f"{_INDENT}lane {self._lane} · {round_}turn {self._now['turn']} · {_THEN.join(self._path)}"
        self._out.print(f"{turn}  ({told})" if told else turn)
        self._path, self._before = [], counts


def _of_lane(event: Event) -> str:
    return "" if event.lane is None else f"lane {event.lane} · "


def _counted(output: Json) -> str:
    if "count" not in output:
        return ""
    count = output["count"]
    delayed = f", {count['delayed']:,} delayed" if count["delayed"] else ""
    return f"{count['visible']:,} visible, {count['in_flight']:,} in flight{delayed}"


def _planned(output: Json) -> str:
    if "plan" not in output:
        return ""
    plan = output["plan"]
    return f"{plan['path']} path, because {' and '.join(plan['because'])}"


def _moved(output: Json) -> str:
    if "moves" not in output:
        return ""
    task = output["moves"].get("task") or {}
    if not task:
        return "SQS lists no move task"
    moved, total = task.get("ApproximateNumberOfMessagesMoved", 0), task.get("ApproximateNumberOfMessagesToMove", 0)
    return f"{task['Status']}: {moved:,} of {total:,} moved"


def _released(output: Json) -> str:
    if "release" not in output:
        return "not released; what was held shows again by itself"
    return f"{output['release']['released']:,} show again in the queue"


# What a state has to tell when it is left; nothing, when an error was caught there. The names are the state machine's.
TOLD: dict[str, Callable[[Json], str]] = {
    "Count dead letters": _counted,
    "Plan the redrive": _planned,
    "Read the move task": _moved,
    "Release what was held": _released,
}


def summary(out: Console, result: Json) -> None:
    """Print a run's summary for people, one aligned line for each thing."""
    for name, value in _summary(result):
        out.print(f"{name:<10}{value}")


def _summary(result: Json) -> Iterator[tuple[str, str]]:
    yield "run", result["run"]
    yield "status", result["status"]
    if result["queue"]:
        yield "queue", result["queue"]
    if result["path"]:
        yield "path", f"{result['path']}, because {' and '.join(result['because'])}"
        for name in _OUTCOMES:
            if result[name] or name in _ALWAYS:
                yield name, f"{result[name]:,}"
    if result["lanes"]:
        yield "lanes", f"{result['lanes']}, because {' and '.join(result['lanes_because'])}"
    for reason, number in result.get("reasons", {}).items():
        yield "", f"{number:,} failed: {reason}"
    for number, (group, reason) in enumerate(result.get("stopped_groups", {}).items()):
        yield "" if number else "stopped", f"group {group}: {reason}"
    if more := result.get("more_stopped_groups"):
        yield "", f"and {more:,} more group{'s' if more > 1 else ''}"
    yield "seconds", f"{result['seconds']}"
    yield "requests", ", ".join(f"{result['requests'][key]:,} {name}" for key, name in _SERVICES.items())
    yield "ledger", result["ledger"]


def history(out: Console, states: list[Visit], end: Ended | None) -> None:
    """Print the states of a run, the lanes' indented under the state that started them, and how it ended."""
    rows = list(_flat(states))
    width = max((len(_name(visit)) for visit in rows), default=0)
    for visit in rows:
        symbol, colour = SIGNS[visit.status]
        seconds = "" if visit.seconds is None else f"{visit.seconds:.2f} s"
        out.print(
            Text.assemble(
                f"{visit.entered.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}  {_name(visit):<{width}}  {seconds:>8}  ",
                (f"{symbol} {_status(visit)}", colour),
            )
        )
    out.print(_ending(end))


def history_json(states: list[Visit], end: Ended | None) -> Iterator[str]:
    """Give the same as JSON lines: one object for each state, and one for the execution."""
    for visit in _flat(states):
        line = {
            "time": visit.entered.isoformat(),
            "state": visit.state,
            "lane": visit.lane,
            "status": visit.status,
            "attempts": visit.attempts,
            "error": visit.error or None,
            "cause": visit.cause or None,
            "seconds": visit.seconds,
        }
        yield json.dumps(line)
    yield json.dumps(
        {
            "execution": end.status if end else "RUNNING",
            "time": end.at.isoformat() if end else None,
            "error": end.error or None if end else None,
            "cause": end.cause or None if end else None,
        }
    )


def _flat(states: Iterable[Visit]) -> Iterator[Visit]:
    for visit in states:
        yield visit
        yield from _flat(visit.lanes)


def _name(visit: Visit) -> str:
    return visit.state if visit.lane is None else f"  lane {visit.lane} · {visit.state}"


def _status(visit: Visit) -> str:
    retries = visit.attempts - 1
    retried = "" if not retries else f", retried {retries} time{'s' if retries > 1 else ''}"
    return f"{visit.status}{f' {visit.error}' if visit.error else ''}{retried}"


def _ending(end: Ended | None) -> Text:
    if end is None:
        symbol, colour = SIGNS["running"]
        return Text(f"{symbol} RUNNING", colour)
    symbol, colour = SIGNS["ok" if end.status == "SUCCEEDED" else "failed"]
    why = ": ".join(part for part in (end.error, end.cause) if part)
    return Text.assemble((f"{symbol} {end.status}", colour), f"  {why}" if why else "")

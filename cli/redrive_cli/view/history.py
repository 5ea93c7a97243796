"""The history of a run, for people and for programs."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from redrive_cli.view.console import SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from redrive.history.events import Ended
    from redrive.history.visits import Visit
    from redrive_cli.view.console import Screen


def show_history(out: Screen, states: list[Visit], end: Ended | None) -> None:
    """Print the states of a run, the lanes' indented under the state that started them, and how it ended."""
    rows = list(_flat(states))
    width = max((len(_name(visit)) for visit in rows), default=0)
    for visit in rows:
        symbol, colour = SIGNS[visit.status]
        seconds = "" if visit.seconds is None else f"{visit.seconds:.2f} s"
        out.line(
            f"{visit.entered.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}  {_name(visit):<{width}}  {seconds:>8}  ",
            (f"{symbol} {_status(visit)}", colour),
        )
    out.line(*_ending(end))


def history_json(states: list[Visit], end: Ended | None) -> Iterator[dict[str, Any]]:
    """Give the same for programs: one object for each state, and one for the execution."""
    for visit in _flat(states):
        yield {
            "time": visit.entered.isoformat(),
            "state": visit.state,
            "lane": visit.lane,
            "status": visit.status,
            "attempts": visit.attempts,
            "error": visit.error or None,
            "cause": visit.cause or None,
            "seconds": visit.seconds,
        }
    yield {
        "execution": end.status if end else "RUNNING",
        "time": end.at.isoformat() if end else None,
        "error": end.error or None if end else None,
        "cause": end.cause or None if end else None,
    }


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


def _ending(end: Ended | None) -> list[str | tuple[str, str]]:
    if end is None:
        symbol, colour = SIGNS["running"]
        return [(f"{symbol} RUNNING", colour)]
    symbol, colour = SIGNS["ok" if end.status == "SUCCEEDED" else "failed"]
    why = ": ".join(part for part in (end.error, end.cause) if part)
    return [(f"{symbol} {end.status}", colour), f"  {why}" if why else ""]

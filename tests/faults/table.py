"""The sweep's table, in Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COMMAND = "make faults"
STEPS = ("check", "count", "plan", "receive", "filter", "send", "delete", "release", "report", "cleanup")


@dataclass(frozen=True)
class Row:
    """One run with one fault, and the run after it. Counts of messages."""

    scenario: str
    kind: str
    step: str
    service: str
    operation: str
    how: str
    reached: bool
    lost: int = 0
    wrongly_deleted: int = 0
    hidden: int = 0
    overtaken: int = 0
    twice: int = 0
    bound: int = 0
    copies: int = 1


def table(rows: list[Row]) -> str:
    """Two tables: by what happened to the run, and by the call at which it happened."""
    reached = sorted((row for row in rows if row.reached), key=lambda row: (row.scenario, row.kind))
    told = (
        f"{len(reached)} runs of {len({(row.step, row.operation) for row in reached})} kinds of calls, "
        f"made by `{COMMAND}`. The zeros are the promise. *Arrived again* is the most in one run, "
        "*in flight* how many could: sent and not recorded when a step died, or sent without an answer; "
        "*copies* is the most of one message."
    )
    lines = [
        told,
        "",
        *_by("what happened", reached, lambda row: (row.scenario, row.kind), lambda row: f"{row.scenario}; {row.kind}"),
        "",
        *_by(
            "broken at",
            sorted(reached, key=_place),
            _place,
            lambda row: (
                f"{row.step}: its answer" if row.operation == "answer" else f"{row.step}: {row.service} {row.operation}"
            ),
        ),
    ]
    return "\n".join(lines) + "\n"


def _place(row: Row) -> tuple[int, str, str]:
    return STEPS.index(row.step), row.service, row.operation


def _by(title: str, rows: Iterable[Row], key: Callable[[Row], object], name: Callable[[Row], str]) -> list[str]:
    lines = [
        f"| {title} | runs | lost | wrongly deleted | hidden after ten minutes | overtaken | arrived again | in flight | copies |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for _, group in groupby(rows, key):
        found = list(group)
        sums = [sum(getattr(row, part) for row in found) for part in ("lost", "wrongly_deleted", "hidden", "overtaken")]
        most = [max(getattr(row, part) for row in found) for part in ("twice", "bound", "copies")]
        lines.append("| " + " | ".join([name(found[0]), *map(str, [len(found), *sums, *most])]) + " |")
    return lines

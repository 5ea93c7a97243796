"""An expression with a caret under the place that an error is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from redrive_cli.view.console import escaped

if TYPE_CHECKING:
    from redrive_cli.sample.pointing import Pointed
    from redrive_cli.view.console import Screen

_BEFORE = 40  # characters of a long line that are shown before the place
_MARGIN = "  "


def show_pointed(out: Screen, place: Pointed | None) -> None:
    """Print the line of an expression, and the caret; nothing where there is no place."""
    if place is None:
        return
    start = max(0, place.at - _BEFORE) if len(place.line) > out.width - len(_MARGIN) else 0
    before = escaped(f"{'…' if start else ''}{place.line[start : place.at]}")
    out.cut_line(_MARGIN, before, place.line[place.at :])
    out.line(_MARGIN, " " * cell_len(before), ("^", "bold red"))

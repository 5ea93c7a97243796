"""A table: aligned columns, each no wider than it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rich.cells import cell_len, set_cell_size

from redrive_cli.view.console import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive_cli.view.console import Screen

Cell: TypeAlias = str | tuple[str, str]  # a text, or a text with its style


def show_table(out: Screen, head: Sequence[str], rows: Sequence[Sequence[Cell]], most: dict[str, int]) -> None:
    """Print rows under their head; `most` says of some columns how many cells they may take."""
    shown = [[_cut(cell, most.get(name)) for name, cell in zip(head, row, strict=True)] for row in rows]
    widths = [max(map(cell_len, [name, *(row[at][0] for row in shown)])) for at, name in enumerate(head)]
    for row in [[(name, "dim") for name in head], *shown]:
        *first, (text, style) = row
        padded = [(set_cell_size(cell, width), style) for (cell, style), width in zip(first, widths, strict=False)]
        out.line(*(part for cell in padded for part in (cell, "  ")), (text, style))


def cut(text: str, width: int) -> str:
    """Give a text in no more than `width` cells."""
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"


def _cut(cell: Cell, width: int | None) -> tuple[str, str]:
    text, style = (cell, "") if isinstance(cell, str) else cell
    text = escaped(text)  # as it will be shown, and so as wide
    return (text if width is None else cut(text, width)), style

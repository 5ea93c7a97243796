"""The console: lines of any length, colours only where they are wanted, and one table of symbols.

Everything that the tool prints for people goes through a `Screen`, and for programs through `print_json`. Names, causes
and AWS's answers are other people's text: what could command a terminal stands in them escaped.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


# What moves the cursor, begins an escape sequence or a line, or turns the direction of writing (Unicode's categories
# Cc, Zl and Zp, and its Bidi_Control); and halves of a character, which no encoding takes.
_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Screen:
    """Lines of any length: no wrapping, no markup, no guessing at colours, and each of them one line."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def line(self, *parts: str | tuple[str, str]) -> None:
        """Print a line of texts, each plain or with its style."""
        if self._out.color_system is None:  # rich would take ten times as long to print the same
            texts = "".join(part if isinstance(part, str) else part[0] for part in parts)
            self._out.file.write(f"{escaped(texts)}\n")
            return
        styled = [(part, "") if isinstance(part, str) else part for part in parts]
        self._out.print(Text.assemble(*((escaped(text), style) for text, style in styled)))

    @property
    def width(self) -> int:
        """The cells that a line of the terminal has; in a pipe, what COLUMNS says, or 80."""
        return self._out.width

    def cut_line(self, *parts: str | tuple[str, str]) -> None:
        """Print as much of a line as the terminal is wide."""
        styled = [(part, "") if isinstance(part, str) else part for part in parts]
        whole = Text.assemble(*((escaped(text), style) for text, style in styled))
        whole.truncate(self.width, overflow="ellipsis")
        self._out.print(whole)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
        """Print a table with a style for each row: on a terminal as wide as that is, in a pipe in lines as they are."""
        cells = [[escaped(cell) for cell in row] for row in rows]
        if self._out.is_terminal:
            table = Table(*head, box=None, pad_edge=False, header_style="bold")
            for row, style in zip(cells, styles, strict=True):
                table.add_row(*map(Text, row), style=style)
            self._out.print(table, soft_wrap=False)
            return
        widths = [max(map(cell_len, column)) for column in zip(head, *cells, strict=True)]
        for row in ([*head], *cells):
            padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
            self._out.print(Text("  ".join(padded).rstrip()))

    @contextlib.contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show on a terminal that it is alive; in a pipe, nothing."""
        if not (self._out.is_interactive and self._out.file.isatty()):  # FORCE_COLOR makes no terminal of a pipe
            yield
            return
        with self._out.status(Text(escaped(text))):
            yield


def console(*, stderr: bool = False) -> Screen:
    """The screen that a person looks at."""
    return Screen(Console(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False))


def print_json(document: Any) -> None:
    """Print a document on stdout as one line of JSON, in ASCII without control characters."""
    click.echo(json.dumps(document).replace("\x7f", "\\u007f"))  # the one that json leaves as it is


def escaped(text: str) -> str:
    r"""Give a text with what could command a terminal written as Python writes it, as in `\x1b`."""
    return _COMMANDS.sub(lambda found: repr(found[0])[1:-1], text)


def show_error(sentence: str, hint: str) -> None:
    """Tell on stderr what is wrong, and what to do."""
    out = console(stderr=True)
    out.line(("error: ", "bold red"), sentence)
    out.line(("hint: ", "cyan"), hint)

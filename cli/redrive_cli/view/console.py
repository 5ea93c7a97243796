"""The console: lines of any length, colours only where they are wanted, and one table of symbols."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

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


def console(*, stderr: bool = False) -> Console:
    """A console for lines of any length: no wrapping, no markup, no guessing at colours."""
    return Console(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)


def show_error(sentence: str, hint: str) -> None:
    """Tell on stderr what is wrong, and what to do."""
    out = console(stderr=True)
    out.print(Text.assemble(("error: ", "bold red"), sentence))
    out.print(Text.assemble(("hint: ", "cyan"), hint))

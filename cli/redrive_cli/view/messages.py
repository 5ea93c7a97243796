"""Messages of a run, for people: a line for each, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redrive.values.outcome import Outcome
from redrive_cli.view.console import SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redrive_cli.view.console import Screen

# Of each outcome its word in the table of symbols.
SIGN_OF = {
    Outcome.SENT: "ok",
    Outcome.ALREADY_SENT: "ok",
    Outcome.HELD: "wait",
    Outcome.FAILED: "failed",
    Outcome.RETURNED: "retry",
    Outcome.PREVIEWED: "choice",
    Outcome.DISCARDED: "caught",
}
_ID = 36  # characters, of a UUID
_OUTCOME = 14


def show_messages(out: Screen, lines: Iterable[dict[str, Any]]) -> int:
    """Print a line for each message, without waiting for the last; give how many there were."""
    number = 0
    for number, line in enumerate(lines, 1):  # noqa: B007
        key = line.get("key")
        named = f"{key}  " if key is not None else ""
        out.line(f"{line.get('id', '')!s:<{_ID}}  ", signed(line, _OUTCOME), f"  {named}{what_became(line)}")
    return number


def signed(line: dict[str, Any], width: int = 0) -> tuple[str, str]:
    """Give a line's outcome with its symbol and colour."""
    outcome = str(line.get("outcome", ""))
    symbol, colour = SIGNS[SIGN_OF[Outcome(outcome)]] if outcome in {*Outcome} else ("?", "")
    return f"{symbol} {outcome.replace('_', ' '):<{width}}", colour


def what_became(line: dict[str, Any]) -> str:
    """Say where a message went, or why it did not."""
    if line.get("new_id"):
        to = f"to {line['destination']} " if line.get("destination") else ""
        return f"{to}as {line['new_id']}"
    return str(line.get("reason") or "")

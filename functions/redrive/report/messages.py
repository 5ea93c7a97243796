"""The messages in a report: what the ledger's outcomes say of each, packed so that 100,000 of them stay a small file.

Readers of outcomes take what stands there as it is: whoever wrote it, a report of it can be made.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redrive.stores.ledger import OUTCOMES, PAGES, legible
from redrive.values.errors import PageGone, PageUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redrive.stores.ledger import Ledger

# A row's columns. `WORDS` of them hold the number of a text in `words`; times are in ms since the epoch.
COLUMNS = ("id", "outcome", "reason", "new_id", "destination", "source", "kind", "key", "first_sent", "at", "page")
WORDS = ("outcome", "reason", "destination", "source", "kind", "page")
DEAD_LETTERED, BY_HAND, UNKNOWN = "dead-lettered by SQS", "put there by hand", "not recorded"
_THREADS = 8


def read_lines(ledger: Ledger, names: Sequence[str], kind: str = OUTCOMES) -> Iterator[tuple[str, list[Any] | None]]:
    """Read pages' lines of a kind side by side: each page's name with its lines, None where they cannot be read."""

    def lines(name: str) -> list[Any] | None:
        try:
            return legible(ledger.read)(kind, name)
        except (PageGone, PageUnreadable):
            return None

    with ThreadPoolExecutor(_THREADS) as pool:
        yield from zip(names, pool.map(lines, names), strict=True)


def bodies_of(ledger: Ledger, names: Sequence[str]) -> dict[str, str]:
    """Read the bodies that the backup still has, by message id."""
    found: dict[str, str] = {}
    for _, lines in read_lines(ledger, names, PAGES):
        for line in lines or ():
            if isinstance(line, dict) and isinstance(line.get("body"), str):
                found[_text(line.get("id")) or ""] = line["body"]
    return found


def pack(lines: Iterable[tuple[str, Any]], more: Sequence[str] = ()) -> dict[str, Any]:
    """Pack lines of outcomes, each with its page's name (or its run), to `{"columns", "worded", "words", "rows"}`.

    `more` are columns beside the usual ones, of texts.
    """
    columns = (*COLUMNS, *more)
    numbers: dict[str, int] = {}
    rows = []
    for page, given in lines:
        line = given if isinstance(given, dict) else {}
        told = _told(page, line)
        told |= {name: _text(line.get(name)) for name in more}
        rows.append([_number(numbers, told[name]) if name in WORDS else told[name] for name in columns])
    return {"columns": list(columns), "worded": list(WORDS), "words": list(numbers), "rows": rows}


def _told(page: str, line: dict[str, Any]) -> dict[str, Any]:
    texts = {
        name: _text(line.get(name)) for name in ("id", "outcome", "reason", "new_id", "destination", "source", "key")
    }
    kind = _text(line.get("kind")) or (
        UNKNOWN if "source" not in line else DEAD_LETTERED if texts["source"] else BY_HAND
    )
    sent = line.get("first_sent")
    first_sent = sent if type(sent) is int else None
    return {**texts, "kind": kind, "first_sent": first_sent, "at": _moment(line.get("at")), "page": page}


def _number(numbers: dict[str, int], word: str | None) -> int | None:
    return None if word is None else numbers.setdefault(word, len(numbers))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None if value is None else str(value)


def _moment(value: Any) -> int | None:
    try:
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None

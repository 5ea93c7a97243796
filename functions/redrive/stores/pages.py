"""Pages: each kind of a page's lines in the ledger, as the values that it holds. Nobody else reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.stores.ledger import ARCHIVE, HELD, OUTCOMES, PAGES, VERDICTS, legible
from redrive.values.errors import PageGone
from redrive.values.message import HeldMessage, Message, StoredPage
from redrive.values.outcome import GONE, MessageOutcome
from redrive.values.queue import name_of
from redrive.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redrive.stores.ledger import Ledger

_STARTED = "started"  # beside each message of a page


def store(ledger: Ledger, name: str, page: StoredPage) -> bool:
    """Store a page, unless another attempt at its turn has done so before. True if this one did."""
    return ledger.write_once(PAGES, name, (message.to_json() | {_STARTED: page.started} for message in page.messages))


@legible
def read(ledger: Ledger, name: str) -> StoredPage:
    """Read a page. Raises PageGone."""
    lines = ledger.read(PAGES, name)
    return StoredPage(lines[0][_STARTED], [Message.from_json(line) for line in lines])


def read_if_stored(ledger: Ledger, name: str) -> StoredPage | None:
    """Read a page that may not be there."""
    try:
        return read(ledger, name)
    except PageGone:
        return None


def write_verdicts(ledger: Ledger, name: str, page: StoredPage, verdicts: Iterable[Verdict]) -> None:
    """Write what the filter decided of a page, place by place."""
    ledger.write(VERDICTS, name, map(Verdict.to_json, verdicts, page.messages))


@legible
def read_verdicts(ledger: Ledger, name: str, page: StoredPage) -> list[Verdict]:
    """Read the verdicts on a page, place by place. Raises PageGone when there are none, or of other messages."""
    lines = ledger.read(VERDICTS, name)
    if [message.id for message in page.messages] != [line["id"] for line in lines]:
        raise PageGone(f"page {name} has verdicts of other messages; its own become visible by themselves.")
    return [Verdict.from_json(line) for line in lines]


@legible
def read_held(ledger: Ledger, name: str) -> list[HeldMessage]:
    """Read what of a page stays in the queue. Raises PageGone."""
    return [HeldMessage.from_json(line) for line in ledger.read(HELD, name)]


def write_held(ledger: Ledger, name: str, held: Iterable[HeldMessage]) -> None:
    """Write what of a page stays in the queue."""
    ledger.write(HELD, name, (message.to_json() for message in held))


def archive(ledger: Ledger, name: str, messages: Iterable[Message]) -> None:
    """Keep messages of a page that are to be discarded, whole, beyond the life of the page."""
    # Without what deletes them: a receipt handle is of no use to whoever restores one.
    ledger.write(ARCHIVE, name, (message.to_json() | {"handle": ""} for message in messages))


@legible
def read_archive(ledger: Ledger, name: str) -> list[Message]:
    """Read what was archived of a page. Raises PageGone."""
    return [Message.from_json(line) for line in ledger.read(ARCHIVE, name)]


def record(ledger: Ledger, name: str, lines: Iterable[dict[str, Any]], outcomes: Sequence[MessageOutcome]) -> None:
    """Record what became of messages that were not received: of each, what an earlier run's line says of it stays."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    kept = ("queue", "source", "first_sent")
    written = (
        {"run": ledger.run, **{part: line.get(part) for part in kept}} | outcome.to_json() | {"at": at}
        for line, outcome in zip(lines, outcomes, strict=True)
    )
    ledger.write(OUTCOMES, name, written)


@legible
def read_outcomes(ledger: Ledger, name: str) -> list[MessageOutcome]:
    """Read what became of a closed page's messages. Raises PageGone."""
    return [MessageOutcome.from_json(line) for line in ledger.read(OUTCOMES, name)]


def close(
    ledger: Ledger,
    queue: str,
    name: str,
    page: StoredPage,
    outcomes: Sequence[MessageOutcome],
    hidden: frozenset[int] = frozenset(),
) -> bool:
    """Close a page: write its outcomes, and before them what stays in the queue; tell whether anything does.

    Each line of the outcomes tells of itself, so that it can be read without its run: `run`, `queue` (the dead-letter
    queue's name) and `source` (the queue that SQS dead-lettered it from, None for none) stand beside the outcome.
    `hidden` are positions that may still be on their way; left out of the hold, so never released.
    """
    kept = [
        HeldMessage(message.id, message.handle, page.visible_at)
        for place, (message, outcome) in enumerate(zip(page.messages, outcomes, strict=True))
        if outcome.outcome not in GONE and place not in hidden
    ]
    if kept:
        write_held(ledger, name, kept)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    lines = (
        {"run": ledger.run, "queue": queue, "source": name_of(message.source) if message.source else None}
        | outcome.to_json()
        | {"first_sent": message.sent_ms, "at": at}
        for message, outcome in zip(page.messages, outcomes, strict=True)
    )
    ledger.write(OUTCOMES, name, lines)
    return bool(kept)


def stored_names(ledger: Ledger) -> set[str]:
    """Give the names of all pages of the run."""
    return set(ledger.names(PAGES))


def any_is_closed(ledger: Ledger) -> bool:
    """Tell whether any page of the run has outcomes."""
    return next(ledger.names(OUTCOMES), None) is not None


def closed_names(ledger: Ledger) -> set[str]:
    """Give the names of the pages that have outcomes."""
    return set(ledger.names(OUTCOMES))


def held_names(ledger: Ledger, lane: int | None = None) -> list[str]:
    """Give the names of the pages of which something stays in the queue, of one lane or of all, in order."""
    return list(ledger.names(HELD, lane))

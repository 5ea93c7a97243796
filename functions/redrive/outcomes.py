"""Outcomes: what became of each message, and how a page is settled with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.ledger import HELD, OUTCOMES

if TYPE_CHECKING:
    from redrive.lane import Lane
    from redrive.ledger import Ledger
    from redrive.messages import Message

SENT, FAILED, SETTLED, PREVIEWED = "sent", "failed", "settled", "previewed"
STILL_SENDING = "a step may still be sending it; it shows again by itself, within ten minutes"
GONE = {SENT, SETTLED}  # what is in its destination, and is to be deleted from the dead-letter queue


@dataclass(frozen=True)
class Outcome:
    """One message's end in this run: `sent`, `held`, `failed`, `returned`, `previewed` or `settled`.

    `settled`: an earlier attempt had sent it and died, and only its deletion was missing.

    `new_id` is the message id that SQS gave it in `destination` (a queue's name); `marked` tells whether it carries
    the `redrive` attribute.
    """

    id: str
    outcome: str
    reason: str = ""
    new_id: str | None = None
    destination: str | None = None
    marked: bool = False

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Outcome:
        """Read a line of the ledger's outcomes."""
        return cls(**{name: line[name] for name in cls.__dataclass_fields__})


def settle(ledger: Ledger, lane: Lane, messages: list[Message], outcomes: list[Outcome], *, in_order: bool) -> Lane:
    """Write the outcomes of the page in hand and what it holds back; give the lane with both counted.

    With `in_order` (FIFO) the lane also tells which groups the page stopped.
    """
    lapses = lane.page.lapses
    if write(ledger, lane.page.name or "", messages, outcomes, lapses):
        lane = replace(lane, held_until=min(lapses, lane.held_until or lapses))
    stopped = stopped_groups(messages, outcomes) if in_order else {}
    return lane.counting(tally(outcomes)).blaming(blame(outcomes)).stopping(stopped)


def write(
    ledger: Ledger,
    page: str,
    messages: list[Message],
    outcomes: list[Outcome],
    lapses: float,
    hidden: frozenset[int] = frozenset(),
) -> bool:
    """Write a page's outcomes, and before them the handles of what is to show again at the end; tell if any.

    `lapses` is when the page's messages would show again by themselves (epoch seconds); `hidden` are places of messages
    that nobody may make visible. A page that has outcomes is settled.
    """
    kept = [
        {"id": message.id, "handle": message.handle, "lapses": lapses}
        for place, (message, outcome) in enumerate(zip(messages, outcomes, strict=True))
        if outcome.outcome not in GONE and place not in hidden
    ]
    if kept:
        ledger.write(HELD, page, kept)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    lines = (
        {**vars(outcome), "first_sent": message.sent_ms, "at": at}
        for message, outcome in zip(messages, outcomes, strict=True)
    )
    ledger.write(OUTCOMES, page, lines)
    return bool(kept)


def tally(outcomes: list[Outcome]) -> dict[str, int]:
    """Count a page's messages by outcome."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    sent_unmarked = sum(outcome.outcome == SENT and not outcome.marked for outcome in outcomes)
    return {"received": len(outcomes), **counts, "unmarked": sent_unmarked}


def blame(outcomes: list[Outcome]) -> dict[str, int]:
    """Count the failures of a page by reason."""
    return dict(Counter(outcome.reason for outcome in outcomes if outcome.outcome == FAILED))


def stopped_groups(messages: list[Message], outcomes: list[Outcome]) -> dict[str, str]:
    """Give the FIFO groups of a page that stopped, and why the first message of each that stays behind does."""
    stopped: dict[str, str] = {}
    for message, outcome in zip(messages, outcomes, strict=True):
        if message.group and outcome.outcome not in {*GONE, PREVIEWED}:
            stopped.setdefault(message.group, outcome.reason)
    return stopped

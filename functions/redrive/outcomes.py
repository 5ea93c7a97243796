"""Outcomes: what became of each message, and how a page is settled with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.ledger import HELD, OUTCOMES

if TYPE_CHECKING:
    from redrive.lane import Lane
    from redrive.ledger import Ledger
    from redrive.messages import Message

SENT, FAILED = "sent", "failed"


@dataclass(frozen=True)
class Outcome:
    """One message's end in this run: `sent`, `held`, `failed`, `returned` or `previewed`.

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


def settle(ledger: Ledger, lane: Lane, messages: list[Message], outcomes: list[Outcome]) -> Lane:
    """Write the outcomes of the page in hand and what it holds back; give the lane with both counted."""
    name = lane.page.name or ""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    ledger.write(
        OUTCOMES,
        name,
        (
            {**asdict(outcome), "first_sent": message.sent_ms, "at": at}
            for message, outcome in zip(messages, outcomes, strict=True)
        ),
    )
    kept = [m for m, outcome in zip(messages, outcomes, strict=True) if outcome.outcome != SENT]
    if kept:
        ledger.write(HELD, name, ({"id": message.id, "handle": message.handle} for message in kept))
        lapses = lane.page.lapses
        lane = replace(lane, held_until=min(lapses, lane.held_until or lapses))
    lane = lane.counting(tally(outcomes)).blaming(blame(outcomes))
    return replace(lane, page=replace(lane.page, settled=True))


def tally(outcomes: list[Outcome]) -> dict[str, int]:
    """Count a page's messages by outcome."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    sent_unmarked = sum(outcome.outcome == SENT and not outcome.marked for outcome in outcomes)
    return {"received": len(outcomes), **counts, "unmarked": sent_unmarked}


def blame(outcomes: list[Outcome]) -> dict[str, int]:
    """Count the failures of a page by reason."""
    return dict(Counter(outcome.reason for outcome in outcomes if outcome.outcome == FAILED))

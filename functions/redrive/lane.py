"""A lane: one of the parallel drains of a run, as it travels through its states.

Each step takes the lane as it was and gives the lane as it is after the step, so a retried step starts again from
the same lane and nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from redrive.metering import add

NEAR_LIMIT = "the queue's limit of 120,000 messages in flight is near"
HOLD_ENDS = "the 12 hours that SQS keeps a message hidden are nearly over"
MOST_LANES = 32  # what all lanes bring back must fit into one state's payload
MOST_REASONS = 8  # a lane's payload must stay small; the ledger has them all
MOST_GROUPS = 8  # for the same reason; the rest are counted
OUTCOMES = ("sent", "held", "failed", "returned", "previewed", "settled")


@dataclass(frozen=True)
class Page:
    """The page in hand; `name` is None when nothing arrived.

    `received` counts its messages, `selected` those that are to leave the queue, and `lapses` is when the first of
    them would show again (epoch seconds).
    """

    name: str | None = None
    received: int = 0
    selected: int = 0
    lapses: float = 0


def no_counts() -> dict[str, int]:
    """Give the counts of a lane that has not done anything."""
    return dict.fromkeys(("received", *OUTCOMES, "deleted", "unmarked"), 0)


def few(reasons: dict[str, int]) -> dict[str, int]:
    """Give the first MOST_REASONS of the reasons."""
    return dict(list(reasons.items())[:MOST_REASONS])


def no_requests() -> dict[str, int]:
    """Give the tally of a lane that has not asked anything."""
    return dict.fromkeys(("sqs", "s3", "dynamodb", "lambda", "transitions"), 0)


@dataclass(frozen=True)
class Lane:
    """One parallel drain.

    index        which lane, from 0; the same in every round
    round, turn  which round of the run, and which turn of the loop in it, both from 1 once started
    page_size    messages in a full page
    pollers      long polls side by side while a page fills
    share        how many more messages this lane may select; None without a limit
    sifts        whether a filter may pass messages over, so that a page may be larger than the share
    room         how many more messages this lane may hold back before the queue's in-flight limit is near
    pace         whole messages a second this lane may send; None for as fast as it goes
    counts       messages by outcome, of settled pages only
    reasons      how many messages failed, by reason; only the first MOST_REASONS different ones
    groups       FIFO: which groups stopped, and why; only the first MOST_GROUPS
    more_groups  how many more stopped
    requests     requests made, by service, and functions run and states entered; of failed attempts at a step, all
                 functions run, but only the requests that runtime.py still knows
    page         the page in hand
    held_until   when the first of the messages that this lane holds, and has not renewed the hold of, would show again
                 (epoch seconds); None if there is none
    renewed_until, renewed_to
                 the same of those that it has renewed the hold of; and the last page of them, "" before the first
    held_since   nothing that any lane still holds was received before this (epoch seconds); None before the first page
    go_on        whether the lane takes another turn
    arrived      whether this turn brought a page
    more         whether it stopped only to keep its own history short
    why          why it ended, in a word or two
    wait_until   when the next page may start (ISO 8601), if `wait`
    error        what stopped it, as the state machine caught it (`Error`, `Cause`)
    """

    index: int
    page_size: int
    pollers: int
    share: int | None = None
    sifts: bool = False
    room: int = 100_000
    pace: int | None = None
    round: int = 0
    turn: int = 0
    counts: dict[str, int] = field(default_factory=no_counts)
    reasons: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    more_groups: int = 0
    requests: dict[str, int] = field(default_factory=no_requests)
    page: Page = field(default_factory=Page)
    held_until: float | None = None
    renewed_until: float | None = None
    renewed_to: str = ""
    held_since: float | None = None
    go_on: bool = False
    arrived: bool = False
    more: bool = False
    why: str = ""
    wait: bool = False
    wait_until: str = "1970-01-01T00:00:00Z"
    error: dict[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the lane as it travels through the state machine."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Lane:
        """Read what `to_json` wrote."""
        return cls(**{**value, "page": Page(**value["page"])})

    def counting(self, counts: dict[str, int]) -> Lane:
        """Give the lane with `counts` added."""
        return replace(self, counts=add(self.counts, counts))

    def blaming(self, reasons: dict[str, int]) -> Lane:
        """Give the lane with the failures of a page added, by reason."""
        return replace(self, reasons=few(add(self.reasons, reasons)))

    def stopping(self, groups: dict[str, str]) -> Lane:
        """Give the lane with the groups that a page stopped added, each with its first reason."""
        known = self.groups | groups | self.groups  # the first come first, and keep their first reason
        listed = dict(list(known.items())[:MOST_GROUPS])
        return replace(self, groups=listed, more_groups=self.more_groups + len(known) - len(listed))

    def charged(self, requests: dict[str, int]) -> Lane:
        """Give the lane with `requests` added."""
        return replace(self, requests=add(self.requests, requests))

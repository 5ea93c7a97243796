"""Outcomes: what became of each message in a run, and how messages are counted by it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Outcome(StrEnum):
    """How a message ends in a run. All that is summed, shown and conserved is derived from this."""

    SENT = "sent"  # SQS accepted it in its destination
    ALREADY_SENT = "already_sent"  # an earlier attempt had sent it and died; only its deletion was missing
    HELD = "held"  # it was not chosen
    FAILED = "failed"  # it was chosen and could not go, or could not be judged
    RETURNED = "returned"  # this run sent it, and it came back
    PREVIEWED = "previewed"  # it would have been sent, or discarded
    DISCARDED = "discarded"  # nobody wants it: it is in the archive


ARRIVED = frozenset({Outcome.SENT, Outcome.ALREADY_SENT})  # in its destination
GONE = ARRIVED | {Outcome.DISCARDED}  # to be deleted from where it was
STAYS = tuple(outcome for outcome in Outcome if outcome not in GONE)  # where it was
STILL_SENDING = "a step may still be at work on it; it becomes visible by itself, within ten minutes"
MAYBE_SENT = "it may have been sent before: the journal that would tell has no record of its run"
MAY_HAVE_ARRIVED = frozenset({STILL_SENDING, MAYBE_SENT})  # so that the intent must stay, whatever else is deleted

Counts: TypeAlias = dict[str, int]
COUNTED = ("received", *Outcome, "deleted", "unstamped")  # `unstamped` were sent without the `redrive` attribute
MOST_REASONS = 8  # a lane's payload must stay small; the ledger has them all


def no_counts() -> Counts:
    """Give the counts of nothing at all."""
    return {str(name): 0 for name in COUNTED}


def conserves(counts: Mapping[str, Any]) -> bool:
    """Tell whether each message that was received has exactly one outcome."""
    return bool(counts["received"] == sum(counts[outcome] for outcome in Outcome))


@dataclass(frozen=True)
class MessageOutcome:
    """One message's end in a run.

    `new_id` is the message id that SQS gave it in `destination` (a queue's name); `stamped` tells whether it carries
    the `redrive` attribute there; `key` is what the request's `key` gave for it, None for nothing.
    """

    id: str
    outcome: Outcome
    reason: str = ""
    new_id: str | None = None
    destination: str | None = None
    stamped: bool = False
    key: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give its part of a line of the ledger's outcomes; a `key` only where there is one."""
        return {name: value for name, value in vars(self).items() if name != "key" or value is not None}

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> MessageOutcome:
        """Read a line of the ledger's outcomes. Raises ValueError or the like when it is none."""
        given = {name: line[name] for name in cls.__dataclass_fields__ if name != "key" or name in line}
        if not all(isinstance(given.get(name, ""), str) for name in ("id", "reason", "key")):
            raise TypeError("no outcome")
        return cls(**{**given, "outcome": Outcome(given["outcome"])})


def tally(outcomes: Iterable[MessageOutcome]) -> Counts:
    """Count messages by outcome."""
    outcomes = list(outcomes)
    counts = Counter(str(outcome.outcome) for outcome in outcomes)
    unstamped = sum(outcome.outcome == Outcome.SENT and not outcome.stamped for outcome in outcomes)
    return {"received": len(outcomes), **counts, "unstamped": unstamped}


def reasons_of(outcomes: Iterable[MessageOutcome]) -> dict[str, int]:
    """Count the messages that failed, by reason."""
    return dict(Counter(outcome.reason for outcome in outcomes if outcome.outcome == Outcome.FAILED))


def first_reasons(reasons: dict[str, int]) -> dict[str, int]:
    """Give the first MOST_REASONS of the reasons."""
    return dict(list(reasons.items())[:MOST_REASONS])

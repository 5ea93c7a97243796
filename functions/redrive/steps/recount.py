"""Count anew: what became of a run's messages by its ledger, where its lanes cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.stores import pages
from redrive.values.bill import add
from redrive.values.outcome import GONE, Outcome, first_reasons, no_counts, reasons_of, tally

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger
    from redrive.values.outcome import Counts, MessageOutcome


def recount(ledger: Ledger, undeleted: int, unreleased: set[str]) -> tuple[Counts, dict[str, int]]:
    """Count the outcomes in the ledger, each message once; and the failures by reason.

    A message is in two pages only if its hold ended between: only the `unreleased` (ids) are deduplicated. `undeleted`
    of what was sent are still in the queue.
    """
    counts = no_counts()
    reasons: dict[str, int] = {}
    again: dict[str, MessageOutcome] = {}
    for name in sorted(pages.closed_names(ledger)):
        outcomes = pages.read_outcomes(ledger, name)
        for outcome in outcomes:
            if outcome.id in unreleased:
                again[outcome.id] = max(again.get(outcome.id, outcome), outcome, key=_rank)
        once = [outcome for outcome in outcomes if outcome.id not in unreleased]
        counts = add(counts, tally(once))
        reasons = first_reasons(add(reasons, reasons_of(once)))
    counts = add(counts, tally(again.values()))
    reasons = first_reasons(add(reasons, reasons_of(again.values())))
    return {**counts, "deleted": sum(counts[outcome] for outcome in GONE) - undeleted}, reasons


def _rank(outcome: MessageOutcome) -> int:
    """Rank: sent or already sent, then a verdict, then "its lane stopped"."""
    return 2 if outcome.outcome in GONE else int(outcome.outcome != Outcome.FAILED)

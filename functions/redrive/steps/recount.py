"""Count anew: what became of a run's messages by its ledger, where its lanes cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.stores import pages
from redrive.values.bill import add
from redrive.values.errors import PageUnreadable
from redrive.values.outcome import GONE, Outcome, first_reasons, no_counts, reasons_of, tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redrive.stores.ledger import Ledger
    from redrive.values.outcome import Counts, MessageOutcome


def recount(
    ledger: Ledger, deleted: Mapping[str, int], unreleased: set[str], unreadable: set[str]
) -> tuple[Counts, dict[str, int]]:
    """Count the outcomes in the ledger, each message once; and the failures by reason.

    `deleted` tells of each page that has an intent how many of its messages are known to be deleted. An intent is
    removed when all of its page's are: of what was sent, nothing else is known to be. A message is in two pages only if
    its hold ended between: only the `unreleased` (ids) are deduplicated. Pages that cannot be read are added to
    `unreadable`.
    """
    counts = no_counts()
    reasons: dict[str, int] = {}
    again: dict[str, MessageOutcome] = {}
    for name in sorted(pages.closed_names(ledger)):
        try:
            outcomes = pages.read_outcomes(ledger, name)
        except PageUnreadable:
            unreadable.add(name)
            continue
        for outcome in outcomes:
            if outcome.id in unreleased:
                again[outcome.id] = max(again.get(outcome.id, outcome), outcome, key=_rank)
        once = [outcome for outcome in outcomes if outcome.id not in unreleased]
        gone = sum(outcome.outcome in GONE for outcome in outcomes)
        counts = add(counts, tally(once), {"deleted": min(gone, deleted.get(name, gone))})
        reasons = first_reasons(add(reasons, reasons_of(once)))
    counts = add(counts, tally(again.values()))
    reasons = first_reasons(add(reasons, reasons_of(again.values())))
    return counts, reasons


def _rank(outcome: MessageOutcome) -> int:
    """Rank: sent or already sent, then a verdict, then "its lane stopped"."""
    return 2 if outcome.outcome in GONE else int(outcome.outcome != Outcome.FAILED)

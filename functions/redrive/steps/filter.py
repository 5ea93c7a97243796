"""Filter the page: judge every message, and close the page at once when nothing is to leave the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from redrive.expressions.judge import Judge
from redrive.steps.close import close_in_lane
from redrive.stores import pages
from redrive.stores.intents import already_sent
from redrive.values.lane import LIMIT_REACHED
from redrive.values.outcome import GONE, MessageOutcome, Outcome

if TYPE_CHECKING:
    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.criteria import Criteria
    from redrive.values.lane import Lane
    from redrive.values.queue import Queue


def filter_page(ledger: Ledger, journal: Journal, queue: Queue, criteria: Criteria, lane: Lane) -> Lane:
    """Judge the page in hand; write its verdicts, or its outcomes where nothing is to leave the queue."""
    name = lane.page.name or ""
    page = pages.read(ledger, name)
    judge = Judge(criteria, ledger.run, already_sent(ledger, journal, queue.name))
    verdicts = judge.judge_all(page.messages, limit=lane.budget.limit_left, in_order=queue.fifo)
    chosen = sum(verdict.sends or verdict.outcome == Outcome.PREVIEWED for verdict in verdicts)
    lane = _taking(lane, chosen)
    selected = sum(verdict.sends or verdict.outcome in GONE for verdict in verdicts)
    lane = replace(lane, page=replace(lane.page, selected=selected))
    if selected:
        pages.write_verdicts(ledger, name, page, verdicts)
        return lane
    pairs = zip(page.messages, verdicts, strict=True)
    outcomes = [MessageOutcome(message.id, v.outcome, v.reason) for message, v in pairs if v.outcome]
    return close_in_lane(ledger, lane, page, outcomes, in_order=queue.fifo)


def _taking(lane: Lane, chosen: int) -> Lane:
    """Give the lane with so many messages taken off its limit."""
    if lane.budget.limit_left is None:
        return lane
    left = lane.budget.limit_left - chosen
    lane = replace(lane, budget=replace(lane.budget, limit_left=left))
    return lane if left else lane.ending(LIMIT_REACHED)

"""Filter the page: judge every message, and close the page at once when nothing is to leave the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from redrive.expressions.judge import NEWER, PASSED_OVER, Judge
from redrive.expressions.key import keys_of
from redrive.sqs.parcels import pack
from redrive.steps.close import close_in_lane
from redrive.stores import members, pages
from redrive.stores.intents import sent_before
from redrive.values.lane import LIMIT_REACHED
from redrive.values.message import UNCHANGED
from redrive.values.outcome import GONE, MessageOutcome, Outcome
from redrive.values.queue import Queue
from redrive.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redrive.origins.destinations import Destinations
    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.criteria import Criteria
    from redrive.values.lane import Lane
    from redrive.values.message import Message, Stamp


def filter_page(
    ledger: Ledger,
    journal: Journal,
    destinations: Destinations,
    criteria: Criteria,
    lane: Lane,
    refusal: Callable[[Queue], str | None],
) -> Lane:
    """Judge the page in hand; write its verdicts, or its outcomes where nothing is to leave the queue.

    `refusal` asks why a queue takes nothing, and is called only in a preview, once for each that the plan has not seen.
    """
    name = lane.page.name or ""
    page = pages.read(ledger, name)
    queue = destinations.queue
    before = sent_before(ledger, journal, queue.name, [message.id for message in page.messages])
    remembered = _remembered(journal, destinations, page.messages)
    of_run = members.of_run(ledger, criteria.of_run) if criteria.of_run else None
    judge = Judge(criteria, ledger.run, before, remembered, of_run=of_run)
    # What is deleted leaves no gap that a group could be sent with.
    in_order = queue.fifo and not criteria.deletes
    verdicts = judge.judge_all(page.messages, limit=lane.budget.limit_left, in_order=in_order)
    lane = _taking(lane, sum(verdict.sends for verdict in verdicts)).missing(judge.unseen)
    lane = lane.passing_over(sum(verdict in PASSED_OVER for verdict in verdicts))
    if not queue.fifo:
        lane = lane.meeting(only_late=all(v is NEWER or v.outcome == Outcome.RETURNED for v in verdicts))
    if criteria.preview:
        refused = {} if criteria.deletes else _refused(page.messages, verdicts, destinations, ledger.run, refusal)
        verdicts = _previewed(verdicts, refused)
    if criteria.key:
        keys = keys_of(criteria, page.messages, remembered)
        verdicts = [replace(verdict, key=key) for verdict, key in zip(verdicts, keys, strict=True)]
    selected = sum(verdict.sends or verdict.outcome in GONE for verdict in verdicts)
    lane = replace(lane, page=replace(lane.page, selected=selected))
    if selected:
        pages.write_verdicts(ledger, name, page, verdicts)
        return lane
    pairs = zip(page.messages, verdicts, strict=True)
    outcomes = [MessageOutcome(message.id, v.outcome, v.reason, key=v.key) for message, v in pairs if v.outcome]
    return close_in_lane(ledger, queue, lane, page, outcomes)


def _remembered(journal: Journal, destinations: Destinations, messages: Sequence[Message]) -> dict[str, Stamp]:
    """Give the stamps of what may have been redriven before and could not carry one."""
    most = destinations.least_bytes
    ids = [message.id for message in messages if not message.is_stampable(most)]
    return journal.redrives.recall(ids) if ids else {}


def _previewed(verdicts: Sequence[Verdict], refused: dict[int, Verdict]) -> list[Verdict]:
    """Give the verdicts as a preview has them; `refused` are those of what could not go, by place."""
    previewed = [
        replace(verdict, outcome=Outcome.PREVIEWED, outgoing=UNCHANGED) if verdict.sends else verdict
        for verdict in verdicts
    ]
    return [refused.get(place, verdict) for place, verdict in enumerate(previewed)]


def _refused(
    messages: Sequence[Message],
    verdicts: Sequence[Verdict],
    destinations: Destinations,
    run: str,
    refusal: Callable[[Queue], str | None],
) -> dict[int, Verdict]:
    """Give the verdicts, by place, on what could not go, with the reason of a send."""
    routes = [destinations.of(message) for message, verdict in zip(messages, verdicts, strict=True) if verdict.sends]
    unknown = {to for to in routes if isinstance(to, Queue) and not to.seen}
    refused_by = {to: why for to in unknown if (why := refusal(to))}

    def route(message: Message) -> Queue | str:
        to = destinations.of(message)
        return refused_by.get(to, to) if isinstance(to, Queue) else to

    _, unsendable = pack(messages, verdicts, route, run, in_order=destinations.queue.fifo)
    return {
        result.place: Verdict(Outcome.HELD if result.behind else Outcome.FAILED, result.error) for result in unsendable
    }


def _taking(lane: Lane, chosen: int) -> Lane:
    """Give the lane with so many messages taken off its limit."""
    if lane.budget.limit_left is None:
        return lane
    left = lane.budget.limit_left - chosen
    lane = replace(lane, budget=replace(lane.budget, limit_left=left))
    return lane if left else lane.ending(LIMIT_REACHED)

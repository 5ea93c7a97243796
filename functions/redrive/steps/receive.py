"""Receive a page: renew what is held, fill a page from the queue, and store it before anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from redrive.sqs.fill import fill
from redrive.sqs.queues import IN_FLIGHT_LIMIT, IN_FLIGHT_MARGIN, depth
from redrive.sqs.visibility import change_visibility
from redrive.steps.hold import hold_ends, knowing_since, renew
from redrive.stores import pages
from redrive.values.lane import DRAINED, HISTORY_ENDS, HOLD_ENDS, LIMIT_REACHED, NEAR_LIMIT, Next, Page

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.stores.ledger import Ledger
    from redrive.values.lane import Lane
    from redrive.values.message import StoredPage
    from redrive.values.queue import Queue


def receive_page(sqs: SQSClient, ledger: Ledger, queue: Queue, lane: Lane, *, retried: bool) -> Lane:
    """Start the lane's next turn with a page of messages; `lane.arrived` is false when the lane is done.

    `retried` tells that an earlier attempt at this very turn may have stored its page already.
    """
    if lane.error:
        # It stopped in an earlier round, and stays stopped.
        return replace(lane, arrived=False).ending(lane.next.why)
    lane = _next_turn(lane)
    lane = knowing_since(ledger, lane)
    lane = renew(sqs, ledger, queue, lane)
    if ended := _why_end(lane):
        return _end(lane, ended)
    name = f"{lane.index}/{lane.round:03}-{lane.turn:04}"
    dry, page = False, pages.read_if_stored(ledger, name) if retried else None
    if page is None:
        page, dry = fill(sqs, queue, lane.budget)
        if not page.messages:
            return _end(lane, _why_dry(sqs, queue))
        if not pages.store(ledger, name, page):
            dry, page = False, _give_way(sqs, ledger, queue, name, page)
    in_hand = Page(name, received=len(page.messages), visible_at=page.visible_at)
    # All lanes start together, so the first page's time bounds every hold.
    hold = replace(lane.hold, since=lane.hold.since or page.started)
    lane = replace(lane, page=in_hand, arrived=True, hold=hold)
    # A FIFO queue shows a group's next messages only after the deletion of these: it is dry when nothing arrives.
    if dry and not queue.fifo:
        return lane.ending(_why_dry(sqs, queue))
    if lane.turn >= lane.budget.turns:
        return lane.ending(HISTORY_ENDS, more=True)
    return lane


def _next_turn(lane: Lane) -> Lane:
    if lane.next.another_turn:
        return replace(lane, turn=lane.turn + 1, next=replace(lane.next, pause=False))
    afresh = Next(another_turn=True, pause_until=lane.next.pause_until)
    return replace(lane, round=lane.round + 1, turn=1, more=False, next=afresh)


def _end(lane: Lane, why: str) -> Lane:
    return replace(lane, page=Page(), arrived=False).ending(why)


def _why_end(lane: Lane) -> str:
    if lane.budget.limit_left == 0:
        return LIMIT_REACHED
    counts, budget = lane.tally.counts, lane.budget
    if counts["received"] - counts["deleted"] + budget.page_size > budget.hold_capacity:
        return NEAR_LIMIT
    if hold_ends(lane):
        return HOLD_ENDS
    return ""


def _why_dry(sqs: SQSClient, queue: Queue) -> str:
    # At the limit a long poll brings no message, and no error either (docs/facts.md A1).
    full = depth(sqs, queue.url).in_flight >= IN_FLIGHT_LIMIT - IN_FLIGHT_MARGIN
    return NEAR_LIMIT if full else DRAINED


def _give_way(sqs: SQSClient, ledger: Ledger, queue: Queue, name: str, page: StoredPage) -> StoredPage:
    """Take the page that another attempt at this turn has stored first; what is only in ours becomes visible again.

    Lambda may run a step whose answer was lost to its end, while the state machine has begun its retry.
    """
    stored = pages.read(ledger, name)
    known = {message.id for message in stored.messages}
    change_visibility(sqs, queue.url, [message.handle for message in page.messages if message.id not in known], 0)
    return stored

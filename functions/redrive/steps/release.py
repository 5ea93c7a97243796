"""Release what was held: make every message that stays in the dead-letter queue visible, at the end of a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from redrive.sqs.queues import depth
from redrive.sqs.visibility import change_visibility
from redrive.steps.close import close_after_a_stop
from redrive.steps.delete import delete_done
from redrive.steps.hold import PAGES_AT_ONCE
from redrive.steps.recount import recount
from redrive.stores import intents, pages
from redrive.values.errors import PageGone, PageUnreadable
from redrive.values.lane import DRAINED
from redrive.values.outcome import MAYBE_SENT
from redrive.values.plan import Released
from redrive.values.timeline import still_ours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient

    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.lane import Lane
    from redrive.values.message import HeldMessage
    from redrive.values.plan import RunState
    from redrive.values.queue import Queue

LANE_LOST = "its lane was lost."


def release(sqs: SQSClient, ledger: Ledger, journal: Journal, queue: Queue, state: RunState) -> Released:
    """Close the pages that were left, finish their deletions, and let everything still held become visible.

    Works from the ledger, so it serves as well when the lanes themselves are lost; and it may be repeated. Where a lane
    stopped, was lost or left a deletion undone, everything is counted anew from the ledger. It goes page by page: one
    that cannot be read is left as it is, and costs no other.
    """
    stopped = {lane.index: lane.error.sentence for lane in state.lanes if lane.error}
    lost = state.failure.sentence if state.failure else LANE_LOST
    unreadable: set[str] = set()
    left = sorted(pages.stored_names(ledger) - pages.closed_names(ledger))
    for name in left:
        with _passing_over(unreadable, name):
            close_after_a_stop(ledger, journal, queue, name, stopped.get(int(name.split("/")[0]), lost))
    listed = list(intents.listed_of(ledger, queue.name, ledger.run))
    unfinished = [each.key.page for each in listed if not each.empty]
    deleted = dict.fromkeys((each.key.page for each in listed), 0)
    for name in unfinished:
        with suppress(PageGone), _passing_over(unreadable, name):
            # Gone before it could be closed: its intent tells the next run what was sent.
            _, deleted[name] = delete_done(sqs, ledger, queue, name)

    def let_go(name: str) -> list[HeldMessage]:
        with _passing_over(unreadable, name):
            return _let_go(sqs, ledger, queue, name)
        return []

    released, unreleased = 0, set()
    with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        for held in pool.map(let_go, pages.held_names(ledger)):
            released += sum(message.released for message in held)
            unreleased |= {message.id for message in held if not message.released}
    # A page may be left though no lane stopped: one that an outlived attempt stored when its retry had found nothing.
    if not stopped and not unfinished and not left and not state.failure:
        if not unreadable:
            _forget_what_was_met(sqs, ledger, queue, state, released)
        return Released(released, unreadable=len(unreadable))
    counts, reasons = recount(ledger, deleted, unreleased, unreadable)
    return Released(released, counts, reasons, len(unreadable))


@contextmanager
def _passing_over(unreadable: set[str], name: str) -> Iterator[None]:
    try:
        yield
    except PageUnreadable:
        unreadable.add(name)


def _let_go(sqs: SQSClient, ledger: Ledger, queue: Queue, name: str) -> list[HeldMessage]:
    """Let what is still held of a page become visible; give all that was held of it.

    That is recorded: a release that is repeated must not uncover what another run has received in the meantime.
    """
    held = pages.read_held(ledger, name)
    ours = [message.handle for message in held if not message.released and still_ours(message.visible_at)]
    if ours:
        let_go = change_visibility(sqs, queue.url, ours, 0)
        held = [replace(message, released=message.released or message.handle in let_go) for message in held]
        pages.write_held(ledger, name, held)
    return held


def _forget_what_was_met(sqs: SQSClient, ledger: Ledger, queue: Queue, state: RunState, released: int) -> None:
    """Remove the intents of earlier runs whose messages this run has surely met and deleted.

    They were visible before it began, it drained the queue, and nothing is left there but what it held itself: while a
    message is in other hands, its intent stays.
    """
    previews = state.request is not None and state.request.preview
    if previews or any(_may_have_met_what_was_sent(lane) for lane in state.lanes):
        return
    if not all(lane.next.why == DRAINED for lane in state.lanes):
        return
    began = datetime.fromisoformat(state.started).timestamp()
    met = [key for key in intents.keys(ledger, queue.name) if key.run != ledger.run and key.visible_at < began]
    if met and depth(sqs, queue.url).all <= released:
        for key in met:
            intents.remove(ledger, key)


def _may_have_met_what_was_sent(lane: Lane) -> bool:
    """Tell whether a lane has left messages of which only an intent tells that they may have been sent before."""
    reasons = lane.tally.reasons
    return MAYBE_SENT in reasons or lane.tally.counts["failed"] > sum(reasons.values())

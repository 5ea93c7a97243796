"""The hold: what is not chosen stays hidden until the run ends, and no longer than SQS allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from redrive import clock
from redrive.sqs.visibility import change_visibility
from redrive.stores import pages
from redrive.values.errors import PageGone
from redrive.values.timeline import HOLD, MOST_HIDDEN, RENEW, VISIBILITY, still_ours

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.stores.ledger import Ledger
    from redrive.values.lane import Lane
    from redrive.values.queue import Queue

PAGES_AT_ONCE = 4  # a low rate makes thousands of small ones


def hold_ends(lane: Lane) -> bool:
    """Tell whether a hold that was renewed now, or a little later, could reach past what SQS allows."""
    since = lane.hold.since
    return since is not None and clock.now() > since + MOST_HIDDEN - HOLD - RENEW


def knowing_since(ledger: Ledger, lane: Lane) -> Lane:
    """Refresh the receive time of the oldest message that any lane holds; read only near the 12-hour limit.

    All lanes count: what one lets become visible, another receives.
    """
    if not hold_ends(lane):
        return lane
    in_hand = clock.now() - VISIBILITY  # pages that are not closed yet, in whichever lane, are no older
    oldest: dict[str, str] = {}
    for page in pages.held_names(ledger):
        oldest.setdefault(page.split("/")[0], page)
    since = in_hand
    for page in oldest.values():
        with suppress(PageGone):  # or it cannot be read: it costs no other
            since = min(since, pages.read(ledger, page).started)
    return replace(lane, hold=replace(lane.hold, since=since))


def renew(sqs: SQSClient, ledger: Ledger, queue: Queue, lane: Lane) -> Lane:
    """Renew what the lane holds, if it would become visible soon: pages that were not renewed yet, or all of them."""
    if hold_ends(lane):
        return lane
    hold = lane.hold
    if _is_near(hold.renewed_until):
        # Every page was renewed once; start again at the first.
        hold = replace(hold, renewed_until=None, renewed_to="")
    elif not _is_near(hold.until):
        return lane
    names = [page for page in pages.held_names(ledger, lane.index) if page > hold.renewed_to]
    with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        holds = [hold.renewed_until, *pool.map(lambda page: _renew_page(sqs, ledger, queue, page), names)]
    until = min((until for until in holds if until), default=None)
    hold = replace(hold, until=None, renewed_until=until, renewed_to=max(names, default=hold.renewed_to))
    return replace(lane, hold=hold)


def _is_near(visible_at: float | None) -> bool:
    return visible_at is not None and clock.now() >= visible_at - RENEW


def _renew_page(sqs: SQSClient, ledger: Ledger, queue: Queue, page: str) -> float | None:
    """Renew a page's hold, and record until when; None when nothing of it is held any more."""
    held = pages.read_held(ledger, page)
    until = clock.now() + HOLD
    # What is visible already may be in another run's hands by now: it is not hidden again.
    ours = [message.handle for message in held if still_ours(message.visible_at)]
    renewed = change_visibility(sqs, queue.url, ours, HOLD)
    if not renewed:
        return None
    longer = (replace(message, visible_at=until) if message.handle in renewed else message for message in held)
    pages.write_held(ledger, page, longer)
    return until

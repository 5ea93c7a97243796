"""Delete what is done: from the dead-letter queue, only what the ledger says SQS accepted, or the archive has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from redrive.sqs.batch import ask, tens
from redrive.steps.close import intent_key
from redrive.stores import intents, pages
from redrive.values.errors import PageGone
from redrive.values.outcome import GONE, MAY_HAVE_ARRIVED
from redrive.values.timeline import still_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

    from redrive.stores.ledger import Ledger
    from redrive.values.lane import Lane
    from redrive.values.queue import Queue

THREADS = 10


def delete_page(sqs: SQSClient, ledger: Ledger, queue: Queue, lane: Lane) -> Lane:
    """Delete the page's messages that are done; give the lane with the deleted counted."""
    _, deleted = delete_done(sqs, ledger, queue, lane.page.name or "")
    return lane.counting({"deleted": deleted})


def delete_done(sqs: SQSClient, ledger: Ledger, queue: Queue, name: str) -> tuple[int, int]:
    """Delete what a closed page sent or discarded; give how many were to be deleted, and how many are.

    Then the page's intent is removed. Where SQS does not delete all, the intent stays: the message becomes visible, and
    whoever receives it then deletes it without sending it again. So it does for what an outlived step may still be
    sending, or may have sent under a journal that is lost. Raises PageGone when the page has no outcomes.
    """
    outcomes = pages.read_outcomes(ledger, name)
    gone = {outcome.id for outcome in outcomes if outcome.outcome in GONE}
    try:
        page = pages.read(ledger, name)
    except PageGone:
        return len(gone), 0  # and with it the handles: who receives them next deletes them, by this page's intent
    if not still_ours(page.visible_at):
        return len(gone), 0  # they are visible: by now the handles may be somebody else's messages
    handles = [message.handle for message in page.messages if message.id in gone]

    def delete(batch: Sequence[str]) -> int:
        answered = ask(
            lambda entries: sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries),
            batch,
            lambda handle: {"ReceiptHandle": handle},
        )
        return len(answered.taken)

    with ThreadPoolExecutor(THREADS) as pool:
        deleted = sum(pool.map(delete, tens(handles)))
    if deleted == len(gone) and not any(outcome.reason in MAY_HAVE_ARRIVED for outcome in outcomes):
        intents.remove(ledger, intent_key(ledger, queue, name, page))
    return len(gone), deleted

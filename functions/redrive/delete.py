"""Delete what was sent: from the dead-letter queue, only what the ledger says SQS accepted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from redrive.batches import tens
from redrive.errors import PageGone
from redrive.ledger import OUTCOMES, PAGES
from redrive.outcomes import GONE, STILL_SENDING
from redrive.unsettled import Mark, take_away
from redrive.visibility import VISIBILITY, still_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

    from redrive.lane import Lane
    from redrive.ledger import Ledger
    from redrive.queues import Queue

THREADS = 10
TRIES = 3  # for the entries that SQS itself failed at; botocore retries whole calls


def delete_page(sqs: SQSClient, ledger: Ledger, queue: Queue, lane: Lane) -> Lane:
    """Delete the page's sent messages; give the lane with the deleted counted."""
    _, deleted = finish(sqs, ledger, queue, lane.page.name or "")
    return lane.counting({"deleted": deleted})


def finish(sqs: SQSClient, ledger: Ledger, queue: Queue, page: str) -> tuple[int, int]:
    """Delete what a settled page sent; give how many were to be deleted, and how many are.

    Then the page's mark is taken away. What SQS does not delete keeps its mark: it shows again, and whoever receives
    it then deletes it without sending it again; and so does what an outlived step may still be sending. Raises
    PageGone when the page has no outcomes.
    """
    outcomes = ledger.read(OUTCOMES, page)
    gone = {line["id"] for line in outcomes if line["outcome"] in GONE}
    try:
        lines = ledger.read(PAGES, page)
    except PageGone:
        return len(gone), 0  # and with it the handles: who receives them next deletes them, by this page's mark
    lapses = lines[0]["at"] + VISIBILITY
    if not still_ours(lapses):
        return len(gone), 0  # they show again: by then the handles may be somebody else's messages
    handles = [line["handle"] for line in lines if line["id"] in gone]
    with ThreadPoolExecutor(THREADS) as pool:
        deleted = sum(pool.map(lambda batch: _delete(sqs, queue.url, batch), tens(handles)))
    if deleted == len(gone) and not any(line["reason"] == STILL_SENDING for line in outcomes):
        take_away(ledger, Mark(queue.name, ledger.run, page, int(lapses)))
    return len(gone), deleted


def _delete(sqs: SQSClient, queue_url: str, handles: Sequence[str]) -> int:
    deleted = 0
    left: Sequence[str] = handles
    for _ in range(TRIES):
        entries: list[Any] = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(left)]
        answer = sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        deleted += len(answer.get("Successful", []))
        left = [left[int(entry["Id"])] for entry in answer.get("Failed", []) if not entry["SenderFault"]]
        if not left:
            break
    return deleted

"""Delete what was sent: from the dead-letter queue, only what the ledger says SQS accepted."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from redrive.batches import tens
from redrive.ledger import OUTCOMES, PAGES
from redrive.outcomes import SENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

    from redrive.lane import Lane
    from redrive.ledger import Ledger
    from redrive.queues import Queue

THREADS = 10
TRIES = 3  # for the entries that SQS itself failed at; botocore retries whole calls


def delete_page(sqs: SQSClient, ledger: Ledger, queue: Queue, lane: Lane) -> Lane:
    """Delete the page's sent messages; give the lane with the deleted counted.

    What SQS does not delete shows again later; it was sent, and stays counted as sent.
    """
    name = lane.page.name or ""
    sent = {line["id"] for line in ledger.read(OUTCOMES, name) if line["outcome"] == SENT}
    handles = [line["handle"] for line in ledger.read(PAGES, name) if line["id"] in sent]
    if time.time() > lane.page.lapses:
        # The messages show again: their handles may be somebody else's to delete by now.
        return lane
    with ThreadPoolExecutor(THREADS) as pool:
        deleted = sum(pool.map(lambda batch: _delete(sqs, queue.url, batch), tens(handles)))
    return lane.counting({"deleted": deleted})


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

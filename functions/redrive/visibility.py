"""Change the visibility of held messages, ten at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from redrive.batches import tens

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

VISIBILITY = 600  # seconds a page may take; a Receive that dies gives its messages back after this
THREADS = 8


def change_visibility(sqs: SQSClient, queue_url: str, held: list[dict[str, Any]], seconds: int) -> int:
    """Let `held` (lines with a `handle`) show again in `seconds`; give how many SQS took.

    What it does not take is visible already, deleted, or past the 12 hours that a message may be in flight: there
    is nothing left to hold or to release.
    """

    def change(batch: list[dict[str, Any]]) -> int:
        answer = sqs.change_message_visibility_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(n), "ReceiptHandle": line["handle"], "VisibilityTimeout": seconds}
                for n, line in enumerate(batch)
            ],
        )
        return len(answer.get("Successful", []))

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(change, tens(held)))

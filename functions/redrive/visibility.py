"""Change the visibility of held messages, ten at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from redrive.batches import tens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

VISIBILITY = 600  # seconds a page may take; a Receive that dies gives its messages back after this
THREADS = 8
TRIES = 3  # for the entries that SQS itself failed at; botocore retries whole calls


class NotChangedError(Exception):
    """SQS itself failed, at each try, to change the visibility of some messages; the step may be tried again."""


def change_visibility(sqs: SQSClient, queue_url: str, held: list[dict[str, Any]], seconds: int) -> int:
    """Let `held` (lines with a `handle`) show again in `seconds`; give how many SQS took.

    What it refuses is visible already, deleted, or past the 12 hours that a message may be in flight: there is nothing
    left to hold or to release. Raises NotChangedError when SQS's own failures do not pass.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(lambda batch: _change(sqs, queue_url, batch, seconds), tens(held)))


def _change(sqs: SQSClient, queue_url: str, batch: Sequence[dict[str, Any]], seconds: int) -> int:
    changed = 0
    for _ in range(TRIES):
        entries: list[Any] = [
            {"Id": str(n), "ReceiptHandle": line["handle"], "VisibilityTimeout": seconds}
            for n, line in enumerate(batch)
        ]
        answer = sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
        changed += len(answer.get("Successful", []))
        batch = [batch[int(entry["Id"])] for entry in answer.get("Failed", []) if not entry["SenderFault"]]
        if not batch:
            return changed
    raise NotChangedError(f"SQS failed to change the visibility of {len(batch)} messages.")

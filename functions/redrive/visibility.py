"""Change the visibility of held messages, ten at a time; and tell how long a message is surely ours."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from redrive.batches import tens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

VISIBILITY = 600  # seconds a page may take; a Receive that dies gives its messages back after this
THREADS = 8  # for one page
PAGES_AT_ONCE = 4  # a low rate makes thousands of small ones
MARGIN = 60  # seconds before a page shows again in which nothing more of it is sent
LEEWAY = 10  # seconds before messages show again in which nobody uses their handles any more: a request takes its time
TRIES = 3  # for the entries that SQS itself failed at; botocore retries whole calls


class NotChangedError(Exception):
    """SQS itself failed, at each try, to change the visibility of some messages; the step may be tried again."""


def still_ours(lapses: float) -> bool:
    """Tell whether messages that show again at `lapses` (epoch seconds) are surely in nobody else's hands yet.

    Once they show, another run may receive them, and SQS may take our old handle for what is in its hands.
    """
    return time.time() < lapses - LEEWAY


def change_visibility(sqs: SQSClient, queue_url: str, held: list[dict[str, Any]], seconds: int) -> list[dict[str, Any]]:
    """Let `held` (lines with a `handle`) show again in `seconds`; give the lines that SQS took.

    What it refuses is visible already, deleted, or past the 12 hours that a message may be in flight: there is nothing
    left to hold or to release. Raises NotChangedError when SQS's own failures do not pass.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        taken = pool.map(lambda batch: _change(sqs, queue_url, batch, seconds), tens(held))
        return [line for lines in taken for line in lines]


def _change(sqs: SQSClient, queue_url: str, batch: Sequence[dict[str, Any]], seconds: int) -> list[dict[str, Any]]:
    changed: list[dict[str, Any]] = []
    for _ in range(TRIES):
        entries: list[Any] = [
            {"Id": str(n), "ReceiptHandle": line["handle"], "VisibilityTimeout": seconds}
            for n, line in enumerate(batch)
        ]
        answer = sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
        changed += [batch[int(entry["Id"])] for entry in answer.get("Successful", [])]
        batch = [batch[int(entry["Id"])] for entry in answer.get("Failed", []) if not entry["SenderFault"]]
        if not batch:
            return changed
    raise NotChangedError(f"SQS failed to change the visibility of {len(batch)} messages.")

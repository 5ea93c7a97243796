"""Visibility: hold messages for longer, or let them become visible, ten at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from redrive.sqs.batch import ask, tens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

THREADS = 8  # for one page


class NotChangedError(Exception):
    """SQS itself failed, at each try, to change the visibility of some messages; the step may be tried again."""


def change_visibility(sqs: SQSClient, queue_url: str, handles: Sequence[str], seconds: int) -> set[str]:
    """Let messages, by their receipt handles, become visible in so many seconds; give the handles that SQS took.

    What it refuses is visible already, deleted, or past the 12 hours that a message may be in flight: there is nothing
    left to hold or to release. Raises NotChangedError when SQS's own failures do not pass.
    """

    def change(batch: Sequence[str]) -> list[str]:
        answered = ask(
            lambda entries: sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries),
            batch,
            lambda handle: {"ReceiptHandle": handle, "VisibilityTimeout": seconds},
        )
        if answered.failed:
            raise NotChangedError(f"SQS failed to change the visibility of {len(answered.failed)} messages.")
        return [handle for handle, _ in answered.taken]

    with ThreadPoolExecutor(THREADS) as pool:
        return {handle for taken in pool.map(change, tens(handles)) for handle in taken}

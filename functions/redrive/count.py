"""Count dead letters: what SQS says is in the queue, approximately."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

IN_FLIGHT_LIMIT = 120_000  # received and not yet deleted, per queue (SQS Developer Guide, message quotas)
IN_FLIGHT_MARGIN = 5_000  # left free for the pages in hand and for whoever else reads the queue


def count(sqs: SQSClient, queue_url: str) -> dict[str, int]:
    """Give `{"visible", "in_flight", "delayed"}`.

    Good for choosing lanes, never for deciding that a drain is over.
    """
    found = sqs.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    return {
        "visible": int(found["ApproximateNumberOfMessages"]),
        "in_flight": int(found["ApproximateNumberOfMessagesNotVisible"]),
        "delayed": int(found["ApproximateNumberOfMessagesDelayed"]),
    }

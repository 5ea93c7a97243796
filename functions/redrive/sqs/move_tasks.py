"""SQS's own move tasks: what runs on a queue, and which of them is this run's."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from redrive.values.plan import MoveTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from redrive.values.plan import Move

_ACTIVE = {"RUNNING", "CANCELLING"}


def newest_task(sqs: SQSClient, queue_arn: str) -> MoveTask | None:
    """Give the newest move task of a queue, the only one that may be active; None if SQS lists none."""
    listed = sqs.list_message_move_tasks(SourceArn=queue_arn, MaxResults=1).get("Results", [])
    return MoveTask.from_sqs(listed[0]) if listed else None


def is_active(task: MoveTask | None) -> bool:
    """Tell whether a task still moves messages."""
    return task is not None and task.status in _ACTIVE


def find_own_move_task(sqs: SQSClient, move: Move, started: str, others: Callable[[], list[str]]) -> MoveTask | None:
    """Find the move task that this run started although the answer was lost; None if none can be said to be its own.

    SQS lists what runs and not who started it, so ours is known by what it must be: it is running, began no earlier
    than the run (`started`, ISO 8601), and has the destination and the rate that were asked for. A run beside this one
    may have started just such a task: with `others`, which is called only when there is such a task, none is taken for
    ours.
    """
    task = newest_task(sqs, move.source)
    return task if task and could_be_own(task, move, started) and not others() else None


def could_be_own(task: MoveTask, move: Move, started: str) -> bool:
    """Tell whether a listed task is what this run's own would be."""
    began = int(datetime.fromisoformat(started).timestamp() * 1000)  # as StartedTimestamp: milliseconds
    as_asked = (task.destination, task.rate) == (move.destination, move.rate)
    return task.status == "RUNNING" and task.started >= began and as_asked


def cancel(sqs: SQSClient, handle: str) -> None:
    """Cancel a move task, unless it has ended or is being cancelled already."""
    try:
        sqs.cancel_message_move_task(TaskHandle=handle)
    except ClientError as error:
        # What matters is that nothing of it goes on.
        if not 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:  # noqa: PLR2004 - HTTP
            raise

"""Find our move task: SQS lists what runs and not who started it, so ours is known by what it must be."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

ASKED_FOR = ("DestinationArn", "MaxNumberOfMessagesPerSecond")


def find_own_move_task(
    sqs: SQSClient, move: dict[str, Any], started: str, neighbours: Callable[[], list[str]]
) -> dict[str, Any] | None:
    """Give the move task that this run started although the answer was lost; None if none can be said to be its own.

    `move` is the input of StartMessageMoveTask, `started` when the run began (ISO 8601). Ours is running, began no
    earlier than the run, and has the destination and the rate that were asked for, or none where none was. A run
    beside this one may have started just such a task: with `neighbours`, which is called only when there is such a
    task, none is taken for ours.
    """
    # Newest first, and only one task at a time is active on a queue.
    for task in sqs.list_message_move_tasks(SourceArn=move["SourceArn"], MaxResults=1).get("Results", []):
        if could_be_ours(dict(task), move, started) and not neighbours():
            return dict(task)
    return None


def could_be_ours(task: dict[str, Any], move: dict[str, Any], started: str) -> bool:
    """Tell whether a listed task is what this run's own would be."""
    began = int(datetime.fromisoformat(started).timestamp() * 1000)  # as StartedTimestamp: milliseconds
    return (
        task["Status"] == "RUNNING"
        and task["StartedTimestamp"] >= began
        and all(task.get(what) == move.get(what) for what in ASKED_FOR)
    )

"""SQS's own redrive: the message move tasks, and ListDeadLetterSourceQueues.

ministack 1.5.33 answers InvalidAction to StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask
and ListDeadLetterSourceQueues.

What AWS does, and how it is known: docs/facts.md A4. Not known and chosen here: a moved message keeps its
AWSTraceHeader, and a FIFO message gets its old message id as deduplication id (any id that the queue has not
seen keeps it from being swallowed).
"""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redrive_embedded.patching import ministack, rewrites

if TYPE_CHECKING:
    from redrive_embedded.sqs_gaps import Action, Json

sqs: Any = ministack("services.sqs")

MAX_RATE = 500
_LISTED_AT_MOST = 10
_SOURCES_LISTED = 1000
_STEPS_PER_SECOND = 50
_STARTUP_SECONDS = 0.2  # AWS takes a moment too; a task that is over before it is seen hides bugs

# The tasks of this AWS, oldest first.
_tasks: list[MoveTask] = []
# asyncio keeps only weak references to running tasks.
_running: set[asyncio.Task[None]] = set()


class _FailedError(Exception):
    """The task cannot go on; `str()` is AWS's FailureReason."""


@dataclass
class MoveTask:
    """One move of the messages of one DLQ. `destination` None: each message to where it came from."""

    source: str
    destination: str | None
    rate: int | None
    to_move: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    status: str = "RUNNING"
    moved: int = 0
    failure: str | None = None

    @property
    def handle(self) -> str:
        """Opaque by contract; AWS's is base64 of this JSON."""
        return base64.b64encode(json.dumps({"taskId": self.id, "sourceArn": self.source}).encode()).decode()

    @property
    def active(self) -> bool:
        """Not at its end yet: no other task may start on the same source."""
        return self.status in {"RUNNING", "CANCELLING"}

    def listing(self) -> Json:
        """This task as ListMessageMoveTasks shows it; fields that were not given are left out."""
        entry = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source,
            "DestinationArn": self.destination,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": self.started,
        }
        return {name: value for name, value in entry.items() if value is not None}


@rewrites("services.sqs._HANDLERS")
def fill_missing_actions(actions: dict[str, Action]) -> dict[str, Action]:
    """Answer the four actions that ministack lacks."""
    return {
        **actions,
        "StartMessageMoveTask": start_message_move_task,
        "ListMessageMoveTasks": list_message_move_tasks,
        "CancelMessageMoveTask": cancel_message_move_task,
        "ListDeadLetterSourceQueues": list_dead_letter_source_queues,
    }


@rewrites("services.sqs._QUERY_COMPAT_CODES")
def name_invalid_parameters_as_aws_does(codes: dict[str, str]) -> dict[str, str]:
    """AWS: error code `InvalidParameterValue`, and `InvalidParameterValueException` on the JSON wire."""
    return {**codes, "InvalidParameterValueException": "InvalidParameterValue"}


def start_message_move_task(data: Json, _queue_url: str) -> Json:
    """Start moving `SourceArn`'s messages; answers `{"TaskHandle": …}`.

    ResourceNotFoundException: no such source or destination. InvalidParameterValue: the source is no DLQ, a
    task is running on it already, the types differ, the rate is not 1..500.
    """
    source = _queue_of(data, "SourceArn")
    if not _queues_with_dlq(data["SourceArn"]):
        raise _invalid("Source queue must be configured as a Dead Letter Queue.")
    if data.get("DestinationArn") is not None:
        _check_destination(source, _queue_of(data, "DestinationArn"))
    rate = data.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= MAX_RATE:
        raise _invalid(
            "Value for parameter MaxNumberOfMessagesPerSecond is invalid. "
            f"Reason: You must enter a number that's between 1 and {MAX_RATE}.",
        )
    if any(task.active for task in _tasks if task.source == data["SourceArn"]):
        raise _invalid(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        )
    task = MoveTask(data["SourceArn"], data.get("DestinationArn"), rate, to_move=len(_movable(source)))
    _tasks.append(task)
    running = asyncio.get_running_loop().create_task(_run(task))
    _running.add(running)
    running.add_done_callback(_running.discard)
    return {"TaskHandle": task.handle}


def list_message_move_tasks(data: Json, _queue_url: str) -> Json:
    """The newest `MaxResults` (1..10, by default 1) tasks of `SourceArn`, most recent first."""
    _queue_of(data, "SourceArn")
    count = data.get("MaxResults", 1)
    if not 1 <= count <= _LISTED_AT_MOST:
        raise _invalid(
            "Value for parameter MaxResults is invalid. "
            f"Reason: You must enter a number that's between 1 and {_LISTED_AT_MOST}.",
        )
    of_source = [task for task in reversed(_tasks) if task.source == data["SourceArn"]]
    return {"Results": [task.listing() for task in of_source[:count]]}


def cancel_message_move_task(data: Json, _queue_url: str) -> Json:
    """Stop the running task of `TaskHandle`. What was moved stays moved, and some more may follow."""
    try:
        task_id = json.loads(base64.b64decode(data.get("TaskHandle") or "", validate=True))["taskId"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise _invalid("Value for parameter TaskHandle is invalid.") from None
    task = next((task for task in _tasks if task.id == task_id and task.status == "RUNNING"), None)
    if task is None:
        raise _not_found("Task does not exist.")
    task.status = "CANCELLING"
    return {"ApproximateNumberOfMessagesMoved": task.moved}


def list_dead_letter_source_queues(data: Json, queue_url: str) -> Json:
    """The queues whose RedrivePolicy names this queue. The key is `queueUrls`, as in the botocore model."""
    queue = sqs._get_q(data.get("QueueUrl", queue_url), "sqs:ListDeadLetterSourceQueues")
    urls = [source["url"] for source in _queues_with_dlq(queue["attributes"]["QueueArn"])]
    first = int(data.get("NextToken") or 0)
    last = first + int(data.get("MaxResults") or _SOURCES_LISTED)
    more = {"NextToken": str(last)} if len(urls) > last else {}
    return {"queueUrls": urls[first:last], **more}


async def _run(task: MoveTask) -> None:
    """Move little by little until no visible message is left, it is cancelled, or it fails."""
    rate = task.rate or MAX_RATE
    at_once = max(1, rate // _STEPS_PER_SECOND)
    await asyncio.sleep(_STARTUP_SECONDS)
    try:
        while task.status == "RUNNING" and _move_some(task, at_once):  # noqa: ASYNC110  a pace, no waiting
            await asyncio.sleep(at_once / rate)
    except _FailedError as failure:
        task.status, task.failure = "FAILED", str(failure)
        return
    task.status = "COMPLETED" if task.status == "RUNNING" else "CANCELLED"


def _move_some(task: MoveTask, count: int) -> int:
    """Move up to `count` messages, sending each before it is removed; answers how many were moved."""
    source = sqs._queue_by_arn(task.source)
    if source is None:
        raise _FailedError("AWS.SimpleQueueService.NonExistentQueue")
    chosen = _movable(source)[:count]
    for message in chosen:
        _send(message, task.destination or _origin(message))
        source["messages"] = [other for other in source["messages"] if other is not message]
        task.moved += 1
    return len(chosen)


def _movable(queue: Json) -> list[Json]:
    """The visible messages, oldest first. A message in flight stays; in a FIFO queue, so does its group."""
    sqs._expire_retained(queue)
    now = time.time()
    hidden = {id(message) for message in queue["messages"] if message.get("visible_at", now) > now}
    busy = {message.get("group_id") for message in queue["messages"] if id(message) in hidden}
    return [
        message
        for message in queue["messages"]
        if id(message) not in hidden and not (queue["is_fifo"] and message.get("group_id") in busy)
    ]


def _origin(message: Json) -> str:
    origin: str | None = message.get("sys", {}).get("DeadLetterQueueSourceArn")
    if origin is None:
        raise _FailedError("CouldNotDetermineMessageSource")
    return origin


def _send(message: Json, destination_arn: str) -> None:
    """Send it as a new message: new id, enqueue time and receive count; same body, attributes and group."""
    destination = sqs._queue_by_arn(destination_arn)
    if destination is None:
        raise _FailedError("AWS.SimpleQueueService.NonExistentQueue")
    trace = message.get("sys", {}).get("AWSTraceHeader")
    request = {
        "QueueUrl": destination["url"],
        "MessageBody": message["body"],
        "MessageAttributes": message.get("message_attributes"),
        "MessageSystemAttributes": {"AWSTraceHeader": {"StringValue": trace}} if trace else {},
        "MessageGroupId": message.get("group_id"),
        "MessageDeduplicationId": message["id"] if destination["is_fifo"] else None,
    }
    try:
        sqs._HANDLERS["SendMessage"](request, destination["url"])
    except sqs._Err as error:
        raise _FailedError(error.code) from error


def _check_destination(source: Json, destination: Json) -> None:
    if destination is source:
        raise _invalid("Source queue arn and destination queue arn cannot be the same.")
    if destination["is_fifo"] != source["is_fifo"]:
        raise _invalid("The source queue and destination queue must be of the same queue type.")


def _queue_of(data: Json, parameter: str) -> Json:
    """The queue of an ARN parameter."""
    arn = data.get(parameter)
    if not arn:
        raise sqs._Err("MissingParameter", f"The request must contain the parameter {parameter}.")
    queue: Json | None = sqs._queue_by_arn(arn)
    if queue is None:
        raise _not_found(f"The resource that you specified for the {parameter} parameter doesn't exist.")
    return queue


def _queues_with_dlq(dlq_arn: str) -> list[Json]:
    """The queues whose RedrivePolicy names this DLQ, in the order of their creation."""
    found = []
    for queue in sqs._queues.values():
        policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
        if policy.get("deadLetterTargetArn") == dlq_arn:
            found.append(queue)
    return found


def _invalid(message: str) -> Exception:
    error: Exception = sqs._Err("InvalidParameterValueException", message)
    return error


def _not_found(message: str) -> Exception:
    error: Exception = sqs._Err("ResourceNotFoundException", message, 404)
    return error

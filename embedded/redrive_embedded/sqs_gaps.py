"""SQS: what a redrive depends on and ministack 1.5.33 answers differently.

Sources: "SQS API" is the official reference and the botocore model; the numbers are in docs/facts.md A1-A2.
"""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

import base64
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive_embedded.patching import ministack, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Awaitable

sqs: Any = ministack("services.sqs")

Json: TypeAlias = dict[str, Any]
Action: TypeAlias = Callable[[Json, str], Any]

_BATCH_BYTES = 1_048_576
_REMEMBERED_HANDLES = 500_000


class _RecentHandles:
    """The receipt handles given out lately. Bounded: an embedded AWS may run for days."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._handles: OrderedDict[str, None] = OrderedDict()

    def remember(self, handle: str) -> None:
        self._handles[handle] = None
        if len(self._handles) > self._limit:
            self._handles.popitem(last=False)

    def __contains__(self, handle: str) -> bool:
        return handle in self._handles


_issued = _RecentHandles(_REMEMBERED_HANDLES)
_expired_at: dict[str, float] = {}  # queue ARN → when its messages' retention was looked at last


def message_bytes(message: Json) -> int:
    """The size that SQS counts: the body, and name, type and value of each attribute.

    SQS API, SendMessage: attributes count, AWSTraceHeader does not.
    """
    size = len((message.get("MessageBody") or "").encode())
    for name, value in (message.get("MessageAttributes") or {}).items():
        size += len(name.encode()) + len((value.get("DataType") or "").encode())
        size += len((value.get("StringValue") or "").encode())
        size += len(base64.b64decode(value.get("BinaryValue") or ""))
    return size


@rewrites("services.sqs._HANDLERS")
def fill_sqs_actions(actions: dict[str, Action]) -> dict[str, Action]:
    """Put the actions below in the place of ministack's own."""
    return {
        **actions,
        "SendMessage": _send_message,
        "SendMessageBatch": _send_message_batch,
        "ReceiveMessage": _receive_and_remember(actions["ReceiveMessage"]),
        "DeleteMessage": _delete_message,
        "DeleteMessageBatch": _delete_message_batch,
        "ChangeMessageVisibilityBatch": _without_empty_lists(actions["ChangeMessageVisibilityBatch"]),
    }


def _send_message(data: Json, queue_url: str) -> Json:
    """AWS: attributes count against MaximumMessageSize (SQS API, SendMessage). ministack: only the body."""
    queue = sqs._get_q(data.get("QueueUrl", queue_url))
    limit = int(queue["attributes"]["MaximumMessageSize"])
    if message_bytes(data) > limit:
        raise sqs._Err(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.",
        )
    sent: Json = sqs._act_send_message(data, queue_url)
    return sent


def _send_message_batch(data: Json, queue_url: str) -> Json:
    """Three gaps of SendMessageBatch.

    - AWS keeps an entry's MessageSystemAttributes (AWSTraceHeader); ministack drops them.
    - AWS counts attributes against the 1 MiB of the batch (SQS API); ministack only bodies.
    - AWS leaves `Failed` out when nothing failed; ministack answers an empty list.
    """
    url = data.get("QueueUrl", queue_url)
    entries: list[Json] = data.get("Entries") or []
    sqs._get_q(url, "sqs:SendMessage")
    sqs._validate_batch_entries(entries, "SendMessageBatchRequestEntry")
    total = sum(message_bytes(entry) for entry in entries)
    if total > _BATCH_BYTES:
        raise sqs._Err(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {_BATCH_BYTES} bytes. You have sent {total} bytes.",
        )
    successful, failed = [], []
    for entry in entries:
        try:
            sent = _send_message({**entry, "QueueUrl": url}, url)
        except sqs._Err as error:
            failed.append(
                {"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True},
            )
        else:
            successful.append({"Id": entry["Id"], **sent})
    return _batch_result(successful, failed)


def _receive_and_remember(receive: Callable[[Json, str], Awaitable[Json]]) -> Action:
    """Remember every receipt handle given out, for the deletes below."""

    async def receive_message(data: Json, queue_url: str) -> Json:
        answer = await receive(data, queue_url)
        for message in answer.get("Messages", []):
            _issued.remember(message["ReceiptHandle"])
        return answer

    return receive_message


def _delete_message(data: Json, queue_url: str) -> Json:
    """AWS: a delete with an old handle succeeds, and deletes nothing unless it is the message's newest.

    SQS API, DeleteMessage: "you must provide the most recently received ReceiptHandle for the message
    (otherwise, the request succeeds, but the message will not be deleted)". ministack answers
    ReceiptHandleIsInvalid, also to the second delete of one message. Filled: only a handle that was never
    given out is refused.
    """
    handle = data.get("ReceiptHandle") or ""
    if not handle:
        raise sqs._Err("MissingParameter", "The request must contain the parameter ReceiptHandle.")
    queue = sqs._get_q(data.get("QueueUrl", queue_url), "sqs:DeleteMessage")
    if handle not in _delete_handles(queue, {handle}):
        raise sqs._Err("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
    return {}


def _delete_message_batch(data: Json, queue_url: str) -> Json:
    """As `_delete_message`, for up to ten entries; and without a `Failed` when nothing failed."""
    entries: list[Json] = data.get("Entries") or []
    queue = sqs._get_q(data.get("QueueUrl", queue_url), "sqs:DeleteMessage")
    sqs._validate_batch_entries(entries, "DeleteMessageBatchRequestEntry")
    accepted = _delete_handles(queue, {entry.get("ReceiptHandle") or "" for entry in entries})
    successful, failed = [], []
    for entry in entries:
        if entry.get("ReceiptHandle") in accepted:
            successful.append({"Id": entry["Id"]})
        else:
            failed.append(
                {
                    "Id": entry["Id"],
                    "Code": "ReceiptHandleIsInvalid",
                    "Message": "The input receipt handle is invalid.",
                    "SenderFault": True,
                },
            )
    return _batch_result(successful, failed)


def _delete_handles(queue: Json, handles: set[str]) -> set[str]:
    """Delete the messages that these handles hold; answer the handles that SQS takes without an error."""
    held: dict[str, int] = {}
    for place, message in enumerate(queue["messages"]):
        if (handle := message.get("receipt_handle")) in handles:
            held[handle] = place
            if len(held) == len(handles):
                break  # they are near the front: what is behind need not be looked at
    for place in sorted(held.values(), reverse=True):
        del queue["messages"][place]  # and no copy of the list: what another thread puts in meanwhile must not go lost
    return held.keys() | {handle for handle in handles if handle in _issued}


@replaces("services.sqs._collect_msgs")
def collect_from_the_front(collect: Callable[..., list[Json]], queue: Json, most: int, visibility: int) -> list[Json]:
    """AWS: a receive costs the same however long the queue is. ministack looks at every message, three times.

    With 20,000 messages that is 30 ms a receive. Filled for standard queues: the first visible ones are taken, and
    what is behind them is not looked at.
    """
    if queue["is_fifo"]:
        return collect(queue, most, visibility)
    now = time.time()
    found: list[Json] = []
    for message in queue["messages"]:
        if message.get("visible_at", now) <= now:
            found.append(message)
            if len(found) == most:
                break
    return collect({**queue, "messages": found}, most, visibility)


@replaces("services.sqs._expire_retained")
def expire_once_a_second(expire: Callable[[Json], None], queue: Json) -> None:
    """AWS: a receive does not pay for retention. ministack looks at the age of every message each time."""
    arn, now = queue["attributes"]["QueueArn"], time.time()
    if now - _expired_at.get(arn, 0) >= 1:
        _expired_at[arn] = now
        expire(queue)


def _without_empty_lists(action: Action) -> Action:
    """AWS leaves `Failed` (or `Successful`) out when it is empty; ministack answers an empty list."""

    def answer(data: Json, queue_url: str) -> Json:
        result: Json = action(data, queue_url)
        return {name: entries for name, entries in result.items() if entries}

    return answer


def _batch_result(successful: list[Json], failed: list[Json]) -> Json:
    """A batch action's answer: each list only when it has entries."""
    return {
        **({"Successful": successful} if successful else {}),
        **({"Failed": failed} if failed else {}),
    }


@replaces("services.sqs._dlq_sweep")
def begin_anew_in_a_fifo_dlq(sweep: Callable[[Json], None], queue: Json) -> None:
    """AWS: in a FIFO DLQ, a message's deduplication id is its message id, and its time that of the move.

    SQS developer guide, "dead-letter queues" (docs/facts.md A2, A3). ministack keeps the sender's id, and shows when it
    was sent, while it counts its retention from the move.
    """
    if not queue["is_fifo"]:
        sweep(queue)
        return
    before = len(queue["messages"])
    sweep(queue)
    if len(queue["messages"]) == before:
        return
    for message in _dead_letters_of(queue):
        message["dedup_id"] = message["id"]
        message["sys"]["SentTimestamp"] = str(int(message["enqueued_at"] * 1000))


def _dead_letters_of(queue: Json) -> list[Json]:
    """The messages that this queue put into its DLQ."""
    policy = json.loads(queue["attributes"]["RedrivePolicy"])
    dlq = sqs._queue_by_arn(policy["deadLetterTargetArn"])
    source = queue["attributes"]["QueueArn"]
    return [m for m in dlq["messages"] if m.get("sys", {}).get("DeadLetterQueueSourceArn") == source]

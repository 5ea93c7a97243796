"""What moto's SQS does not do yet and the library relies on. `test_moto_gaps.py` says when a gap has closed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.sqs.models import Queue, SQSBackend
from moto.sqs.responses import SQSResponse

if TYPE_CHECKING:
    import pytest


def fill_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill them all, until the test ends."""
    _move_tasks(monkeypatch)
    _source_arn(monkeypatch)
    _trace_header(monkeypatch)
    _one_at_a_time(monkeypatch)


def _move_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    # ListMessageMoveTasks is missing: to this moto, none was ever started.
    monkeypatch.setattr(SQSResponse, "list_message_move_tasks", lambda _: ActionResult({"Results": []}), raising=False)


def _source_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    # A dead-lettered message has no DeadLetterQueueSourceArn.
    add, answer = Queue.add_message, SQSResponse.receive_message

    def add_message(queue: Queue, message: Any) -> None:
        home = getattr(message, "home", None)
        if home is not None and home.dead_letter_queue is queue:
            message.source_arn = home.queue_arn
        message.home = queue
        add(queue, message)

    def receive_message(response: SQSResponse) -> ActionResult:
        result = answer(response)
        queue = response.sqs_backend.get_queue(response._get_queue_name())
        arns = {message.id: getattr(message, "source_arn", None) for message in queue._messages}
        for message in result.result.get("Messages", []):
            if arn := arns.get(message["MessageId"]):
                message["Attributes"]["DeadLetterQueueSourceArn"] = arn
        return result

    monkeypatch.setattr(Queue, "add_message", add_message)
    # Deep copies of a message, which moto makes at each receive, must not copy the queue that it is in.
    monkeypatch.setattr(Queue, "__deepcopy__", lambda queue, _: queue, raising=False)
    monkeypatch.setattr(SQSResponse, "receive_message", receive_message)


def _trace_header(monkeypatch: pytest.MonkeyPatch) -> None:
    # SendMessageBatch drops MessageSystemAttributes, which SendMessage keeps.
    send = SQSBackend.send_message_batch

    def send_message_batch(backend: SQSBackend, name: str, entries: dict[str, Any]) -> Any:
        messages, failed = send(backend, name, entries)
        given = {entry["Id"]: entry.get("MessageSystemAttributes") or {} for entry in entries.values()}
        for message in messages:
            message.system_attributes = given[message.user_id]
        return messages, failed

    monkeypatch.setattr(SQSBackend, "send_message_batch", send_message_batch)


def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its queues are lists without a lock: two threads that delete lose a deletion, two that receive share a message.
    lock = threading.RLock()

    def locked(name: str) -> None:
        work = getattr(SQSBackend, name)

        def method(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return work(*args, **kwargs)

        monkeypatch.setattr(SQSBackend, name, method)

    for name in ("send_message", "send_message_batch", "delete_message", "change_message_visibility"):
        locked(name)
    receive = SQSBackend.receive_message

    def receive_message(backend: Any, name: str, count: int, wait: int, visibility: int, attributes: Any = None) -> Any:
        give_up = time.monotonic() + wait
        while True:
            with lock:
                found = receive(backend, name, count, 0, visibility, attributes)
            if found or time.monotonic() >= give_up:
                return found
            time.sleep(0.02)

    monkeypatch.setattr(SQSBackend, "receive_message", receive_message)

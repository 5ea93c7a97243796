"""Fill a page: parallel long polls of the dead-letter queue, until the page is full or the queue gives nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redrive import clock
from redrive.values.message import Message, StoredPage
from redrive.values.timeline import FILL_TIME, VISIBILITY

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.values.lane import Budget
    from redrive.values.queue import Queue


@dataclass
class _Filling:
    """A page while it fills. Shared by the pollers, under `lock`."""

    started: float
    size: int
    most_bytes: int
    messages: dict[str, Message] = field(default_factory=dict)
    bytes: int = 0
    asked_for: int = 0
    empty_polls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, most: int) -> int:
        """Claim places for one poll: how many messages it may ask for; 0 when the page is full."""
        with self.lock:
            if self.bytes >= self.most_bytes or clock.now() - self.started > FILL_TIME:
                return 0
            places = min(most, self.size - len(self.messages) - self.asked_for)
            self.asked_for += places
            return places

    def put(self, places: int, arrived: list[Message]) -> None:
        """Put in what one poll of `places` brought. A repeated message keeps its place, with its newer handle."""
        with self.lock:
            self.asked_for -= places
            self.empty_polls += not arrived
            for message in arrived:
                self.messages[message.id] = message
                self.bytes += message.bytes


def fill(sqs: SQSClient, queue: Queue, budget: Budget) -> tuple[StoredPage, bool]:
    """Receive a page of messages; tell whether the queue is dry, as far as one can know.

    Dry only when every poller's last long poll came back empty: one alone may have been unlucky. The approximate
    count would be no evidence at all.
    """
    exact = budget.limit_left is not None and not budget.has_filter
    size = min(budget.page_size, budget.limit_left or 0) if exact else budget.page_size
    filling = _Filling(clock.now(), size, budget.page_bytes)

    def ask(wait: int) -> bool:
        """Ask once; tell whether it is worth asking again."""
        places = filling.claim(budget.per_poll)
        if places <= 0:
            return False
        answer = sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=places,
            WaitTimeSeconds=wait,
            VisibilityTimeout=VISIBILITY,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        arrived = [Message.from_sqs(received) for received in answer.get("Messages", [])]
        filling.put(places, arrived)
        return bool(arrived)

    def poll(wait: int) -> None:
        while ask(wait):
            pass

    # A FIFO queue has shown all it will until these are deleted as soon as one answer is empty: only the first waits.
    if queue.fifo and not ask(budget.poll_seconds):
        return _page(filling), False
    with ThreadPoolExecutor(budget.pollers) as pool:
        wait = 0 if queue.fifo else budget.poll_seconds
        for done in [pool.submit(poll, wait) for _ in range(budget.pollers)]:
            done.result()
    return _page(filling), filling.empty_polls == budget.pollers


def _page(filling: _Filling) -> StoredPage:
    return StoredPage(filling.started, list(filling.messages.values()))

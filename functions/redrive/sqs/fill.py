"""Fill a page: parallel long polls of the dead-letter queue, until the page is full or the queue gives nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redrive import clock
from redrive.sqs.visibility import change_visibility
from redrive.values.message import Message, StoredPage
from redrive.values.queue import LARGEST
from redrive.values.timeline import FILL_TIME, VISIBILITY

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.values.lane import Budget
    from redrive.values.queue import Queue


@dataclass
class _Filling:
    """A page while it fills. Shared by the pollers, who change it under `changed`.

    A page must fit into the memory of every step, and what is on its way is already in it: a poll keeps room for as
    many messages as it asks for, each as large as the largest that has arrived, or as SQS allows when none has.
    """

    started: float
    size: int
    room: int
    most_bytes: int
    messages: dict[str, Message] = field(default_factory=dict)
    too_many: list[str] = field(default_factory=list)
    bytes: int = 0
    largest: int = 0
    asked_for: int = 0
    empty_polls: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def claim(self, most: int) -> int:
        """Claim places for one poll: how many messages it may ask for; 0 when the page is full.

        A poll that there is no room for waits for one that is on its way: to ask for fewer would be to ask more often.
        """
        with self.changed:
            while clock.now() - self.started <= FILL_TIME and not self.too_many:
                places = min(most, self.size - len(self.messages) - self.asked_for)
                if places <= 0 or self._fits(places):
                    self.asked_for += places
                    return places
                if not self.asked_for:
                    break
                self.changed.wait()
            return 0

    def put(self, places: int, arrived: list[Message]) -> None:
        """Put in what one poll of `places` brought. A repeated message keeps its place, with its newer handle.

        What the page has no room for after all is not taken; and nothing after it, for a group has an order.
        """
        with self.changed:
            self.asked_for -= places
            self.empty_polls += not arrived
            for message in arrived:
                size = message.bytes
                fits = not self.too_many and self.bytes + size <= self.most_bytes
                if not fits and message.id not in self.messages:
                    self.too_many.append(message.handle)
                    continue
                self.messages[message.id] = message
                self.bytes += size
                self.largest = max(self.largest, size)
            self.changed.notify_all()

    def _fits(self, places: int) -> bool:
        if not self.messages and not self.asked_for:
            return True
        return self.bytes + (self.asked_for + places) * (self.largest or LARGEST) <= self.room


def fill(sqs: SQSClient, queue: Queue, budget: Budget) -> tuple[StoredPage, bool]:
    """Receive a page of messages; tell whether the queue is dry, as far as one can know.

    A page has at most `page_bytes`, or what one poll may bring. What arrives beyond that, where messages are suddenly
    much larger than all before, becomes visible again.

    Dry only when every poller's last long poll came back empty: one alone may have been unlucky. The approximate
    count would be no evidence at all.
    """
    exact = budget.limit_left is not None and not budget.has_filter
    size = min(budget.page_size, budget.limit_left or 0) if exact else budget.page_size
    most_bytes = max(budget.page_bytes, budget.per_poll * LARGEST)
    filling = _Filling(clock.now(), size, budget.page_bytes, most_bytes)

    def ask(wait: int) -> bool:
        """Ask once; tell whether it is worth asking again."""
        places = filling.claim(budget.per_poll)
        if places <= 0:
            return False
        arrived: list[Message] = []
        try:
            arrived = receive(sqs, queue.url, places, wait=wait, hidden_for=VISIBILITY)
        finally:
            filling.put(places, arrived)  # also of a poll that failed: others wait for it
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
    if filling.too_many:
        change_visibility(sqs, queue.url, filling.too_many, 0)
    return _page(filling), filling.empty_polls == budget.pollers and not filling.too_many


def receive(sqs: SQSClient, url: str, most: int, *, wait: int, hidden_for: int) -> list[Message]:
    """Receive at most `most` messages (up to 10) whole, in one poll of `wait` seconds.

    Nobody else receives them for `hidden_for` seconds.
    """
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=most,
        WaitTimeSeconds=wait,
        VisibilityTimeout=hidden_for,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return [Message.from_sqs(received) for received in answer.get("Messages", [])]


def _page(filling: _Filling) -> StoredPage:
    return StoredPage(filling.started, list(filling.messages.values()))

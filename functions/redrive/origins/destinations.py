"""Destinations: where each of a run's messages goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redrive.values.message import Message
    from redrive.values.queue import Queue


@dataclass(frozen=True)
class Destinations:
    """To `named`, or each back to the source queue it came from.

    `sources` are the first of the queues whose dead-letter queue this is, and `more_sources` counts the rest.
    """

    queue: Queue
    named: Queue | None
    sources: list[Queue]
    more_sources: int = 0

    def of(self, message: Message) -> Queue | str:
        """Give the queue a message goes to, or the sentence that says why there is none."""
        if self.named:
            return self.named
        for source in self.sources:
            if source.arn == message.source:
                return source
        if message.source:
            # That queue has another dead-letter queue by now, or none: it is still where the message came from.
            return self.queue.sibling(message.source)
        number = len(self.sources) + self.more_sources
        if number == 1:
            return self.sources[0]
        return f"SQS did not dead-letter it, and {self.queue.name} serves {number:,} queues: name a destination"

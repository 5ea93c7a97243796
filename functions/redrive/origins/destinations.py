"""Destinations: where each of a run's messages goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redrive.values.message import Message
    from redrive.values.queue import Queue


@dataclass(frozen=True)
class Destinations:
    """To `named`, or each back to the source queue it came from."""

    queue: Queue
    named: Queue | None
    sources: list[Queue]

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
        if len(self.sources) == 1:
            return self.sources[0]
        return (
            f"SQS did not dead-letter it, and {self.queue.name} serves {len(self.sources)} queues: name a destination"
        )

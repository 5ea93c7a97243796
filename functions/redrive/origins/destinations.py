"""Destinations: where each of a run's messages goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redrive.values.queue import LARGEST, Queue

if TYPE_CHECKING:
    from collections.abc import Collection

    from redrive.values.message import Message


@dataclass(frozen=True)
class Destinations:
    """To `named`, or each back to the source queue it came from.

    `sources` are the first of the queues whose dead-letter queue this is, and `more_sources` counts the rest.
    """

    queue: Queue
    named: Queue | None
    sources: list[Queue]
    more_sources: int = 0

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Destinations:
        """Read a lane's part of the state machine's state."""
        return cls(
            Queue.from_json(value["queue"]),
            Queue.from_json_or_none(value["destination"]),
            [Queue.from_json(source) for source in value["sources"]],
            value["more_sources"],
        )

    @property
    def least_bytes(self) -> int:
        """The largest message that each of the queues that are known takes."""
        known = [self.named] if self.named else self.sources
        return min((queue.max_bytes for queue in known), default=LARGEST)

    def are_lost(self, lost: Collection[str]) -> bool:
        """Tell whether no destination is left, when the queues with these names take nothing any more."""
        if self.named:
            return self.named.name in lost
        return bool(lost) and not self.more_sources and all(source.name in lost for source in self.sources)

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

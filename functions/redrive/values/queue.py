"""Queues as a run knows them, and how many messages are in one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

LARGEST = 1_048_576  # bytes; the most that any queue takes per message, and a batch in all (SQS API, SendMessageBatch)


@dataclass(frozen=True)
class Queue:
    """A queue.

    max_bytes    what it takes per message (`MaximumMessageSize`)
    hidden_for   seconds that a received message stays hidden, where its receiver does not say (`VisibilityTimeout`)
    seen         whether SQS has described it; else it is what must be so of a queue with its ARN
    moves_on_to  name of its own dead-letter queue, to which SQS moves what is received too often (`RedrivePolicy`)
    """

    name: str
    url: str
    arn: str
    fifo: bool
    max_bytes: int
    hidden_for: int = 30
    seen: bool = True
    moves_on_to: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the queue as it travels through the state machine."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Queue:
        """Read what `to_json` wrote."""
        return cls(**value)

    @classmethod
    def from_json_or_none(cls, value: dict[str, Any] | None) -> Queue | None:
        """Read a queue that may not be there."""
        return cls.from_json(value) if value else None

    def sibling(self, arn: str) -> Queue:
        """Give the queue `arn`, of the same account, Region and type, as far as it is known without asking SQS.

        A source queue is always such a one: a dead-letter queue must be in its source's account and Region (SQS
        Developer Guide, dead-letter queues).
        """
        name = name_of(arn)
        return Queue(name, f"{self.url.rsplit('/', 1)[0]}/{name}", arn, self.fifo, LARGEST, seen=False)


@dataclass(frozen=True)
class QueueDepth:
    """How many messages are in a queue, approximately, as SQS says. `in_flight` are received and not yet deleted."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def all(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed

    def to_json(self) -> dict[str, int]:
        """Give the depth as it travels through the state machine."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> QueueDepth:
        """Read what `to_json` wrote, perhaps with a bill beside it."""
        return cls(value["visible"], value["in_flight"], value["delayed"])


def name_of(arn: str) -> str:
    """Give the name at the end of an ARN: a queue's, or an execution's, which is the run's."""
    return arn.rsplit(":", 1)[-1]

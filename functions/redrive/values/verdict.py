"""Verdicts: what the filter decides of each message, and what the steps after it read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redrive.values.message import UNCHANGED, Outgoing, Stamp, as_text, attributes_from_json, attributes_to_json
from redrive.values.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redrive.values.message import Message

SEND = "send"  # as a verdict is written


@dataclass(frozen=True)
class SentBefore:
    """What is known of earlier sends of messages, by their ids.

    `known` were sent, and have these ids in their destinations; of the `unknown` nobody can say whether they were.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


NOT_SENT_BEFORE = SentBefore()


@dataclass(frozen=True)
class Verdict:
    """What is to become of a message: to be sent where `outcome` is None, else how it ends without that, and why.

    `key` is what the request's `key` gave for the message, whatever becomes of it. `new_id` is the id that a message
    has in its destination, when it was sent before; `earlier` is the stamp that an earlier redrive remembered of it,
    because it could not carry one.
    """

    outcome: Outcome | None
    reason: str = ""
    outgoing: Outgoing = UNCHANGED
    new_id: str | None = None
    earlier: Stamp | None = None
    key: str | None = None

    @property
    def sends(self) -> bool:
        """Whether the message is to be sent."""
        return self.outcome is None

    def to_json(self, message: Message) -> dict[str, Any]:
        """Give the verdict as one line of a page's verdicts."""
        line: dict[str, Any] = {"id": message.id, "decision": self.outcome or SEND, "reason": self.reason}
        if self.new_id:
            line["new_id"] = self.new_id
        if self.key is not None:
            line["key"] = self.key
        if self.earlier:
            line["earlier"] = vars(self.earlier)
        if self.outgoing != UNCHANGED:
            attributes = self.outgoing.attributes
            line["body"] = self.outgoing.body
            line["attributes"] = None if attributes is None else attributes_to_json(attributes)
        return line

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Verdict:
        """Read what `to_json` wrote. Raises ValueError or the like when it is not that."""
        attributes = line.get("attributes")
        changed = None if attributes is None else attributes_from_json(attributes)
        outcome = None if line["decision"] == SEND else Outcome(line["decision"])
        texts = [None if line.get(name) is None else as_text(line[name]) for name in ("body", "new_id", "key")]
        body, new_id, key = texts
        earlier = Stamp.of(line["earlier"]) if "earlier" in line else None
        return cls(outcome, as_text(line["reason"]), Outgoing(body, changed), new_id, earlier, key)

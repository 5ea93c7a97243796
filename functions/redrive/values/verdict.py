"""Verdicts: what the filter decides of each message, and what the steps after it read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redrive.values.message import UNCHANGED, Outgoing, attributes_from_json, attributes_to_json
from redrive.values.outcome import Outcome

if TYPE_CHECKING:
    from redrive.values.message import Message

SEND = "send"  # as a verdict is written


@dataclass(frozen=True)
class Verdict:
    """What is to become of a message: to be sent where `outcome` is None, else how it ends without that, and why.

    `new_id` is the id that a message has in its destination, when it was sent before.
    """

    outcome: Outcome | None
    reason: str = ""
    outgoing: Outgoing = UNCHANGED
    new_id: str | None = None

    @property
    def sends(self) -> bool:
        """Whether the message is to be sent."""
        return self.outcome is None

    def to_json(self, message: Message) -> dict[str, Any]:
        """Give the verdict as one line of a page's verdicts."""
        line: dict[str, Any] = {"id": message.id, "decision": self.outcome or SEND, "reason": self.reason}
        if self.new_id:
            line["new_id"] = self.new_id
        if self.outgoing != UNCHANGED:
            attributes = self.outgoing.attributes
            line["body"] = self.outgoing.body
            line["attributes"] = None if attributes is None else attributes_to_json(attributes)
        return line

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Verdict:
        """Read what `to_json` wrote."""
        attributes = line.get("attributes")
        changed = None if attributes is None else attributes_from_json(attributes)
        outcome = None if line["decision"] == SEND else Outcome(line["decision"])
        return cls(outcome, line["reason"], Outgoing(line.get("body"), changed), line.get("new_id"))

"""Verdicts: what the filter decides of each message, and what the steps after it read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redrive.messages import Outgoing, attributes_from_json, attributes_to_json

if TYPE_CHECKING:
    from redrive.messages import Message

SEND = "send"
UNCHANGED = Outgoing()


@dataclass(frozen=True)
class Verdict:
    """`send`, or how the message ends if it is not sent: `held`, `failed`, `returned`, `previewed`, `settled`; and why.

    `new_id` is the id of a settled message in its destination.
    """

    decision: str
    reason: str = ""
    outgoing: Outgoing = UNCHANGED
    new_id: str | None = None

    def to_json(self, message: Message) -> dict[str, Any]:
        """Give the verdict as one line of a page's verdicts."""
        line: dict[str, Any] = {"id": message.id, "decision": self.decision, "reason": self.reason}
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
        return cls(line["decision"], line["reason"], Outgoing(line.get("body"), changed), line.get("new_id"))

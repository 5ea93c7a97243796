"""Messages: as they are received from SQS and kept in a page, complete at every turn.

Shapes and limits are those of the SQS API (ReceiveMessage, SendMessageBatch): at most 10 message attributes, and
1 MiB for the body and the attributes together; `AWSTraceHeader` does not count.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.values.timeline import VISIBILITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs.type_defs import MessageTypeDef

STAMP = "redrive"  # the message attribute that says: redriven before, by which run, and what it was at first
MOST_ATTRIBUTES = 10
Attributes: TypeAlias = dict[str, dict[str, Any]]  # SQS's `MessageAttributes`: name → `DataType` and a value


@dataclass(frozen=True)
class Stamp:
    """What the `redrive` attribute says: redriven how often, by which run last, and the message's very first id."""

    count: int
    run: str | None
    id: str | None

    def attribute(self) -> dict[str, str]:
        """Give the stamp as a message attribute."""
        value = json.dumps({"count": self.count, "run": self.run, "id": self.id}, separators=(",", ":"))
        return {"DataType": "String", "StringValue": value}

    @classmethod
    def on(cls, attributes: Attributes) -> Stamp:
        """Read the stamp on a message with these attributes; NO_STAMP when there is none of ours."""
        if STAMP not in attributes:
            return NO_STAMP
        try:
            value = json.loads(attributes[STAMP].get("StringValue", ""))
            return cls(int(value["count"]), str(value["run"]), str(value["id"]))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return NO_STAMP  # somebody else's attribute of the same name: it was not redriven by us


NO_STAMP = Stamp(0, None, None)


@dataclass(frozen=True)
class Message:
    """A message as it was received. `attributes` are SQS's `MessageAttributes`, binary values as bytes."""

    id: str
    handle: str
    body: str
    attributes: Attributes
    system: dict[str, str]

    @classmethod
    def from_sqs(cls, received: MessageTypeDef) -> Message:
        """Read one entry of ReceiveMessage's `Messages`."""
        return cls(
            id=received["MessageId"],
            handle=received["ReceiptHandle"],
            body=received["Body"],
            attributes={
                # A list value is reserved by SQS and always empty; what is kept is what can be sent.
                name: {key: value[key] for key in ("DataType", "StringValue", "BinaryValue") if key in value}
                for name, value in received.get("MessageAttributes", {}).items()
            },
            system={str(name): value for name, value in received.get("Attributes", {}).items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Give the message as one line of a page; binary values in base64."""
        return {
            "id": self.id,
            "handle": self.handle,
            "body": self.body,
            "attributes": attributes_to_json(self.attributes),
            "system": self.system,
        }

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Message:
        """Read what `to_json` wrote."""
        attributes = attributes_from_json(line["attributes"])
        return cls(line["id"], line["handle"], line["body"], attributes, line["system"])

    @property
    def bytes(self) -> int:
        """Its size as SQS counts it: body, and each attribute's name, type and value."""
        return size_of(self.body, self.attributes)

    @property
    def group(self) -> str | None:
        """The message group id: on FIFO queues always, on standard queues when they are fair queues."""
        return self.system.get("MessageGroupId")

    @property
    def source(self) -> str | None:
        """ARN of the queue that SQS dead-lettered it from; None when it was put into the DLQ by hand."""
        return self.system.get("DeadLetterQueueSourceArn")

    @property
    def sent_ms(self) -> int:
        """When it was first sent, in milliseconds since the epoch (`SentTimestamp`)."""
        return int(self.system["SentTimestamp"])

    @property
    def stamp(self) -> Stamp:
        """What earlier redrives left on it."""
        return Stamp.on(self.attributes)


@dataclass(frozen=True)
class Outgoing:
    """What is to be sent for one message: its new body and attributes; None means as they were."""

    body: str | None = None
    attributes: Attributes | None = None


UNCHANGED = Outgoing()


@dataclass(frozen=True)
class StoredPage:
    """A page as it is in the bucket: written once, so that a place in it always means the same message.

    `started` is when its first message may have been received (epoch seconds).
    """

    started: float
    messages: Sequence[Message]

    @property
    def visible_at(self) -> float:
        """When the first of its messages would become visible."""
        return self.started + VISIBILITY


@dataclass(frozen=True)
class HeldMessage:
    """A message that stays in the dead-letter queue: hidden until `visible_at`, or let go before (`released`)."""

    id: str
    handle: str
    visible_at: float
    released: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as one line of a page's held messages."""
        return vars(self).copy()

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> HeldMessage:
        """Read what `to_json` wrote."""
        return cls(**line)


@dataclass(frozen=True)
class SendResult:
    """What became of one message that was to be sent: `id` when SQS accepted it, else `error`.

    `place` is its place in the page, `to` the name of its destination. `behind`: it waits behind an earlier message of
    its group. `lost`: its destination takes nothing any more. `stamped`: it carries the `redrive` attribute.
    """

    place: int
    id: str | None = None
    error: str = ""
    to: str | None = None
    behind: bool = False
    lost: bool = False
    stamped: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it without what says nothing: a hundred of them stand in one record of the journal."""
        return {name: value for name, value in vars(self).items() if name == "place" or value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SendResult:
        """Read what `to_json` wrote."""
        return cls(**value)


def attributes_to_json(attributes: Attributes) -> Attributes:
    """Give message attributes as JSON: binary values in base64."""
    return {
        name: {**value, "BinaryValue": base64.b64encode(value["BinaryValue"]).decode()}
        if "BinaryValue" in value
        else value
        for name, value in attributes.items()
    }


def attributes_from_json(attributes: Attributes) -> Attributes:
    """Read what `attributes_to_json` wrote."""
    return {
        name: {**value, "BinaryValue": base64.b64decode(value["BinaryValue"])} if "BinaryValue" in value else value
        for name, value in attributes.items()
    }


def size_of(body: str, attributes: Attributes) -> int:
    """Count bytes as SQS does: the body, and each attribute's name, type and value."""
    total = len(body.encode())
    for name, value in attributes.items():
        total += len(name.encode()) + len(value["DataType"].encode())
        total += len(value.get("StringValue", "").encode()) + len(value.get("BinaryValue", b""))
    return total

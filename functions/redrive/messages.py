"""Messages: read from SQS, kept in a page, written back to SQS, and complete at every turn.

Shapes and limits are those of the SQS API (ReceiveMessage, SendMessageBatch): at most 10 message attributes, and
1 MiB for the body and the attributes together; `AWSTraceHeader` does not count.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MARK = "redrive"  # the message attribute that says: redriven before, by which run, and what it was at first
MOST_ATTRIBUTES = 10
Attributes = dict[str, dict[str, Any]]  # SQS's `MessageAttributes`: name → `DataType` and a value


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
        return _size(self.body, self.attributes)

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
    def mark(self) -> Mark:
        """What earlier redrives left on it; `Mark(0, None, None)` when there was none."""
        if MARK not in self.attributes:
            return UNMARKED
        try:
            value = json.loads(self.attributes[MARK].get("StringValue", ""))
            return Mark(int(value["count"]), str(value["run"]), str(value["id"]))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return UNMARKED  # somebody else's attribute of the same name: it was not redriven by us


@dataclass(frozen=True)
class Mark:
    """The `redrive` attribute: how often, by which run last, and the message's very first id."""

    count: int
    run: str | None
    id: str | None


UNMARKED = Mark(0, None, None)


@dataclass(frozen=True)
class Outgoing:
    """What is to be sent for one message: its new body and attributes; None means as they were."""

    body: str | None = None
    attributes: Attributes | None = None


def entry(message: Message, outgoing: Outgoing, run: str, *, fifo: bool, max_bytes: int) -> dict[str, Any]:
    """Build the SendMessageBatch entry, without its `Id`, that carries `message` on.

    Everything is kept: body, all attributes, group id, trace header. The `redrive` mark is added when an attribute
    slot is free, the destination's `max_bytes` allow it and no attribute of somebody else has its name; whether it
    was is seen with `is_marked`.
    """
    body = message.body if outgoing.body is None else outgoing.body
    attributes = dict(message.attributes if outgoing.attributes is None else outgoing.attributes)
    marked = {**attributes, MARK: _mark_for(message, run)}
    taken = MARK in attributes and message.mark.run is None
    if not taken and len(marked) <= MOST_ATTRIBUTES and _size(body, marked) <= max_bytes:
        attributes = marked
    result: dict[str, Any] = {"MessageBody": body}
    if attributes:
        result["MessageAttributes"] = attributes
    if message.group is not None:
        result["MessageGroupId"] = message.group
    if trace := message.system.get("AWSTraceHeader"):
        result["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    if fifo:
        result["MessageDeduplicationId"] = deduplication_id(message)
    return result


def deduplication_id(message: Message) -> str:
    """Give the deduplication id of a dead letter: the same whenever and by whichever run it is sent.

    The one it came with is no use: within five minutes of the original send SQS would drop the message silently. A
    message that comes back to the dead-letter queue has a new message id by then, and so a new one of these.
    """
    return hashlib.sha256(f"redrive\n{message.id}".encode()).hexdigest()


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


def is_marked(entry: dict[str, Any], run: str) -> bool:
    """Whether the entry carries the `redrive` mark of this run."""
    return Message("", "", "", entry.get("MessageAttributes", {}), {}).mark.run == run


def size(entry: dict[str, Any]) -> int:
    """Count the bytes of an entry as SQS does: body, and each attribute's name, type and value."""
    return _size(entry["MessageBody"], entry.get("MessageAttributes", {}))


def _size(body: str, attributes: Attributes) -> int:
    total = len(body.encode())
    for name, value in attributes.items():
        total += len(name.encode()) + len(value["DataType"].encode())
        total += len(value.get("StringValue", "").encode()) + len(value.get("BinaryValue", b""))
    return total


def _mark_for(message: Message, run: str) -> dict[str, str]:
    earlier = message.mark
    value = {"count": earlier.count + 1, "run": run, "id": earlier.id or message.id}
    return {"DataType": "String", "StringValue": json.dumps(value, separators=(",", ":"))}

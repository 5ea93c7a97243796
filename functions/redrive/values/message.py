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
MOST_REDRIVES = 1_000_000  # that a stamp may tell of; more is no count of ours
MOST_NAME = 100  # characters of a run or an id: a run is a day and an execution's name, of 80 at most
MOST_STAMP = 1024  # characters of a stamp's value, and room enough for any that we write
MOST_DIGITS = 20  # of a number that SQS writes
LAST_MS = 253_402_300_799_999  # the last moment that a date can tell, in the year 9999
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
        """Read the stamp on a message with these attributes; NO_STAMP when there is none of ours.

        Whoever sends a message may write anything there. What we could not have written is somebody else's attribute
        of the same name, and says nothing of redrives.
        """
        text = attributes.get(STAMP, {}).get("StringValue")
        if not isinstance(text, str) or len(text) > MOST_STAMP:
            return NO_STAMP
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return NO_STAMP
        return cls.of(value)

    @classmethod
    def of(cls, value: Any) -> Stamp:
        """Take `{"count", "run", "id"}` for a stamp; NO_STAMP when it can be none of ours."""
        if not isinstance(value, dict):
            return NO_STAMP
        count, run, first = value.get("count"), value.get("run"), value.get("id")
        if type(count) is not int or not 1 <= count <= MOST_REDRIVES:  # nor a bool, which is an int to Python
            return NO_STAMP
        return cls(count, run, first) if _is_name(run) and _is_name(first) else NO_STAMP


NO_STAMP = Stamp(0, None, None)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_NAME


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
            body=received.get("Body", ""),
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
        """Read what `to_json` wrote. Raises ValueError or the like when it is not that."""
        system = {as_text(name): as_text(value) for name, value in line["system"].items()}
        attributes = attributes_from_json(line["attributes"])
        return cls(as_text(line["id"]), as_text(line["handle"]), as_text(line["body"]), attributes, system)

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
    def sent_ms(self) -> int | None:
        """When it was first sent, in milliseconds since the epoch (`SentTimestamp`); None when that tells no time."""
        sent = whole_number(self.system.get("SentTimestamp"))
        return sent if sent is not None and sent <= LAST_MS else None

    def is_stampable(self, most_bytes: int) -> bool:
        """Tell whether it could carry a stamp to a queue that takes messages of so many bytes."""
        has_stamp, has_slot = self.stamp != NO_STAMP, len(self.attributes) < MOST_ATTRIBUTES
        return (has_stamp or (has_slot and STAMP not in self.attributes)) and self.bytes + MOST_STAMP <= most_bytes

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

    def __post_init__(self) -> None:
        """Refuse a time that is none: a page is read from where others may have written."""
        as_time(self.started)

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
        """Read what `to_json` wrote. Raises ValueError or the like when it is not that."""
        held = cls(**line)
        as_text(held.id), as_text(held.handle), as_time(held.visible_at)
        return held


@dataclass(frozen=True)
class SendResult:
    """What became of one message that was to be sent: `id` when SQS accepted it, else `error`.

    `place` is its place in the page, `to` the name of its destination. `behind`: it waits behind an earlier message of
    its group. `lost`: its destination takes nothing any more. `stamped`: it carries the `redrive` attribute.
    `archived`: it was to be discarded, and the archive has it.
    """

    place: int
    id: str | None = None
    error: str = ""
    to: str | None = None
    behind: bool = False
    lost: bool = False
    stamped: bool = False
    archived: bool = False

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
    """Read what `attributes_to_json` wrote. Raises ValueError or the like when it is not that."""
    return {
        name: {
            part: base64.b64decode(as_text(text)) if part == "BinaryValue" else as_text(text)
            for part, text in value.items()
        }
        for name, value in attributes.items()
    }


def as_text(value: Any) -> str:
    """Give a stored text. Raises TypeError when it is none."""
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def as_time(value: Any) -> float:
    """Give a stored time, in epoch seconds. Raises ValueError or TypeError when it is none."""
    if not 0 <= value <= LAST_MS / 1000:
        raise ValueError("no time")
    return float(value)


def size_of(body: str, attributes: Attributes) -> int:
    """Count bytes as SQS does: the body, and each attribute's name, type and value."""
    total = _bytes(body)
    for name, value in attributes.items():
        total += _bytes(name) + _bytes(value.get("DataType", ""))
        total += _bytes(value.get("StringValue", "")) + len(value.get("BinaryValue", b""))
    return total


def _bytes(text: str) -> int:
    # Half a character (a lone surrogate) has no UTF-8; SQS refuses it, and until then it is counted.
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def whole_number(text: Any) -> int | None:
    """Read a number as SQS writes one; None when it is none."""
    is_one = isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return int(text) if is_one else None

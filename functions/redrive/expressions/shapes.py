"""Shapes: what an expression sees of a message, and what its result makes of one."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.expressions.exact import (
    OutOfRange,
    Written,
    decimal_of,
    escapes_of,
    is_number,
    read,
    same,
    scripted,
    write,
)
from redrive.values.errors import ExpressionFailed
from redrive.values.message import MOST_ATTRIBUTES, Attributes, Message, Outgoing, Stamp, size_of, whole_number
from redrive.values.queue import LARGEST, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What SQS does not take (SQS API, SendMessage): it takes the characters of XML 1.0.
_NOT_TAKEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What SQS takes as an attribute's name, and as its Number (SQS Developer Guide, message metadata; SQS API,
# MessageAttributeValue).
_NAME = re.compile(r"(?!(?:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", re.IGNORECASE | re.ASCII)
_MOST_DIGITS, _LEAST_POWER, _MOST_POWER = 38, -128, 126


def view_of(message: Message, stamp: Stamp) -> dict[str, Any]:
    """Give what `where` and `transform` see of a message, whose stamp may be kept elsewhere."""
    body = _parsed(message.body)
    return {
        "body": body,
        "content": _content_of(body),
        "text": message.body,
        "attributes": {name: _plain(value) for name, value in message.attributes.items()},
        "id": message.id,
        "sent": _moment(message.sent_ms),
        "received_count": whole_number(message.system.get("ApproximateReceiveCount", "1")),
        "redrives": stamp.count,
        "group": message.group,
        "source": name_of(message.source) if message.source else None,
    }


def has_field(view: Any, names: Sequence[str]) -> bool:
    """Tell whether there is a field at this path, in any element where an array is on the way."""
    if not names:
        return True
    if isinstance(view, list):
        return any(has_field(element, names) for element in view)
    return isinstance(view, dict) and names[0] in view and has_field(view[names[0]], names[1:])


def transformed(results: Mapping[str, Any], message: Message, view: Mapping[str, Any]) -> Outgoing:
    """Give what the results of a transform make of a message, by what they are for (`body`, `attributes`).

    What has none stays. Raises ExpressionFailed when SQS could not take it.
    """
    body = _new_body(results["body"], message, view) if "body" in results else None
    attributes = _typed(results["attributes"], message, view) if "attributes" in results else None
    texts = [body or ""]
    texts += [value.get("StringValue", "") for value in (attributes or {}).values()]
    if any(_NOT_TAKEN.search(text) for text in texts):
        raise ExpressionFailed("transform gave a character that SQS does not take; cut it out with $replace(…)")
    size = size_of(message.body if body is None else body, message.attributes if attributes is None else attributes)
    if size > LARGEST:
        raise ExpressionFailed("transform gave a message of more than 1 MiB, the most that SQS takes; make it smaller")
    return Outgoing(body, attributes)


def kind_of(value: Any) -> str:
    """Name the kind of an expression's result, for people."""
    kinds = {
        type(None): "nothing",
        bool: "true or false",
        str: "a text",
        int: "a number",
        float: "a number",
        Written: "a number",
        list: "an array",
        dict: "an object",
    }
    return kinds.get(type(value), "an array" if isinstance(value, list) else "no JSON value")


def _parsed(text: str) -> Any:
    try:
        return read(text)
    except (ValueError, RecursionError):
        return text


def _content_of(body: Any) -> Any:
    """Give what an envelope of SNS carries, parsed; of anything else, itself (SNS Developer Guide, message formats)."""
    if isinstance(body, dict) and body.get("Type") == "Notification" and isinstance(body.get("Message"), str):
        return _parsed(body["Message"])
    return body


# A Number of SQS is a decimal with a sign or none; JSON takes no plus, no leading zero and no bare point.
_NUMBER = re.compile(r"([+-]?)0*(\d*)(?:(\.)(\d*))?([eE][+-]?\d+)?", re.ASCII)


def _plain(attribute: dict[str, Any]) -> Any:
    if "BinaryValue" in attribute:
        return base64.b64encode(attribute["BinaryValue"]).decode()
    text = attribute.get("StringValue", "")
    is_number = attribute.get("DataType", "").split(".")[0] == "Number"
    parts = _NUMBER.fullmatch(text) if is_number and any(map(str.isdigit, text)) else None
    if not parts:
        return text
    sign, whole, point, fraction, exponent = (part or "" for part in parts.groups())
    return read(f"{sign.strip('+')}{whole or '0'}{point and fraction and point}{fraction}{exponent}")


def _moment(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _new_body(value: Any, message: Message, view: Mapping[str, Any]) -> str | None:
    if same(value, view["body"]):
        return None  # as it was written
    if value is None:  # outside of an expression, nothing and null are the same
        raise ExpressionFailed("transform gave nothing or null for a body; let it give a text or another JSON value")
    if value == "":
        raise ExpressionFailed("transform gave an empty text for a body; SQS takes none, so let it give another one")
    if isinstance(value, str):
        return value
    try:
        text = write(value, _no_value, escapes=escapes_of(message.body), number=scripted)
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionFailed(f"transform gave {kind_of(value)}, which is no JSON; leave functions out") from error
    # In JSON, such a character can be written in letters that SQS takes.
    return _NOT_TAKEN.sub(_in_letters, text)


def _in_letters(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _no_value(value: Any) -> str:
    raise TypeError(type(value).__name__)


def _typed(values: Any, message: Message, view: Mapping[str, Any]) -> Attributes:
    if not isinstance(values, dict):
        what = f"transform gave attributes that are {kind_of(values)}, not an object"
        raise ExpressionFailed(f"{what}; write $merge([attributes, {{…}}])")
    if len(values) > MOST_ATTRIBUTES:
        raise ExpressionFailed(
            f"transform gave more than {MOST_ATTRIBUTES} attributes, the most that SQS takes; cut some"
        )
    typed = {}
    for name, value in values.items():
        if name in message.attributes and same(view["attributes"][name], value):
            typed[name] = message.attributes[name]  # untouched: its type and its bytes stay
            continue
        if not _NAME.fullmatch(name):
            what = (
                "transform gave an attribute of a name that SQS does not take; write letters, digits, _, - and single ."
            )
            raise ExpressionFailed(f"{what} inside of it, and no AWS. or Amazon. before it")
        if isinstance(value, str):
            if not value:
                what = "transform gave an attribute that is an empty text, which SQS does not take"
                raise ExpressionFailed(f"{what}; leave it out, or give it a text")
            typed[name] = {"DataType": "String", "StringValue": value}
        elif is_number(value):
            if not _is_taken(value):
                what = "transform gave an attribute that is a number of more digits than SQS takes"
                raise ExpressionFailed(f"{what}; make a text of it with $string(…)")
            typed[name] = {"DataType": "Number", "StringValue": write(value, _no_value, number=scripted)}
        else:
            what = f"transform gave an attribute that is {kind_of(value)}, not a text or a number"
            raise ExpressionFailed(f"{what}; make a text of it with $string(…)")
    return typed


def _is_taken(number: float) -> bool:
    """Tell whether SQS takes a number as an attribute."""
    try:
        exact = decimal_of(number)
    except OutOfRange:
        return False
    digits = "".join(map(str, exact.as_tuple().digits)).strip("0")
    return len(digits) <= _MOST_DIGITS and (not digits or _LEAST_POWER <= exact.adjusted() <= _MOST_POWER)

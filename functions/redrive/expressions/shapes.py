"""Shapes: what an expression sees of a message, and what its result makes of one."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.values.errors import ExpressionFailed
from redrive.values.message import Attributes, Message, Outgoing, Stamp, whole_number
from redrive.values.queue import LARGEST, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What SQS does not take (SQS API, SendMessage): it takes the characters of XML 1.0.
_NOT_TAKEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def view_of(message: Message, stamp: Stamp) -> dict[str, Any]:
    """Give what `where` and `transform` see of a message, whose stamp may be kept elsewhere."""
    return {
        "body": _parsed(message.body),
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


def transformed(result: Any, message: Message, view: Mapping[str, Any]) -> Outgoing:
    """Give what a transform's result makes of a message. Raises ExpressionFailed when SQS could not take it."""
    outgoing = _outgoing(result, message, view)
    attributes = message.attributes if outgoing.attributes is None else outgoing.attributes
    new = outgoing.attributes or {}
    texts = [outgoing.body or "", *new, *(value.get("StringValue", "") for value in new.values())]
    if any(_NOT_TAKEN.search(text) for text in texts):
        raise ExpressionFailed("transform gave a character that SQS does not take")
    if replace(message, body=outgoing.body or "", attributes=attributes).bytes > LARGEST:
        raise ExpressionFailed("transform gave a message of more than 1 MiB, the most that SQS takes")
    return outgoing


def kind_of(value: Any) -> str:
    """Name the kind of an expression's result, for people."""
    kinds = {
        type(None): "nothing",
        bool: "true or false",
        str: "a text",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "an object",
    }
    return kinds.get(type(value), "no JSON value")


def _parsed(text: str) -> Any:
    try:
        return _strict(text)
    except (ValueError, RecursionError):
        return text


def _no_json(constant: str) -> Any:
    # Python's parser takes NaN and Infinity for JSON; JSON does not.
    raise ValueError(constant)


_strict = json.JSONDecoder(parse_constant=_no_json).decode  # made once: `json.loads` would make one for each message


def _plain(attribute: dict[str, Any]) -> Any:
    if "BinaryValue" in attribute:
        return base64.b64encode(attribute["BinaryValue"]).decode()
    text = attribute.get("StringValue", "")
    return _parsed(text) if attribute.get("DataType", "").split(".")[0] == "Number" else text


def _moment(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _outgoing(result: Any, message: Message, view: Mapping[str, Any]) -> Outgoing:
    if isinstance(result, dict) and "body" in result and set(result) <= {"body", "attributes"}:
        attributes = result.get("attributes")
        return Outgoing(_text(result["body"]), None if attributes is None else _typed(attributes, message, view))
    return Outgoing(_text(result))


def _text(value: Any) -> str:
    if value is None or value == "":
        raise ExpressionFailed("transform gave no body")
    if isinstance(value, str):
        return value
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        # In JSON, such a character can be written in letters that SQS takes.
        return _NOT_TAKEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionFailed(f"transform gave {kind_of(value)}, which is no JSON") from error


def _typed(values: Any, message: Message, view: Mapping[str, Any]) -> Attributes:
    if not isinstance(values, dict):
        raise ExpressionFailed(f"transform gave attributes that are {kind_of(values)}, not an object")
    typed = {}
    for name, value in values.items():
        if name in message.attributes and view["attributes"][name] == value:
            typed[name] = message.attributes[name]  # untouched: its type and its bytes stay
        elif isinstance(value, str):
            typed[name] = {"DataType": "String", "StringValue": value}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            typed[name] = {"DataType": "Number", "StringValue": json.dumps(value)}
        else:
            raise ExpressionFailed(f"transform gave an attribute that is {kind_of(value)}, not a text or a number")
    return typed

"""Traits: what of a message may distinguish it, each by its feature's name and with the condition that says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redrive.expressions.exact import is_number
from redrive.expressions.shapes import view_of
from redrive_cli.sample import jsonata
from redrive_cli.sample.origins import kind_of_letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive.values.message import Message

MOST_FIELDS, MOST_DEPTH = 200, 6  # that are looked at in one message
LONGEST_TEXT = 1_000  # characters of a value by which messages are grouped
MOST_KEYS, LONGEST_SHAPE = 30, 300
_NUMBERED = "[0-9][0-9A-Za-z-]*"  # takes a time that grows with the text, and no faster
COUNTS_RISE = "its receive count rises with each look, so that no condition on it holds"

KIND, SOURCE, DAY, RECEIVED, REDRIVES, SHAPE = (
    "kind of dead letter",
    "source",
    "day first sent",
    "received_count",
    "redrives",
    "shape of the body",
)


@dataclass(frozen=True)
class Trait:
    """What a message has of a feature, for people; and the condition, without one why there is none.

    of_type  whether it only says what type of value is there
    """

    label: str
    condition: str | None
    why_not: str = ""
    of_type: bool = False


@dataclass(frozen=True)
class Feature:
    """Something that messages may have. `by` is the expression for `--by`; without one it is only for people.

    names  the path to it, where it is a field
    exact  whether it is the value, and not what is left of a text without its numbers
    """

    name: str
    by: str | None = None
    names: tuple[str, ...] = ()
    exact: bool = True

    @property
    def missing(self) -> Trait:
        """The trait of a message that does not have it."""
        path = jsonata.path(self.names) if self.names else self.name
        return Trait(f"no {path}", f"$not($exists({path}))")


def traits_of(message: Message) -> dict[Feature, Trait]:
    """Give the traits of a message. Whatever it carries, this does not raise."""
    view = view_of(message, message.stamp)
    kind, condition = kind_of_letter(view)
    traits = {Feature(KIND): Trait(kind, condition), Feature(SHAPE): _shape(view["body"])}
    traits[Feature(SOURCE, "source")] = _valued("source", view["source"])
    traits[Feature(REDRIVES, "redrives")] = _valued("redrives", view["redrives"])
    traits[Feature(RECEIVED, "received_count")] = Trait(f"received {view['received_count']} times", None, COUNTS_RISE)
    by_day = "$substring(sent, 0, 10)"
    day = (view["sent"] or "")[:10]
    traits[Feature(DAY, by_day)] = (
        Trait(f"first sent {day} (UTC)", f"{by_day} = {jsonata.text(day)}")
        if day
        else (Trait("first sent nobody knows when", "sent = null"))
    )
    for names, value in fields_of(view):
        path = jsonata.path(names)
        traits[Feature(path, path, names)] = _trait(path, value)
        unnumbered = f'$replace({path}, /{_NUMBERED}/, "#")'
        alike = Feature(f"{path} without its numbers", unnumbered, names, exact=False)
        traits[alike] = _alike(path, unnumbered, value) if isinstance(value, str) else _trait(path, value)
    return traits


def fields_of(view: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give the fields of a message's body (of what an SNS envelope carries) and its attributes, each with its path.

    An array of one element is passed over, as JSONata does.
    """
    enveloped = view["content"] is not view["body"]
    yield from _leaves("content" if enveloped else "body", view["content"])
    for name, value in view["attributes"].items():
        yield ("attributes", name), value
    if view["group"] is not None:
        yield ("group",), view["group"]


def _leaves(root: str, value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    open_: list[tuple[tuple[str, ...], Any]] = [((root,), value)]
    looked = 0
    while open_ and looked < MOST_FIELDS:
        names, value = open_.pop(0)
        looked += 1
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict) and len(names) <= MOST_DEPTH:
            open_ += [((*names, name), each) for name, each in list(value.items())[:MOST_FIELDS]]
        yield names, value


def _trait(path: str, value: Any) -> Trait:
    if isinstance(value, dict):
        return Trait(f"{path} is an object", f'$type({path}) = "object"', of_type=True)
    if isinstance(value, list):
        return Trait(f"{path} is an array", f'$type({path}) = "array"', of_type=True)
    return _valued(path, value)


def _alike(path: str, unnumbered: str, value: str) -> Trait:
    """Give the trait of texts that differ in numbers alone, as messages of errors do."""
    if len(value) > LONGEST_TEXT:
        return _valued(path, value)
    left = jsonata.text(re.sub(_NUMBERED, "#", value))
    return Trait(f"{path} like {left}", f'$type({path}) = "string" and {unnumbered} = {left}')


def _valued(path: str, value: Any) -> Trait:
    written = value if isinstance(value, str) else jsonata.constant(value) or ""
    if len(written) > LONGEST_TEXT:
        begins = jsonata.text(written[:40]) if isinstance(value, str) else written[:40]
        return Trait(f"{path} = {begins}…", None, "its value is too long to type")
    said = f"{path} = {jsonata.constant(value)}"
    return Trait(said, said)


def _shape(body: Any) -> Trait:
    if isinstance(body, dict):
        keys = sorted(body)
        joined = ",".join(keys)
        label = f"JSON object {{{', '.join(keys[:MOST_KEYS])}{', …' if len(keys) > MOST_KEYS else ''}}}"
        if len(joined) > LONGEST_SHAPE:
            return Trait(label[:LONGEST_SHAPE], None, "it has too many keys to type")
        return Trait(label, f'$type(body) = "object" and $join($sort($keys(body)), ",") = {jsonata.text(joined)}')
    if isinstance(body, list):
        return Trait("JSON array", '$type(body) = "array"')
    if isinstance(body, str):
        if body.lstrip().startswith("<"):
            return Trait("XML or HTML", r'$type(body) = "string" and $contains(body, /^\s*</)')
        return Trait("text", r'$type(body) = "string" and $not($contains(body, /^\s*</))')
    return (
        Trait("JSON number", '$type(body) = "number"')
        if is_number(body)
        else Trait("JSON constant", f"body = {jsonata.constant(body)}")
    )

"""Dead letters with a number each, and every copy of them wherever it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from redrive.values.message import Stamp

NUMBER = re.compile(r"#(\d+)#")  # every body has its message's number in it, whatever else it is


def numbers_of(entries: list[dict[str, Any]]) -> list[int]:
    return [number_of(entry["MessageBody"]) for entry in entries]


def number_of(body: str) -> int:
    found = NUMBER.search(body)
    assert found, f"a body without its number: {body!r}"
    return int(found[1])


@dataclass(frozen=True)
class Letter:
    """A dead letter as it was sent at first: what a test says about it. `number` stands in the body as `#n#`."""

    number: int
    body: str
    attributes: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    trace: str | None = None
    source: int = 0


@dataclass(frozen=True)
class Copy:
    """A message where it is now. `place` is `dlq` or the name of a destination queue."""

    number: int
    place: str
    visible: bool
    message: Any

    @property
    def stamp(self) -> Stamp:
        attributes = {
            name: {"StringValue": value.get("StringValue", "")}
            for name, value in self.message.message_attributes.items()
        }
        return Stamp.on(attributes)

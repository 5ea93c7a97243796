"""Redrives: how often a message was redriven that could not carry its stamp. One record each, in the journal's table.

A message whose ten attributes are taken, or that has an attribute `redrive` of somebody else's, arrives unstamped. SQS
keeps a message's id when it dead-letters it, so its stamp is remembered under the id that it got in its destination:
that is the id it comes back with. A record says the count itself, not one more, so it may be written again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.stores import table
from redrive.values.message import NO_STAMP, Stamp, whole_number
from redrive.values.timeline import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient


class Redrives:
    """The stamps of what could not carry one, by message id, in the table of this `name`.

    `dynamodb` makes the client when it is first needed.
    """

    def __init__(self, dynamodb: Callable[[], DynamoDBClient], name: str) -> None:
        self._dynamodb = dynamodb
        self._table = name

    def remember(self, stamps: Mapping[str, Stamp]) -> None:
        """Remember stamps by the ids that their messages have now. Idempotent."""
        until = str(int(clock.now()) + REMEMBERED)
        items = [_item(id_, stamp, until) for id_, stamp in stamps.items()]
        table.write(self._dynamodb, self._table, items)

    def recall(self, ids: Iterable[str]) -> dict[str, Stamp]:
        """Give the stamps that are remembered of these messages."""
        found = table.read(self._dynamodb, self._table, [_key(id_) for id_ in ids])
        stamps = {key: _stamp(item) for key, item in found.items()}
        return {key.removeprefix(_PREFIX): stamp for key, stamp in stamps.items() if stamp != NO_STAMP}


_PREFIX = "redrives#"


def _key(id_: str) -> str:
    return f"{_PREFIX}{id_}"


def _item(id_: str, stamp: Stamp, until: str) -> dict[str, Any]:
    return {
        "id": {"S": _key(id_)},
        "count": {"N": str(stamp.count)},
        "run": {"S": stamp.run},
        "first": {"S": stamp.id},
        "expiration": {"N": until},
    }


def _stamp(item: Mapping[str, Any]) -> Stamp:
    count, run, first = (item.get(name, {}) for name in ("count", "run", "first"))
    return Stamp.of({"count": whole_number(count.get("N")), "run": run.get("S"), "id": first.get("S")})

"""Redrives: how often a message was redriven that could not carry its stamp. One record each, in the journal's table.

A message whose ten attributes are taken, or that has an attribute `redrive` of somebody else's, arrives unstamped. SQS
keeps a message's id when it dead-letters it, so its stamp is remembered under the id that it got in its destination:
that is the id it comes back with. A record says the count itself, not one more, so it may be written again.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.values.message import NO_STAMP, Stamp, whole_number
from redrive.values.timeline import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

MOST_PUT, MOST_READ = 25, 100  # items in one BatchWriteItem, and keys in one BatchGetItem (DynamoDB API)
TRIES = 8  # for what DynamoDB leaves unprocessed
PAUSE = 0.05  # seconds before the second try, doubled at each


class NotProcessedError(Exception):
    """DynamoDB left a part of a batch unprocessed at each try; the step may be tried again."""


class Redrives:
    """The stamps of what could not carry one, by message id. `dynamodb` makes the client when it is first needed."""

    def __init__(self, dynamodb: Callable[[], DynamoDBClient], table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def remember(self, stamps: Mapping[str, Stamp]) -> None:
        """Remember stamps by the ids that their messages have now. Idempotent."""
        until = str(int(clock.now()) + REMEMBERED)
        puts = [{"PutRequest": {"Item": _item(id_, stamp, until)}} for id_, stamp in stamps.items()]
        for start in range(0, len(puts), MOST_PUT):
            left: Any = {self._table: puts[start : start + MOST_PUT]}
            for attempt in range(TRIES):
                _wait(attempt)
                left = self._dynamodb().batch_write_item(RequestItems=left).get("UnprocessedItems")
                if not left:
                    break
            else:
                raise NotProcessedError("DynamoDB did not remember all of the redrives of unstamped messages.")

    def recall(self, ids: Iterable[str]) -> dict[str, Stamp]:
        """Give the stamps that are remembered of these messages."""
        found = read(self._dynamodb, self._table, [_key(id_) for id_ in ids])
        stamps = {key: _stamp(item) for key, item in found.items()}
        return {key.removeprefix(_PREFIX): stamp for key, stamp in stamps.items() if stamp != NO_STAMP}


def read(dynamodb: Callable[[], DynamoDBClient], table: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read the records of the journal's table with these ids, a hundred at a time; what is not there is left out."""
    found: dict[str, dict[str, Any]] = {}
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), MOST_READ):
        keys = [{"id": {"S": id_}} for id_ in wanted[start : start + MOST_READ]]
        left: Any = {table: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(TRIES):
            _wait(attempt)
            answer = dynamodb().batch_get_item(RequestItems=left)
            found |= {item["id"]["S"]: item for item in answer["Responses"].get(table, [])}
            left = answer.get("UnprocessedKeys")
            if not left:
                break
        else:
            raise NotProcessedError("DynamoDB did not read all of the records that were asked for.")
    return found


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


def _wait(attempt: int) -> None:
    if attempt:
        clock.pause(random.uniform(0, PAUSE * 2**attempt))  # noqa: S311 - full jitter, not a secret

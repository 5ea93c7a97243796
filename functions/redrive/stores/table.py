"""The journal's table: many of its records read or written at once, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from redrive import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

MOST_PUT, MOST_READ = 25, 100  # items in one BatchWriteItem, and keys in one BatchGetItem (DynamoDB API)
TRIES = 8  # for what DynamoDB leaves unprocessed
PAUSE = 0.05  # seconds before the second try, doubled at each
Item: TypeAlias = dict[str, Any]  # as DynamoDB has it: `{"id": {"S": …}, …}`


class NotProcessedError(Exception):
    """DynamoDB left a part of a batch unprocessed at each try; the step may be tried again."""


def read(dynamodb: Callable[[], DynamoDBClient], table: str, ids: Sequence[str]) -> dict[str, Item]:
    """Read the records with these ids; what is not there is left out. Raises NotProcessedError."""
    found: dict[str, Item] = {}

    def get(keys: Any) -> Any:
        answer = dynamodb().batch_get_item(RequestItems=keys)
        found.update({item["id"]["S"]: item for item in answer["Responses"].get(table, [])})
        return answer.get("UnprocessedKeys")

    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), MOST_READ):
        keys = [{"id": {"S": id_}} for id_ in wanted[start : start + MOST_READ]]
        _until_processed(get, {table: {"Keys": keys, "ConsistentRead": True}})
    return found


def write(dynamodb: Callable[[], DynamoDBClient], table: str, items: Sequence[Item]) -> None:
    """Write records. Raises NotProcessedError."""
    puts = [{"PutRequest": {"Item": item}} for item in items]
    for start in range(0, len(puts), MOST_PUT):
        _until_processed(
            lambda left: dynamodb().batch_write_item(RequestItems=left).get("UnprocessedItems"),
            {table: puts[start : start + MOST_PUT]},
        )


def _until_processed(ask: Callable[[Any], Any], batch: Any) -> None:
    """Ask for a batch, and again for what the answer says is left of it."""
    left = batch
    for attempt in range(TRIES):
        if attempt:
            clock.back_off(PAUSE, attempt)
        left = ask(left)
        if not left:
            return
    raise NotProcessedError("DynamoDB left a part of a batch unprocessed.")

"""Runs: which of them the journal's table has seen. A table that was made anew has seen none of those before.

Where the journal has no record of a wave, that means *not sent* only if it would have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive import clock
from redrive.stores.table import read
from redrive.values.timeline import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_dynamodb import DynamoDBClient


def register(dynamodb: DynamoDBClient, table: str, run: str) -> None:
    """Let the table know a run, before it sends anything. Idempotent."""
    # The last wave's record is begun when the run ends, and must not outlive this one.
    until = str(int(clock.now()) + 2 * REMEMBERED)
    dynamodb.put_item(TableName=table, Item={"id": {"S": _key(run)}, "expiration": {"N": until}})


def known(dynamodb: Callable[[], DynamoDBClient], table: str, runs: Iterable[str]) -> set[str]:
    """Give those of the runs that the table knows."""
    keys = {_key(run): run for run in runs}
    return {keys[found] for found in read(dynamodb, table, list(keys))}


def _key(run: str) -> str:
    return f"run#{run}"

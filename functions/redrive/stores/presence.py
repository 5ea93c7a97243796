"""Presence: which runs are at a queue. An item per queue has their executions, and one per run whom it met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.values.queue import name_of
from redrive.values.run import End
from redrive.values.timeline import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Others:
    """The other runs that have entered a queue and not left it.

    working  names of those that are running
    ended    how the others ended, which could not leave: they were stopped, or died
    """

    working: list[str] = field(default_factory=list)
    ended: list[End] = field(default_factory=list)


def enter(dynamodb: DynamoDBClient, sfn: SFNClient, table: str, queue_arn: str, execution: str) -> Others:
    """Enter a run (its execution's ARN) at a queue; give the others, and let those that work there know of it.

    In one request, so of two that enter together one sees the other. To enter twice changes nothing.
    """
    answer = dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": _key(queue_arn)}},
        UpdateExpression="ADD runs :me",
        ExpressionAttributeValues={":me": {"SS": [execution]}},
        ReturnValues="ALL_OLD",  # also when it had entered before, and nothing is updated
    )
    others = Others()
    for other, end in _others_in(answer.get("Attributes", {}), sfn, execution):
        if end is None:
            leave(dynamodb, table, queue_arn, other)
        elif end.status == "RUNNING":
            _meet(dynamodb, table, other, execution)
            others.working.append(name_of(other))
        else:
            others.ended.append(end)
    return others


def beside(dynamodb: DynamoDBClient, sfn: SFNClient, table: str, queue_arn: str, execution: str) -> list[str]:
    """Give the names of the other runs that are working at a queue, without entering it."""
    found = dynamodb.get_item(TableName=table, Key={"id": {"S": _key(queue_arn)}}).get("Item", {})
    return [name_of(other) for other, end in _others_in(found, sfn, execution) if end and end.status == "RUNNING"]


def _others_in(item: Mapping[str, Any], sfn: SFNClient, execution: str) -> Iterator[tuple[str, End | None]]:
    for other in sorted(set(item.get("runs", {}).get("SS", [])) - {execution}):
        yield other, _end_of(sfn, other)


def leave(dynamodb: DynamoDBClient, table: str, queue_arn: str, execution: str) -> None:
    """Let a run leave a queue. Idempotent."""
    dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": _key(queue_arn)}},
        UpdateExpression="DELETE runs :me",
        ExpressionAttributeValues={":me": {"SS": [execution]}},
    )


def met(dynamodb: DynamoDBClient, table: str, execution: str) -> list[str]:
    """Give the names of the runs that came to its queue while this one was working there."""
    found = dynamodb.get_item(TableName=table, Key={"id": {"S": _met_key(execution)}}).get("Item", {})
    return sorted(found["names"]["SS"]) if "names" in found else []


def _meet(dynamodb: DynamoDBClient, table: str, there: str, comes: str) -> None:
    dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": _met_key(there)}},
        UpdateExpression="ADD #names :comes SET expiration = :expiration",
        ExpressionAttributeNames={"#names": "names"},
        ExpressionAttributeValues={
            ":comes": {"SS": [name_of(comes)]},
            ":expiration": {"N": str(int(clock.now()) + REMEMBERED)},
        },
    )


def _key(queue_arn: str) -> str:
    return f"queue#{queue_arn}"


def _met_key(execution: str) -> str:
    return f"met#{execution}"


def _end_of(sfn: SFNClient, execution: str) -> End | None:
    """Give an execution's status; None when Step Functions has forgotten it, 90 days after its end."""
    try:
        found = sfn.describe_execution(executionArn=execution)
    except sfn.exceptions.ExecutionDoesNotExist:
        return None
    return End(execution, found["status"], found["startDate"])

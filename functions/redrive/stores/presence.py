"""Presence: which runs are at a queue. One DynamoDB item per queue has their executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.values.queue import name_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


def enter(dynamodb: DynamoDBClient, sfn: SFNClient, table: str, queue_arn: str, execution: str) -> list[str]:
    """Enter a run (its execution's ARN) at a queue; give the names of the others that are really working there.

    In one request, so of two that enter together one sees the other. A run that could not leave (it was stopped) is
    asked after once, and made to leave.
    """
    answer = dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": _key(queue_arn)}},
        UpdateExpression="ADD runs :me",
        ExpressionAttributeValues={":me": {"SS": [execution]}},
        ReturnValues="ALL_OLD",  # also when it had entered before, and nothing is updated
    )
    others = set(answer.get("Attributes", {}).get("runs", {}).get("SS", [])) - {execution}
    working = {other for other in others if _is_running(sfn, other)}
    for gone in sorted(others - working):
        leave(dynamodb, table, queue_arn, gone)
    return sorted(name_of(other) for other in working)


def leave(dynamodb: DynamoDBClient, table: str, queue_arn: str, execution: str) -> None:
    """Let a run leave a queue. Idempotent."""
    dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": _key(queue_arn)}},
        UpdateExpression="DELETE runs :me",
        ExpressionAttributeValues={":me": {"SS": [execution]}},
    )


def _key(queue_arn: str) -> str:
    return f"queue#{queue_arn}"


def _is_running(sfn: SFNClient, execution: str) -> bool:
    try:
        return sfn.describe_execution(executionArn=execution)["status"] == "RUNNING"
    except sfn.exceptions.ExecutionDoesNotExist:
        return False  # forgotten by Step Functions, 90 days after its end

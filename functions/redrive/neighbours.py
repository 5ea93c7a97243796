"""Neighbours: the other runs that work on the same queue. One DynamoDB item per queue holds who is at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


def arrive(dynamodb: DynamoDBClient, sfn: SFNClient, table: str, queue_arn: str, execution: str) -> list[str]:
    """Sign in at a queue; give the names of the other runs that are really still working there.

    `execution` is the run's execution ARN. In one request, so of two that arrive together one sees the other. A run
    that could not sign out (it was stopped) is asked after once, and signed out.
    """
    answer = dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": _key(queue_arn)}},
        UpdateExpression="ADD runs :me",
        ExpressionAttributeValues={":me": {"SS": [execution]}},
        ReturnValues="ALL_OLD",  # also when it had signed in before, and nothing is updated
    )
    others = set(answer.get("Attributes", {}).get("runs", {}).get("SS", [])) - {execution}
    working = {other for other in others if _is_running(sfn, other)}
    for gone in sorted(others - working):
        leave(dynamodb, table, queue_arn, gone)
    return sorted(name_of(other) for other in working)


def leave(dynamodb: DynamoDBClient, table: str, queue_arn: str, execution: str) -> None:
    """Sign out from a queue; it is no matter if the run is not signed in."""
    dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": _key(queue_arn)}},
        UpdateExpression="DELETE runs :me",
        ExpressionAttributeValues={":me": {"SS": [execution]}},
    )


def name_of(execution: str) -> str:
    """Give the execution's name, which is the run's, at the end of its ARN."""
    return execution.rsplit(":", 1)[-1]


def _key(queue_arn: str) -> str:
    return f"queue#{queue_arn}"


def _is_running(sfn: SFNClient, execution: str) -> bool:
    try:
        return sfn.describe_execution(executionArn=execution)["status"] == "RUNNING"
    except sfn.exceptions.ExecutionDoesNotExist:
        return False  # forgotten by Step Functions, 90 days after its end

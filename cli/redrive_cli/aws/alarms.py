"""Alarms: which of CloudWatch's are on at a queue. It is a help, and nothing that may stand in the way of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from redrive_cli.aws.target import Target

# What alarms of dead-letter queues watch (SQS Developer Guide, available CloudWatch metrics).
_METRICS = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "NumberOfMessagesSent")


def alarms_on(target: Target, queue: str) -> list[str]:
    """Give the names of the alarms that are on at a queue (its name); none where the caller may not ask."""
    try:
        cloudwatch = target.client("cloudwatch")
        found = [
            alarm
            for metric in _METRICS
            for alarm in cloudwatch.describe_alarms_for_metric(
                Namespace="AWS/SQS", MetricName=metric, Dimensions=[{"Name": "QueueName", "Value": queue}]
            ).get("MetricAlarms", [])
        ]
    except (BotoCoreError, ClientError, CliError):
        return []
    return sorted({str(alarm["AlarmName"]) for alarm in found if alarm.get("StateValue") == "ALARM"})

"""The schedules of EventBridge Scheduler that redrive a queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redrive_cli.aws.cron import next_time

if TYPE_CHECKING:
    from datetime import datetime

    from redrive_cli.aws.target import Target

_OF_SQS = ":aws-sdk:sqs:startMessageMoveTask"  # the end of Scheduler's own target for a move


@dataclass(frozen=True)
class Schedule:
    """A schedule, the queue (name, URL or ARN) that it redrives, and the next moment if that can be told.

    what  its expression and time zone, as they are written; `by` is `run`, or `move task`
    """

    name: str
    queue: str
    what: str
    on: bool
    next: datetime | None
    by: str


def schedules_of(target: Target, now: datetime) -> list[Schedule]:
    """Give the schedules that start the stack's state machine, or a move task. Raises botocore's errors, CliError."""
    scheduler = target.client("scheduler")
    machine = target.machine().arn
    found = []
    for page in scheduler.get_paginator("list_schedules").paginate():
        for listed in page.get("Schedules", []):
            to = listed.get("Target", {}).get("Arn", "")
            if to == machine or to.endswith(_OF_SQS):
                whole = scheduler.get_schedule(Name=listed["Name"], GroupName=listed.get("GroupName", "default"))
                if schedule := _read(whole, now, by="run" if to == machine else "move task"):
                    found.append(schedule)
    return found


def _read(whole: dict[str, Any], now: datetime, *, by: str) -> Schedule | None:
    try:
        queue = json.loads(whole["Target"]["Input"])["queue" if by == "run" else "SourceArn"]
    except (KeyError, ValueError, TypeError):
        return None
    zone = whole.get("ScheduleExpressionTimezone") or "UTC"
    on = whole.get("State", "ENABLED") == "ENABLED"
    expression = whole["ScheduleExpression"]
    upcoming = next_time(expression, zone, now) if on else None
    end = whole.get("EndDate")
    upcoming = None if upcoming and end and upcoming > end else upcoming
    return Schedule(whole["Name"], str(queue), f"{expression} {zone}", on, upcoming, by)

"""Clean up after a run that could not do it itself: one that was stopped, timed out, or died outside of every Catch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from redrive.find import find_own_move_task
from redrive.release import release
from redrive.report import report
from redrive.send import Destinations

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from redrive.journal import Journal
    from redrive.ledger import Ledger

HOW = {
    "ABORTED": "the execution was stopped from outside; what it held was released.",
    "TIMED_OUT": "the execution ran out of its time; what it held was released.",
    "FAILED": "the execution failed where it could not catch the error; what it held was released.",
}
STARTED, ADOPTED = "Start the move task", "Adopt the move task"
# In these a move task may run that the history does not tell of; in those after them it was decided whose it is.
UNDECIDED = {STARTED, "Find our move task", "Did it start after all?", ADOPTED}


def clean_up(
    sqs: SQSClient,
    sfn: SFNClient,
    ledger: Ledger,
    journal: Journal,
    detail: dict[str, Any],
    neighbours: Callable[[str], list[str]],
) -> dict[str, Any] | None:
    """Cancel the run's move task, release what it held, and write its report as far as it got.

    `detail` is that of a *Step Functions Execution Status Change* event (EventBridge): `executionArn`, `status`,
    `startDate` (milliseconds since the epoch). `neighbours` tells which other runs are at a queue (its ARN), and is
    called only where the history does not tell whose the move task is. Gives the summary; None when the run had
    written one, or had planned nothing yet. May be repeated, and touches only what is this run's own.
    """
    if ledger.has_document("summary"):
        return None
    try:
        state = ledger.read_document("plan")
    except KeyError:
        return None  # it ended before its plan: nothing was received, and no move task was started
    state["failure"] = {
        "Error": f"Execution{detail['status'].title().replace('_', '')}",
        "Cause": HOW[detail["status"]],
    }
    if state["plan"]["path"] == "native":
        state["moves"] = _cancel(sqs, sfn, detail["executionArn"], state, neighbours)
    destinations = Destinations.from_json({**state, "sources": state["plan"]["sources"]})
    state["release"] = release(sqs, ledger, journal, destinations, state)
    return report(ledger, state, state["started"])


def _cancel(
    sqs: SQSClient, sfn: SFNClient, execution: str, state: dict[str, Any], neighbours: Callable[[str], list[str]]
) -> dict[str, Any]:
    queue_arn = state["queue"]["arn"]
    handle, last = _handle_of(sfn, execution)
    if handle is None and last in UNDECIDED:
        task = find_own_move_task(sqs, state["plan"]["move"], state["started"], lambda: neighbours(queue_arn)) or {}
        handle = task.get("TaskHandle")
    if handle is None:
        return {}
    try:
        sqs.cancel_message_move_task(TaskHandle=handle)
    except ClientError as error:
        # It has ended, or is being cancelled already: what matters is that nothing of it goes on.
        if not 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:  # noqa: PLR2004 - HTTP
            raise
    tasks = sqs.list_message_move_tasks(SourceArn=queue_arn, MaxResults=1).get("Results", [])
    return {"task": tasks[0] if tasks else {}}


def _handle_of(sfn: SFNClient, execution: str) -> tuple[str | None, str | None]:
    """Find in an execution's history the handle of the move task that it started or adopted, and its last state."""
    last = None
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=execution, includeExecutionData=True)
    for page in pages:
        for event in page["events"]:
            last = event.get("stateEnteredEventDetails", {}).get("name", last)
            details = event.get("stateExitedEventDetails", {})
            if details.get("name") in {STARTED, ADOPTED}:
                handle: str | None = json.loads(details["output"]).get("move", {}).get("TaskHandle")
                if handle:
                    return handle, details["name"]
    return None, last

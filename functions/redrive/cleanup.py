"""Clean up after a run that could not do it itself: one that was stopped, timed out, or died outside of every Catch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from redrive.release import release
from redrive.report import report
from redrive.send import Destinations

if TYPE_CHECKING:
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


def clean_up(
    sqs: SQSClient, sfn: SFNClient, ledger: Ledger, journal: Journal, detail: dict[str, Any]
) -> dict[str, Any] | None:
    """Cancel the run's move task, release what it held, and write its report as far as it got.

    `detail` is that of a *Step Functions Execution Status Change* event (EventBridge): `executionArn`, `status`,
    `startDate` (milliseconds since the epoch). Gives the summary; None when the run had written one, or had planned
    nothing yet. May be repeated, and touches only what is this run's own.
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
        state["moves"] = _cancel(sqs, sfn, detail["executionArn"], state["queue"]["arn"])
    destinations = Destinations.from_json({**state, "sources": state["plan"]["sources"]})
    state["release"] = release(sqs, ledger, journal, destinations, state)
    return report(ledger, state, state["started"])


def _cancel(sqs: SQSClient, sfn: SFNClient, execution: str, queue_arn: str) -> dict[str, Any]:
    handle = _handle_of(sfn, execution)
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


def _handle_of(sfn: SFNClient, execution: str) -> str | None:
    """Find the handle of the move task that the execution itself started or adopted, in its history."""
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=execution, includeExecutionData=True)
    for page in pages:
        for event in page["events"]:
            details = event.get("stateExitedEventDetails", {})
            if details.get("name") in {STARTED, ADOPTED}:
                handle: str | None = json.loads(details["output"]).get("move", {}).get("TaskHandle")
                if handle:
                    return handle
    return None

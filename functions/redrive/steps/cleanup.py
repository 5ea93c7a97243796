"""Clean up after a run that could not do it itself: one that was stopped, timed out, or died outside of every Catch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.sqs.move_tasks import cancel, find_own_move_task, newest_task
from redrive.steps.release import release
from redrive.steps.report import report
from redrive.values.errors import Failure
from redrive.values.plan import Path, RunRecord
from redrive.values.queue import name_of
from redrive.values.run import run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.plan import MoveTask
    from redrive.values.summary import Summary

HOW = {
    "ABORTED": "the execution was stopped from outside; what it held was released.",
    "TIMED_OUT": "the execution ran out of its time; what it held was released.",
    "FAILED": "the execution failed where it could not catch the error; what it held was released.",
}
STARTED, ADOPTED = "Start the move task", "Adopt the move task"
# In these a move task may run that the history does not tell of; in those after them it was decided whose it is.
UNDECIDED = {STARTED, "Find our move task", "Did it start after all?", ADOPTED}


@dataclass(frozen=True)
class End:
    """How an execution ended: of a *Step Functions Execution Status Change* event (EventBridge)."""

    execution: str
    status: str
    started: datetime

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> End:
        """Read the event's `detail`; `startDate` is in milliseconds since the epoch."""
        detail = event["detail"]
        return cls(detail["executionArn"], detail["status"], datetime.fromtimestamp(detail["startDate"] / 1000, UTC))

    @property
    def run(self) -> str:
        """The run that ended."""
        return run_of(name_of(self.execution), self.started)

    @property
    def failure(self) -> Failure:
        """The end as the error of a run."""
        return Failure(f"Execution{self.status.title().replace('_', '')}", HOW[self.status])


def clean_up(
    sqs: SQSClient,
    sfn: SFNClient,
    ledger: Ledger,
    journal: Journal,
    end: End,
    others: Callable[[str], list[str]],
) -> Summary | None:
    """Cancel the run's move task, release what it held, and write its report as far as it got.

    `others` tells which other runs are at a queue (its ARN), and is called only where the history does not tell whose
    the move task is. Gives the summary; None when the run had written one, or had planned nothing yet. May be repeated,
    and touches only what is this run's own.
    """
    if ledger.has_document("summary"):
        return None
    try:
        record = RunRecord.from_json(ledger.read_document("plan"))
    except KeyError:
        return None  # it ended before its plan: nothing was received, and no move task was started
    state = record.state(end.failure)
    if record.plan.path == Path.NATIVE:
        state = replace(state, task=_cancel_own_task(sqs, sfn, end.execution, record, others))
    released = release(sqs, ledger, journal, record.queue, state)
    return report(ledger, replace(state, released=released))


def _cancel_own_task(
    sqs: SQSClient, sfn: SFNClient, execution: str, record: RunRecord, others: Callable[[str], list[str]]
) -> MoveTask | None:
    handle, last = _handle_of(sfn, execution)
    if handle is None and last in UNDECIDED:
        found = find_own_move_task(sqs, record.plan.move, record.started, lambda: others(record.queue.arn))
        handle = found.handle if found else None
    if handle is None:
        return None
    cancel(sqs, handle)
    return newest_task(sqs, record.queue.arn)


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

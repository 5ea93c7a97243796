"""Clean up after a run that could not do it itself: one that was stopped, timed out, or died outside of every Catch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.sqs.move_tasks import cancel, find_own_move_task, newest_task
from redrive.sqs.queues import depth
from redrive.steps.release import release
from redrive.steps.report import report
from redrive.stores.ledger import legible
from redrive.values.errors import Failure
from redrive.values.plan import Path, RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from redrive.stores.journal import Journal
    from redrive.stores.ledger import Ledger
    from redrive.values.plan import MoveTask, Released
    from redrive.values.run import End
    from redrive.values.summary import Summary

HOW = {
    "ABORTED": "the execution was stopped from outside",
    "TIMED_OUT": "the execution ran out of its time",
    "FAILED": "the execution failed where it could not catch the error",
}
MOST_LOOKS = 20  # at a task that is being cancelled, one a second
STARTS, ADOPTED = {"Start the move home", "Start the move elsewhere"}, "Adopt the move task"
# In these a move task may run that the history does not tell of; in those after them it was decided whose it is.
UNDECIDED = {*STARTS, "Find our move task", "Did it start after all?", ADOPTED}


def clean_up(
    sqs: SQSClient,
    sfn: SFNClient,
    ledger: Ledger,
    journal: Journal,
    end: End,
    others: Callable[[str], list[str]],
    met: Callable[[], list[str]],
    leave: Callable[[str], None],
) -> Summary | None:
    """Cancel the run's move task, release what it held, and write its report as far as it got.

    `others` tells which other runs are at a queue (its ARN), and is called only where the history does not tell whose
    the move task is; `met` which runs came to the queue while this one worked; `leave` takes it from there. Gives the
    summary; None when the run had written one, or had planned nothing yet. May be repeated, and touches only what is
    this run's own. Raises PageUnreadable when nobody can read what was planned: then all that can be done is to tell.
    """
    if ledger.has_document("summary"):
        return None
    try:
        planned = ledger.read_document("plan")
    except KeyError:
        return None  # it ended before its plan: nothing was received, and no move task was started
    record = _record(planned)
    name, how = f"Execution{end.status.title().replace('_', '')}", HOW.get(end.status, "the execution left no summary")
    state = record.state(Failure(name, how))
    if record.plan.path == Path.NATIVE:
        state = replace(state, task=_cancel_own_task(sqs, sfn, end.execution, record, others))
    released = release(sqs, ledger, journal, record.queue, state)
    in_flight = depth(sqs, record.queue.url).in_flight
    failure = Failure(name, f"{how}; {_what_is_left(released, in_flight)}.")
    summary = report(ledger, replace(state, released=released, failure=failure, in_flight=in_flight), met())
    leave(record.queue.arn)
    return summary


@legible
def _record(planned: dict[str, Any]) -> RunRecord:
    return RunRecord.from_json(planned)


def _what_is_left(released: Released, in_flight: int) -> str:
    visible = f"{released.released:,} messages that it held are visible again"
    # A receive that was running when the run was stopped keeps what it takes: nobody knows its handles.
    later = "what a step that was running took, or takes still, is visible within ten minutes"
    return f"{visible}, and SQS counted {in_flight:,} in flight, which may be a minute old: {later}"


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
    task = newest_task(sqs, record.queue.arn)
    for _ in range(MOST_LOOKS):
        if not task or task.status != "CANCELLING":
            break
        clock.pause(1)  # it still moves for a moment, and only its final status tells how much
        task = newest_task(sqs, record.queue.arn) or task
    return task


def _handle_of(sfn: SFNClient, execution: str) -> tuple[str | None, str | None]:
    """Find in an execution's history the handle of the move task that it started or adopted, and its last state."""
    last = None
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=execution, includeExecutionData=True)
    for page in pages:
        for event in page["events"]:
            last = event.get("stateEnteredEventDetails", {}).get("name", last)
            details = event.get("stateExitedEventDetails", {})
            if details.get("name") in {*STARTS, ADOPTED}:
                handle: str | None = json.loads(details["output"]).get("move", {}).get("TaskHandle")
                if handle:
                    return handle, details["name"]
    return None, last

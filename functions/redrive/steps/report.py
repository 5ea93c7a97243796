"""Write the report: add up what happened, write `summary.json`, and give the run's result."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from redrive.values import bill
from redrive.values.bill import add, no_requests
from redrive.values.errors import Failure
from redrive.values.lane import HOLD_ENDS, NEAR_LIMIT
from redrive.values.outcome import GONE, no_counts
from redrive.values.plan import Path
from redrive.values.run import name_in
from redrive.values.summary import Status, Summary

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger
    from redrive.values.bill import Requests
    from redrive.values.lane import Lane
    from redrive.values.outcome import Counts
    from redrive.values.plan import RunState

UNSEEN = "what lies behind the held messages was not looked at"


def report(ledger: Ledger, state: RunState) -> Summary:
    """Give the run's summary and write it to the ledger."""
    lanes = [lane for lane in state.lanes if lane.round or lane.error]
    released, task = state.released, state.task
    if released and released.counts is not None:
        counts, reasons = released.counts, released.reasons or {}
    else:
        counts = add(no_counts(), *(lane.tally.counts for lane in lanes))
        reasons = add(*(lane.tally.reasons for lane in lanes))
    moved = task.moved if task else 0
    counts = add(counts, {"received": moved, "sent": moved, "deleted": moved})
    fifo = next((lane.tally for lane in lanes if lane.tally.groups), None)  # a FIFO queue is drained in one lane
    status, failure = _ending(state, lanes, counts, reasons)
    summary = Summary(
        run=name_in(ledger.run),
        status=status,
        queue=state.queue.name if state.queue else None,
        path=_path(state, lanes),
        because=_because(state),
        counted=state.count.visible if state.count else 0,
        counts=counts,
        rounds=max((lane.round for lane in lanes), default=0),
        lanes=len(lanes),
        lanes_because=state.plan.lanes_because if state.plan and lanes else [],
        seconds=round((datetime.now(UTC) - datetime.fromisoformat(state.started)).total_seconds(), 1),
        ledger=ledger.address,
        requests=add(no_requests(), state.requests, *(lane.tally.requests for lane in lanes), _between(state, lanes)),
        reasons=reasons,
        groups=fifo.groups if fifo else {},
        more_groups=fifo.more_groups if fifo else 0,
        # Names that begin with `States.` are Step Functions' own: a Fail state may not end with one.
        error=failure.error.removeprefix("States.") if failure else None,
        cause=failure.sentence if failure else None,
    )
    ledger.write_document("summary", summary.to_json())
    return summary


def _path(state: RunState, lanes: list[Lane]) -> str | None:
    if state.task and lanes:
        return "native, then custom"
    if lanes:
        return Path.CUSTOM
    return state.plan.path if state.plan else None


def _between(state: RunState, lanes: list[Lane]) -> Requests:
    """Bill this step itself, and the states that no function of ours stands behind, with the requests they make."""
    report = {"s3": 1, "lambda": 1, "dynamodb": int(state.plan is not None), "transitions": bill.transitions("report")}
    rounds = max((lane.round for lane in lanes), default=0)
    starts = int(state.move_began or state.refusal is not None)
    looks = state.plan.looks if state.plan else 0
    refused = int(state.request is None)
    entered = {
        bill.A_ROUND: rounds,
        bill.A_START: starts,
        bill.A_LOOK: looks,
        bill.A_REFUSED_REQUEST: refused,
    }
    transitions = sum(len(states) * times for states, times in entered.items())
    return add(report, {"transitions": transitions, "sqs": starts + looks})


def _because(state: RunState) -> list[str]:
    because = list(state.plan.because) if state.plan else []
    if state.refusal:
        because.append(f"SQS did not start the move task: {state.refusal.sentence}")
    if state.task and state.task.failure:
        because.append(f"the move task ended with {state.task.failure}")
    return because


def _ending(
    state: RunState, lanes: list[Lane], counts: Counts, reasons: dict[str, int]
) -> tuple[Status, Failure | None]:
    failure = state.failure
    if state.refusal and not lanes and not state.task:
        failure = failure or state.refusal
    if failure:
        return Status.FAILED, failure
    if not lanes and state.task and state.task.status == "FAILED":
        cause = f"SQS's move task failed after {counts['sent']} messages: {state.task.failure}."
        return Status.FAILED, Failure("MoveTaskFailed", cause)
    if state.plan is None:
        return Status.NOTHING, None
    if state.plan.path == Path.STEP_BACK:
        return Status.STEPPED_BACK, None
    if why := _unfinished(state, lanes, counts, reasons):
        return Status.INCOMPLETE, Failure("RedriveIncomplete", f"{'; '.join(why)}.")
    return Status.COMPLETE, None


def _unfinished(state: RunState, lanes: list[Lane], counts: Counts, reasons: dict[str, int]) -> list[str]:
    why = []
    if not lanes and state.move_began and not state.task:
        why.append("SQS no longer lists the move task, so nobody knows how far it came")
    if not lanes and state.task and state.task.status == "CANCELLED":
        why.append(f"somebody cancelled the move task after {counts['sent']} messages")
    if counts["failed"]:
        worst = max(reasons, key=lambda reason: reasons[reason]).rstrip(".")
        why.append(f"{counts['failed']} of {counts['received']} messages failed and stay in the queue ({worst})")
    stopped = [lane.error for lane in lanes if lane.error]
    if stopped:
        first = f"{stopped[0].error}: {stopped[0].sentence.rstrip('.')}"
        why.append(f"{len(stopped)} of {len(lanes)} lanes stopped ({first})")
    if undeleted := sum(counts[outcome] for outcome in GONE) - counts["deleted"]:
        why.append(f"{undeleted} messages were sent but not deleted from the queue")
    if any(lane.next.why == NEAR_LIMIT for lane in lanes):
        why.append(f"{NEAR_LIMIT}, and {UNSEEN}")
    if any(lane.next.why == HOLD_ENDS for lane in lanes):
        why.append(f"{HOLD_ENDS}, and {UNSEEN}: run again, with a higher rate or a filter that holds less")
    if state.unreleased:
        why.append("what was held could not be released and becomes visible by itself, within the hour")
    return why

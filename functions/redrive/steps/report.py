"""Write the report: add up what happened, write `summary.json`, and give the run's result."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from redrive import clock
from redrive.stores import moves
from redrive.values import bill
from redrive.values.bill import add, no_requests
from redrive.values.errors import Failure
from redrive.values.lane import DESTINATION_LOST, HOLD_ENDS, LIMIT_REACHED, NEAR_LIMIT, ONLY_LATE, unseen_in_all
from redrive.values.outcome import GONE, Outcome, no_counts
from redrive.values.plan import Path
from redrive.values.run import name_in
from redrive.values.summary import Status, Summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redrive.stores.ledger import Ledger
    from redrive.values.bill import Requests
    from redrive.values.lane import Lane
    from redrive.values.outcome import Counts
    from redrive.values.plan import RunState

UNSEEN = "what lies behind the held messages was not looked at"
NO_RECORD = "SQS moved them itself: the ledger has no record of single messages"
MAY_LAG = "SQS counted none, which may be a minute old, and a long poll brought none"


def report(ledger: Ledger, state: RunState, met: Sequence[str] = (), asked: Requests | None = None) -> Summary:
    """Give the run's summary and write it to the ledger.

    `met` are the names of the runs that came while it worked; `asked` is what the step has asked of AWS before.
    """
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
    beside = sorted({*(state.plan.beside if state.plan else ()), *met})
    status, failure = _ending(state, lanes, counts, reasons, beside)
    ended = datetime.fromtimestamp(clock.now(), UTC)
    # The Map's own failure loses the lanes, and what they said of themselves.
    lost = state.cleaned_up or bool(state.failure and released and released.counts is not None)
    request = state.request.to_json() if state.request else {}
    summary = Summary(
        run=name_in(ledger.run),
        status=status,
        queue=state.queue.name if state.queue else None,
        destination=state.destination.name if state.destination else None,
        started_by=request.pop("started_by", None),
        request=request or None,
        path=_path(state, lanes),
        because=_because(state),
        counted=state.count.visible if state.count else None,
        counts=counts,
        rounds=None if lost else max((lane.round for lane in lanes), default=0),
        lanes=None if lost else len(lanes),
        lanes_because=state.plan.lanes_because if state.plan and lanes else [],
        started=state.started,
        ended=ended.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        seconds=round((ended - datetime.fromisoformat(state.started)).total_seconds(), 1),
        ledger=ledger.address,
        requests=None if lost else _bill(state, lanes, asked or {}),
        reasons=reasons,
        groups=fifo.groups if fifo else {},
        more_groups=fifo.more_groups if fifo else 0,
        beside=beside,
        in_flight=state.count.in_flight if state.count and status == Status.IN_FLIGHT else state.in_flight,
        notes=list(_notes(state, lanes, status, counts, met)),
        # Names that begin with `States.` are Step Functions' own: a Fail state may not end with one.
        error=failure.error.removeprefix("States.") if failure else None,
        cause=failure.sentence if failure else None,
    )
    ledger.write_document("summary", summary.to_json())
    if moved:
        moves.write(ledger, summary, moved)
    return summary


def _path(state: RunState, lanes: list[Lane]) -> str | None:
    if state.task and lanes:
        return "native, then custom"
    if lanes:
        return Path.CUSTOM
    return state.plan.path if state.plan else None


def _bill(state: RunState, lanes: list[Lane], asked: Requests) -> Requests:
    """Add up the bill, with this step (`asked` is what it has), and the states that no function stands behind."""
    presence = 2 * int(state.plan is not None)  # whom it met, and that it leaves
    # The summary and the manifest are written, for which the summary is read, and what SQS moved itself.
    written = 3 + int(bool(state.task and state.task.moved))
    report = {"s3": written, "lambda": 1, "dynamodb": presence, "transitions": bill.transitions("report")}
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
    between = {"transitions": transitions, "sqs": starts + looks}
    return add(no_requests(), state.requests, *(lane.tally.requests for lane in lanes), report, asked, between)


def _because(state: RunState) -> list[str]:
    because = list(state.plan.because) if state.plan else []
    if state.refusal:
        because.append(f"SQS did not start the move task: {state.refusal.sentence}")
    if state.task and state.task.failure:
        because.append(f"the move task ended with {state.task.failure}")
    return because


def _ending(
    state: RunState, lanes: list[Lane], counts: Counts, reasons: dict[str, int], beside: list[str]
) -> tuple[Status, Failure | None]:
    failure = state.failure
    if state.refusal and not lanes and not state.task:
        failure = failure or state.refusal
    if failure:
        return Status.FAILED, failure
    if not lanes and state.task and state.task.status == "FAILED":
        cause = f"SQS's move task failed after {counts['sent']} messages: {state.task.failure}."
        return Status.FAILED, Failure("MoveTaskFailed", cause)
    if state.plan and state.plan.path == Path.STEP_BACK:
        return Status.STEPPED_BACK, None
    if why := _unfinished(state, lanes, counts, reasons, beside):
        return Status.INCOMPLETE, Failure("RedriveIncomplete", f"{'; '.join(why)}.")
    if not counts["received"]:
        hidden = state.count.in_flight + state.count.delayed if state.count else 0
        return (Status.IN_FLIGHT if hidden else Status.NOTHING), None
    if counts[Outcome.HELD] == counts["received"] and any(lane.tally.unmatched for lane in lanes):
        return Status.NOTHING_MATCHED, None
    return Status.COMPLETE, None


def _notes(state: RunState, lanes: list[Lane], status: Status, counts: Counts, met: Sequence[str]) -> Iterator[str]:
    """Say what is to be known of a run, green or not."""
    if state.task and state.task.moved:
        yield NO_RECORD
    if status == Status.NOTHING and lanes:
        yield MAY_LAG
    if status == Status.IN_FLIGHT and state.count and state.count.delayed:
        yield f"{state.count.delayed:,} messages are delayed, and become visible when their delay is over"
    if status == Status.IN_FLIGHT and state.count and state.count.in_flight and state.queue:
        yield (
            f"{state.count.in_flight:,} messages are in flight: somebody has received them. What is not deleted is "
            f"visible again when its receiver's time is over: {state.queue.hidden_for:,} s by the queue's own setting, "
            "12 hours at most"
        )
    if status == Status.NOTHING_MATCHED:
        yield f"none of the {counts['received']:,} messages matched: what is spelt wrong in the filter matches nothing"
    if any(lane.next.why == ONLY_LATE for lane in lanes):
        yield f"{ONLY_LATE}: that is left to the next run"
    if _waits_behind_groups(state, counts):
        yield "what lies behind the held messages of a group was not looked at"
    if unseen := unseen_in_all(*(lane.tally.unseen for lane in lanes)):
        yield f"no message that was looked at has {' or '.join(unseen)}, which filter.where names"
    known = set(state.plan.beside) if state.plan else set()
    for name in met:
        if name not in known:
            yield f"run {name} came to the queue as well"


def _unfinished(
    state: RunState, lanes: list[Lane], counts: Counts, reasons: dict[str, int], beside: list[str]
) -> list[str]:
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
    if any(lane.next.why == DESTINATION_LOST for lane in lanes):
        why.append(f"{DESTINATION_LOST}, and {UNSEEN}")
    if state.released and state.released.unreadable:
        why.append(
            f"{state.released.unreadable} pages could not be read: their messages become visible by themselves, within "
            "the hour, and are not counted where a lane stopped"
        )
    if state.unreleased:
        why.append("what was held could not be released and becomes visible by itself, within the hour")
    if _far_fewer(state, lanes, counts, beside) and not why:
        why.append(
            f"SQS counted {state.count.visible if state.count else 0:,} messages and {counts['received']:,} were "
            "received: the others are in other hands, or SQS has moved them on, or its count was old; run again"
        )
    return why


def _far_fewer(state: RunState, lanes: list[Lane], counts: Counts, beside: list[str]) -> bool:
    """Tell whether much less came than was counted, and nothing that is known of the run says why."""
    ended_early = any(lane.next.why in {LIMIT_REACHED, ONLY_LATE} for lane in lanes)
    if state.count is None or beside or ended_early or _waits_behind_groups(state, counts):
        return False
    return counts["received"] * 2 < state.count.visible


def _waits_behind_groups(state: RunState, counts: Counts) -> bool:
    """Tell whether a FIFO queue may have shown only a part: it shows no more of a group of which some is kept."""
    return state.queue is not None and state.queue.fifo and counts["received"] > counts["deleted"]

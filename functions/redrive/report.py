"""Write the report: add up what happened, write `summary.json`, and give the run's result."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.errors import explain
from redrive.lane import HOLD_ENDS, NEAR_LIMIT, Lane, no_counts, no_requests
from redrive.metering import add
from redrive.plan import STEP_BACK

if TYPE_CHECKING:
    from redrive.ledger import Ledger

NOTHING, COMPLETE, INCOMPLETE, FAILED = "nothing to redrive", "complete", "incomplete", "failed"
STEPPED_BACK = "stepped back"
STEPS = (
    "count",
    "plan",
    "found",
    "release",
)  # these leave their `requests` in their own results, `check` in the state itself
OWN = {
    "s3": 1,
    "lambda": 1,
    "transitions": 3,
}  # the report's object, its function, and the states from it to the end
ROUND, LOOK = 2, 4  # states that a round of the drain, and a look at the move task, enter in the run itself
UNSEEN = "what lies behind the held messages was not looked at"
SHOWN = ("received", "sent", "held", "failed", "returned", "previewed", "settled", "deleted")


def report(ledger: Ledger, state: dict[str, Any], started: str) -> dict[str, Any]:
    """Give the run's summary and write it to the ledger.

    `state` is what the run knows by its end: `request`, `queue`, `count`, `plan`, `moves`, `release`, `failure`, as
    far as it came. The summary conserves: `received = sent + held + failed + returned + previewed + settled`. One that
    is not `complete` also has the `error` and the `cause` that the execution ends with.
    """
    plan = state.get("plan", {})
    planned = plan.get("drain", {}).get("lanes", [])
    lanes = [lane for lane in map(Lane.from_json, planned) if lane.round or lane.error]
    recounted = state.get("release", {})
    task = state.get("moves", {}).get("task") or {}
    moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
    drained = recounted.get("counts") or add(no_counts(), *(lane.counts for lane in lanes))
    counts = add(drained, {"received": moved, "sent": moved, "deleted": moved})
    rounds = max((lane.round for lane in lanes), default=0)
    summary: dict[str, Any] = {
        "run": ledger.run,
        "status": COMPLETE,
        "queue": state.get("queue", {}).get("name"),
        "path": _path(plan, native=bool(task), custom=bool(lanes)),
        "because": _because(plan, state, task),
        "counted": state.get("count", {}).get("visible", 0),
        **{name: counts[name] for name in SHOWN},
        "rounds": rounds,
        "lanes": len(lanes),
        "lanes_because": plan["lanes_because"] if lanes else [],
        "seconds": round((datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds(), 1),
        "ledger": ledger.address,
        "requests": add(
            no_requests(),
            OWN,
            {"dynamodb": int("plan" in state)},
            state.get("requests", {}),
            *(state.get(step, {}).get("requests", {}) for step in STEPS),
            *(lane.requests for lane in lanes),
            _between(plan, state, rounds),
        ),
    }
    if reasons := recounted.get("reasons") or add(*(lane.reasons for lane in lanes)):
        summary["reasons"] = reasons
    for lane in lanes:  # one at most has any: a FIFO queue is drained in one lane
        if lane.groups:
            summary |= {"stopped_groups": lane.groups, "more_stopped_groups": lane.more_groups}
    summary |= _ending(summary, state, lanes, task)
    ledger.write_document("summary", summary)
    return summary


def _path(plan: dict[str, Any], *, native: bool, custom: bool) -> str | None:
    if native and custom:
        return "native, then custom"
    return "custom" if custom else plan.get("path")


def _between(plan: dict[str, Any], state: dict[str, Any], rounds: int) -> dict[str, int]:
    """Count the states that no function of ours stands in, and the requests that the state machine makes itself."""
    looks = plan.get("looks", {}).get("number", 0)
    native = {"transitions": 1 + LOOK * looks, "sqs": 1 + looks} if "move" in state else {}
    refused = {"transitions": 1, "sqs": 1} if "refusal" in state else {}
    return add({"transitions": ROUND * rounds + ("request" not in state)}, native, refused)


def _because(plan: dict[str, Any], state: dict[str, Any], task: dict[str, Any]) -> list[str]:
    because = list(plan.get("because", []))
    if "refusal" in state:
        because.append(f"SQS did not start the move task: {explain(state['refusal'])[1]}")
    if task.get("FailureReason"):
        because.append(f"the move task ended with {task['FailureReason']}")
    return because


def _ending(summary: dict[str, Any], state: dict[str, Any], lanes: list[Lane], task: dict[str, Any]) -> dict[str, Any]:
    failure = state.get("failure")
    if "refusal" in state and not lanes and not task:
        failure = failure or state["refusal"]
    if failure:
        name, sentence = explain(failure)
        # Names that begin with `States.` are Step Functions' own: a Fail state may not end with one.
        return {"status": FAILED, "error": name.removeprefix("States."), "cause": sentence}
    if not lanes and task.get("Status") == "FAILED":
        return {
            "status": FAILED,
            "error": "MoveTaskFailed",
            "cause": f"SQS's move task failed after {summary['sent']} messages: {task.get('FailureReason')}.",
        }
    if "plan" not in state:
        return {"status": NOTHING}
    if state["plan"]["path"] == STEP_BACK:
        return {"status": STEPPED_BACK}
    if why := _unfinished(summary, state, lanes, task):
        return {"status": INCOMPLETE, "error": "RedriveIncomplete", "cause": f"{'; '.join(why)}."}
    return {"status": COMPLETE}


def _unfinished(summary: dict[str, Any], state: dict[str, Any], lanes: list[Lane], task: dict[str, Any]) -> list[str]:
    why = []
    if not lanes and "move" in state and not task:
        why.append("SQS no longer lists the move task, so nobody knows how far it came")
    if not lanes and task.get("Status") == "CANCELLED":
        why.append(f"somebody cancelled the move task after {summary['sent']} messages")
    if summary["failed"]:
        worst = max(summary["reasons"], key=summary["reasons"].get)
        why.append(
            f"{summary['failed']} of {summary['received']} messages failed and stay in the queue ({worst.rstrip('.')})"
        )
    stopped = [explain(lane.error) for lane in lanes if lane.error]
    if stopped:
        why.append(f"{len(stopped)} of {len(lanes)} lanes stopped ({stopped[0][0]}: {stopped[0][1].rstrip('.')})")
    if undeleted := summary["sent"] + summary["settled"] - summary["deleted"]:
        why.append(f"{undeleted} messages were sent but not deleted from the queue")
    if any(lane.why == NEAR_LIMIT for lane in lanes):
        why.append(f"{NEAR_LIMIT}, and {UNSEEN}")
    if any(lane.why == HOLD_ENDS for lane in lanes):
        why.append(f"{HOLD_ENDS}, and {UNSEEN}: run again, with a higher rate or a filter that holds less")
    if "unreleased" in state:
        why.append("what was held could not be released and shows again by itself, within the hour")
    return why

"""The report: what happened, added up, and how the run ends."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.steps.report import MAY_LAG, NO_RECORD, UNSEEN, report
from redrive.values.bill import BILLED, no_requests
from redrive.values.errors import Failure
from redrive.values.lane import DESTINATION_LOST, DRAINED, HOLD_ENDS, LIMIT_REACHED, NEAR_LIMIT, ONLY_LATE, Lane
from redrive.values.outcome import Outcome, conserves, no_counts
from redrive.values.plan import RunState
from redrive.values.summary import Summary
from support.library import STARTED, a_plan, a_queue, changed, run_named
from support.library import a_lane as a_lane_that_never_ran

PLAN = a_plan().to_json()
TIMEOUT = {"Error": "States.Timeout", "Cause": ""}


class NoLedger:
    """Where the summary would be written; the real one is in its own test."""

    run, bucket, address = run_named("run-1"), "b", "s3://b/runs/2026-11-21/run-1/"
    s3 = SimpleNamespace(put_object=lambda **_: None)

    def write_document(self, name, document):
        json.dumps(document)


def a_lane(*, reasons=None, requests=None, **counts):
    counts = no_counts() | {"received": sum(counts.get(name, 0) for name in Outcome)} | counts
    return a_lane_that_never_ran(
        round=1,
        turn=1,
        counts=counts,
        reasons=reasons or {},
        requests=no_requests() | (requests or {}),
        why=DRAINED,
    )


def drained(lanes):
    return {"drain": {"lanes": [lane.to_json() for lane in lanes], "more": False}}


def state_of(*lanes, **more):
    """The state machine's state at the end of a run."""
    known = {
        "request": {"queue": "orders-dlq"},
        "queue": a_queue("orders-dlq").to_json(),
        "count": {"visible": 13, "in_flight": 0, "delayed": 0},
        "plan": PLAN | drained(lanes),
    }
    return known | more


def reported(ledger, state):
    """The summary, as it travels: it is read as it was written."""
    summary = report(ledger, RunState.from_json(state, STARTED))
    line = json.loads(json.dumps(summary.to_json()))
    assert Summary.from_json(line) == summary
    return line


def summed(*lanes, **more):
    return reported(NoLedger(), state_of(*lanes, **more))


def test_the_summary_is_written_and_given(ledger):
    summary = reported(ledger, state_of(a_lane(sent=6, deleted=6, held=7)))
    assert ledger.read_document("summary") == summary
    assert summary == {
        "run": "run-1",
        "status": "complete",
        "queue": "orders-dlq",
        "destination": None,
        "request": {"queue": "orders-dlq"},
        "path": "custom",
        "because": ["path is custom"],
        "counted": 13,
        "received": 13,
        "sent": 6,
        "already_sent": 0,
        "held": 7,
        "failed": 0,
        "returned": 0,
        "previewed": 0,
        "deleted": 6,
        "unstamped": 0,
        "rounds": 1,
        "lanes": 1,
        "lanes_because": ["few"],
        "started": STARTED,
        "ended": summary["ended"],
        "seconds": summary["seconds"],
        "started_by": None,
        "ledger": ledger.address,
        "requests": summary["requests"],
    }


counts = st.fixed_dictionaries({name: st.integers(0, 10**7) for name in Outcome})


@given(st.lists(counts, max_size=10))
def test_the_summary_conserves(tallies):
    summary = summed(
        *(
            a_lane(**tally, deleted=tally["sent"] + tally["already_sent"], reasons={"why": tally["failed"]})
            for tally in tallies
        )
    )
    assert conserves(summary)
    assert summary["deleted"] == summary["sent"] + summary["already_sent"]
    assert summary["lanes"] == len(tallies)


@given(st.lists(st.dictionaries(st.sampled_from(BILLED), st.integers(0, 10**6)), max_size=5))
def test_every_request_is_on_the_bill(tallies):
    before = summed(*(a_lane() for _ in tallies))["requests"]
    after = summed(
        *(a_lane(requests=tally) for tally in tallies),
        requests={"sqs": 2},
        count={"visible": 13, "in_flight": 0, "delayed": 0, "requests": {"sqs": 1}},
        release={"released": 0, "requests": {"s3": 5, "lambda": 1}},
    )["requests"]
    own = {"sqs": 3, "s3": 5, "lambda": 1, "dynamodb": 0, "transitions": 0}
    assert after == {name: before[name] + own[name] + sum(t.get(name, 0) for t in tallies) for name in before}


def test_a_lane_that_never_ran_is_no_lane():
    assert summed(a_lane(sent=1, deleted=1), a_lane_that_never_ran(index=1))["lanes"] == 1


def test_the_rounds_are_those_of_the_longest_lane():
    assert summed(a_lane(), changed(a_lane(), round=7))["rounds"] == 7


def test_counts_that_release_made_anew_from_the_ledger_are_the_truth():
    counts = no_counts() | {"received": 5, "sent": 3, "failed": 2, "deleted": 3}
    summary = summed(
        changed(a_lane(sent=1), error=Failure("States.Timeout")),
        release={"released": 2, "counts": counts, "reasons": {"why": 2}},
    )
    assert (summary["received"], summary["sent"], summary["failed"], summary["deleted"]) == (5, 3, 2, 3)
    assert summary["reasons"] == {"why": 2}


def a_task(status, moved=13, **more):
    return {
        "moves": {"Results": [{"Status": status, "ApproximateNumberOfMessagesMoved": moved, **more}]},
        "move": {"TaskHandle": "h"},
        "plan": PLAN | {"path": "native", "because": ["why"], **drained([a_lane_that_never_ran()])},
    }


def with_lane(lane, **more):
    """A run of one lane, and what else is known of it."""
    return {"plan": PLAN | drained([lane])} | more


def counted(visible, in_flight=0):
    return {"visible": visible, "in_flight": in_flight, "delayed": 0}


FAR_FEWER = (
    "SQS counted 13 messages and 6 were received: the others are in other hands, or SQS has moved them on, or its count "
    "was old; run again."
)
UNREADABLE = (
    "2 pages could not be read: their messages become visible by themselves, within the hour, and are not counted where "
    "a lane stopped."
)
FIFO = a_queue("orders-dlq.fifo", fifo=True).to_json()
BESIDE = PLAN | drained([a_lane(sent=6, deleted=6)]) | {"beside": ["run-2"]}
ENDS = {
    "nothing there": (with_lane(a_lane(), count=counted(0)), "nothing to redrive", None, None),
    "all delayed": (
        with_lane(a_lane(), count={"visible": 0, "in_flight": 0, "delayed": 4}),
        "all are in flight",
        None,
        None,
    ),
    "all in flight": (with_lane(a_lane(), count=counted(0, 4)), "all are in flight", None, None),
    "nothing matched": (changed(a_lane(held=13), unmatched=13), "nothing matched", None, None),
    "all held, and not by the filter": (a_lane(held=13), "complete", None, None),
    "a FIFO queue that shows no more": (with_lane(a_lane(held=5), queue=FIFO), "complete", None, None),
    "only what came later": (changed(a_lane(sent=2, deleted=2, held=3), why=ONLY_LATE), "complete", None, None),
    "all sent": (a_lane(sent=13, deleted=13), "complete", None, None),
    "some held": (a_lane(sent=3, deleted=3, held=9, returned=1), "complete", None, None),
    "a preview": (a_lane(previewed=3, held=10), "complete", None, None),
    "already sent": (a_lane(already_sent=13, deleted=13), "complete", None, None),
    "as many as were asked for": (changed(a_lane(sent=3, deleted=3), why=LIMIT_REACHED), "complete", None, None),
    "half of what was counted": (a_lane(sent=7, deleted=7), "complete", None, None),
    "far fewer than were counted": (a_lane(sent=6, deleted=6), "incomplete", "RedriveIncomplete", FAR_FEWER),
    "far fewer, beside another run": ({"plan": BESIDE}, "complete", None, None),
    "fewer moved than were counted": (a_task("COMPLETED", moved=6), "incomplete", "RedriveIncomplete", FAR_FEWER),
    "some failed": (
        a_lane(sent=3, deleted=3, failed=3, reasons={"seldom": 1, "often": 2}),
        "incomplete",
        "RedriveIncomplete",
        "3 of 6 messages failed and stay in the queue (often).",
    ),
    "a lane stopped": (
        changed(a_lane(), error=Failure("PageLapsed", '{"errorMessage":"too late."}')),
        "incomplete",
        "RedriveIncomplete",
        "1 of 1 lanes stopped (PageLapsed: too late).",
    ),
    "not deleted": (
        a_lane(sent=3, deleted=2),
        "incomplete",
        "RedriveIncomplete",
        "1 messages were sent but not deleted from the queue.",
    ),
    "near the limit": (
        changed(a_lane(held=5), why=NEAR_LIMIT),
        "incomplete",
        "RedriveIncomplete",
        f"{NEAR_LIMIT}, and {UNSEEN}.",
    ),
    "near the end of what can be held": (
        changed(a_lane(sent=9, deleted=9, held=5), why=HOLD_ENDS),
        "incomplete",
        "RedriveIncomplete",
        f"{HOLD_ENDS}, and {UNSEEN}: run again, with a higher rate or a filter that holds less.",
    ),
    "not released": (
        with_lane(a_lane(sent=13, deleted=13), unreleased={"Error": "X"}),
        "incomplete",
        "RedriveIncomplete",
        "what was held could not be released and becomes visible by itself, within the hour.",
    ),
    "stopped for its destination": (
        changed(a_lane(sent=9, deleted=9, failed=1, reasons={"gone": 1}), why=DESTINATION_LOST),
        "incomplete",
        "RedriveIncomplete",
        f"1 of 10 messages failed and stay in the queue (gone); {DESTINATION_LOST}, and {UNSEEN}.",
    ),
    "a page that could not be read": (
        with_lane(a_lane(sent=13, deleted=13), release={"released": 0, "unreadable": 2}),
        "incomplete",
        "RedriveIncomplete",
        UNREADABLE,
    ),
    "a failure": ({"failure": {"Error": "X", "Cause": "why."}}, "failed", "X", "why."),
    "a failure of Step Functions": (
        {"failure": TIMEOUT},
        "failed",
        "Timeout",
        "States.Timeout, and nothing more was said.",
    ),
    "a failure before the plan": ({"plan": ..., "failure": {"Error": "X", "Cause": "y"}}, "failed", "X", "y"),
    "moved": (a_task("COMPLETED"), "complete", None, None),
    "a cancelled move": (
        a_task("CANCELLED"),
        "incomplete",
        "RedriveIncomplete",
        "somebody cancelled the move task after 13 messages.",
    ),
    "a failed move": (
        a_task("FAILED", FailureReason="AccessDenied"),
        "failed",
        "MoveTaskFailed",
        "SQS's move task failed after 13 messages: AccessDenied.",
    ),
    "a forgotten move": (
        a_task("COMPLETED") | {"moves": {"Results": []}},
        "incomplete",
        "RedriveIncomplete",
        "SQS no longer lists the move task, so nobody knows how far it came.",
    ),
    "a refused move": (
        {"refusal": {"Error": "Sqs.SqsException", "Cause": "already running"}},
        "failed",
        "Sqs.SqsException",
        "already running",
    ),
    "stepped back": ({"plan": PLAN | {"path": "none", "because": ["run r"]} | drained([])}, "stepped back", None, None),
}


@pytest.mark.parametrize(("what", "status", "error", "cause"), ENDS.values(), ids=ENDS.keys())
def test_a_run_ends_as_what_it_was(what, status, error, cause):
    state = state_of(what) if isinstance(what, Lane) else state_of(**what)
    state = {name: value for name, value in state.items() if value is not ...}
    summary = reported(NoLedger(), state)
    assert (summary["status"], summary.get("error"), summary.get("cause")) == (status, error, cause)


def test_what_is_green_and_to_be_known_all_the_same_is_noted():
    [note] = summed(count=counted(0, 4), plan=PLAN | drained([a_lane()]))["notes"]
    assert note.startswith("4 messages are in flight: somebody has received them.")
    assert "30 s by the queue's own setting" in note
    assert summed(count=counted(0, 4), plan=PLAN | drained([a_lane()]))["in_flight"] == 4
    assert summed(count=counted(0), plan=PLAN | drained([a_lane()]))["notes"] == [MAY_LAG]
    assert summed(**a_task("COMPLETED"))["notes"] == [NO_RECORD]
    [note] = summed(changed(a_lane(held=13), unmatched=13))["notes"]
    assert note.startswith("none of the 13 messages matched")
    assert "notes" not in summed(a_lane(sent=13, deleted=13))


def test_a_field_that_where_names_and_no_message_has_is_named():
    lanes = [
        changed(a_lane(held=7), unseen=["body.eror", "body.x"], unmatched=7),
        changed(a_lane(held=6), unseen=["body.eror"]),
    ]
    assert summed(*lanes)["notes"][1] == "no message that was looked at has body.eror, which filter.where names"
    assert "notes" not in summed(changed(a_lane(sent=7, deleted=7), unseen=[]), a_lane(held=6))


def test_what_a_run_does_not_come_to_see_is_noted():
    lane = changed(a_lane(sent=2, deleted=2, held=3), why=ONLY_LATE)
    assert summed(lane)["notes"] == [f"{ONLY_LATE}: that is left to the next run"]
    assert summed(a_lane(held=5), queue=FIFO)["notes"] == [
        "what lies behind the held messages of a group was not looked at"
    ]
    [note] = summed(a_lane(), count={"visible": 0, "in_flight": 0, "delayed": 4})["notes"]
    assert note.startswith("4 messages are delayed")


def test_where_the_lanes_are_lost_nobody_knows_what_they_asked():
    counts = no_counts() | {"received": 5, "sent": 3, "failed": 2, "deleted": 3}
    failure, release = (
        {"Error": "States.ExceedToleratedFailureThreshold"},
        {"released": 2, "counts": counts, "reasons": {}},
    )
    summary = summed(failure=failure, release=release)
    assert (summary["lanes"], summary["rounds"], summary["requests"]) == (None, None, None)
    assert (summary["received"], summary["sent"]) == (5, 3)


def test_the_runs_that_were_at_the_queue_as_well_are_named_whichever_came_first():
    state = RunState.from_json(state_of(plan=BESIDE), STARTED)
    summary = report(NoLedger(), state, ["run-3", "run-2"])
    assert summary.beside == ["run-2", "run-3"]
    assert summary.notes == ["run run-3 came to the queue as well"]


def test_the_summary_says_what_was_asked_for_by_whom_and_where_to():
    asked = {"queue": "orders-dlq", "destination": "orders-2", "limit": 5, "started_by": "the runbook"}
    summary = summed(a_lane(sent=13, deleted=13), request=asked, destination=a_queue("orders-2").to_json())
    assert (summary["destination"], summary["started_by"]) == ("orders-2", "the runbook")
    assert summary["request"] == {"queue": "orders-dlq", "destination": "orders-2", "limit": 5}


def test_all_that_is_unfinished_is_said():
    lanes = [
        a_lane(sent=2, deleted=1, failed=1, reasons={"r": 1}),
        changed(a_lane(), error=Failure("States.Timeout"), why=NEAR_LIMIT),
    ]
    cause = summed(*lanes)["cause"]
    for part in ("1 of 3 messages failed", "1 of 2 lanes stopped", "1 messages were sent but not deleted", NEAR_LIMIT):
        assert part in cause
    assert cause.endswith(".")


def test_the_groups_of_a_fifo_queue_that_stopped_are_named():
    summary = summed(changed(a_lane(sent=2, deleted=2, held=1), groups={"g": "why"}, more_groups=3))
    assert (summary["stopped_groups"], summary["more_stopped_groups"]) == ({"g": "why"}, 3)
    summary = summed(a_lane(sent=2, deleted=2, held=1))
    assert "stopped_groups" not in summary
    assert "more_stopped_groups" not in summary


def test_native_then_custom_is_said_and_added_up():
    moved = a_task("FAILED", moved=5, FailureReason="CouldNotDetermineMessageSource")
    plan = moved["plan"] | drained([a_lane(sent=2, deleted=2)])
    summary = summed(**moved | {"plan": plan})
    assert (summary["path"], summary["status"]) == ("native, then custom", "complete")
    assert (summary["received"], summary["sent"], summary["deleted"]) == (7, 7, 7)
    assert summary["because"] == ["why", "the move task ended with CouldNotDetermineMessageSource"]


def test_a_refused_move_says_why_the_custom_path_was_taken():
    summary = summed(a_lane(sent=13, deleted=13), refusal={"Error": "Sqs.SqsException", "Cause": "already running"})
    assert summary["because"][-1] == "SQS did not start the move task: already running"
    assert summary["status"] == "complete"

"""Clean up: a run that was stopped from outside leaves nothing hidden, nothing half closed, and a report."""

import json
from pathlib import Path as FilePath

import pytest

from redrive.steps.cleanup import UNDECIDED, clean_up
from redrive.stores import index
from redrive.values.plan import NATIVE_RATE, Move, Path, RunRecord
from redrive.values.queue import QueueDepth
from redrive.values.request import Request
from redrive.values.run import End
from support import aws
from support.aws import count
from support.breaking import answer_with, die_at, refuse_calls
from support.library import STARTED, STARTED_MS, a_plan

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-1"


def planned(run, path="custom"):
    """Leave the plan in the ledger, as the plan step does."""
    plan = a_plan(run.lane(), path=Path(path), move=Move(run.queue.arn), sources=run.sources)
    depth = QueueDepth(12, 0, 0)
    record = RunRecord("run-1", EXECUTION, STARTED, Request("orders-dlq"), run.queue, None, depth, plan)
    assert RunRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    run.ledger.write_document("plan", record.to_json())


def cleaned(run, sfn, status="ABORTED", others=()):
    """The summary that the clean-up gives, as it is written."""
    detail = {"executionArn": EXECUTION, "status": status, "startDate": STARTED_MS}
    end = End.from_event({"detail": detail})
    left = []
    summary = clean_up(
        run.sqs,
        sfn,
        run.ledger,
        run.journal,
        end,
        lambda _: list(others),
        lambda: ["run-3"],
        left.append,
        lambda: 60_000,
    )
    assert left in ([], [run.queue.arn])
    return summary and summary.to_json()


@pytest.mark.parametrize(
    ("status", "error"),
    [("ABORTED", "ExecutionAborted"), ("TIMED_OUT", "ExecutionTimedOut"), ("FAILED", "ExecutionFailed")],
)
def test_what_a_stopped_run_held_becomes_visible_and_its_report_is_written(run, queues, sfn, status, error):
    planned(run)
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(12)])
    run.choosing(where="body.n < 5")
    run.send(run.judged())
    summary = cleaned(run, sfn, status)
    assert (summary["status"], summary["error"]) == ("failed", error)
    assert (
        "; 7 messages that it held are visible again, and SQS counted 0 in flight, which may be a minute old: "
        in summary["cause"]
    )
    assert (summary["lanes"], summary["rounds"], summary["requests"]) == (None, None, None)  # nobody knows
    assert summary["in_flight"] == 0
    assert (summary["received"], summary["sent"], summary["held"], summary["deleted"]) == (12, 5, 7, 5)
    assert run.ledger.read_document("summary") == summary
    assert count(run.sqs, queues.dlq) == (7, 0)
    assert len(list(index.parts(run.ledger, ["2026-11-21"]))) == 1


def test_what_a_receive_that_was_running_took_is_said_to_be_in_flight(run, queues, sfn):
    planned(run)
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.sqs.receive_message(QueueUrl=queues.dlq, MaxNumberOfMessages=10)  # and died before it stored its page
    summary = cleaned(run, sfn)
    assert summary["in_flight"] == 2
    assert "0 messages that it held are visible again, and SQS counted 2 in flight" in summary["cause"]
    assert summary["status"] == "failed"


def test_a_run_that_ended_in_green_and_left_no_summary_is_cleaned_up_too(run, queues, sfn):
    planned(run)
    assert cleaned(run, sfn, "SUCCEEDED")["cause"].startswith("the execution left no summary; ")


def test_a_run_stopped_in_the_middle_of_a_page_loses_and_repeats_nothing(run, queues, sfn):
    planned(run)
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(15)])
    lane = run.judged(wave=1, waves_at_once=1)
    die_at(run.sqs, "SendMessageBatch", 2, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.send(lane)
    summary = cleaned(run, sfn)
    assert (summary["sent"], summary["failed"], summary["deleted"]) == (10, 5, 10)
    found = [each["Body"] for url in (queues.source, queues.dlq) for each in aws.drain(run.sqs, url)]
    assert sorted(found) == [f"{n:02}" for n in range(15)]


def test_a_run_that_wrote_its_report_is_left_alone(run, queues, sfn):
    planned(run)
    aws.send(run.sqs, queues.dlq, ["one"])
    run.choosing(where="false")
    run.judged()
    run.ledger.write_document("summary", {"status": "incomplete"})
    assert cleaned(run, sfn) is None
    assert count(run.sqs, queues.dlq) == (0, 1)
    assert run.ledger.read_document("summary") == {"status": "incomplete"}


def test_a_run_that_ended_before_its_plan_has_nothing_to_clean_up(run, sfn):
    assert cleaned(run, sfn) is None
    assert not run.ledger.has_document("summary")


def with_history(sfn, *handles):
    events = [
        {
            "id": number,
            "type": "TaskStateExited",
            "timestamp": 0,
            "stateExitedEventDetails": {"name": name, "output": json.dumps({"move": {"TaskHandle": handle}})},
        }
        for number, (name, handle) in enumerate(handles)
    ]
    answer_with(sfn, "GetExecutionHistory", lambda: {"events": events})


@pytest.mark.parametrize("state", ["Start the move home", "Start the move elsewhere", "Adopt the move task"])
def test_the_move_task_of_a_stopped_run_is_cancelled(run, sfn, state):
    planned(run, "native")
    with_history(sfn, ("Check the request", "not this"), (state, "handle-1"))
    cancelled = []
    run.sqs.meta.events.register(
        "before-parameter-build.sqs.CancelMessageMoveTask", lambda params, **_: cancelled.append(params)
    )
    answer_with(run.sqs, "CancelMessageMoveTask", dict)
    answer_with(
        run.sqs,
        "ListMessageMoveTasks",
        lambda: {"Results": [{"Status": "CANCELLED", "ApproximateNumberOfMessagesMoved": 4}]},
    )
    summary = cleaned(run, sfn)
    assert cancelled == [{"TaskHandle": "handle-1"}]
    assert (summary["path"], summary["received"], summary["sent"]) == ("native", 4, 4)


def stopped_in(sfn, *states):
    events = [
        {"id": n, "type": "TaskStateEntered", "timestamp": 0, "stateEnteredEventDetails": {"name": name}}
        for n, name in enumerate(states)
    ]
    answer_with(sfn, "GetExecutionHistory", lambda: {"events": events})


def with_task(sqs, **more):
    """A task that could be of `planned`; gives the handles that are cancelled."""
    cancelled = []
    sqs.meta.events.register(
        "before-parameter-build.sqs.CancelMessageMoveTask", lambda params, **_: cancelled.append(params["TaskHandle"])
    )
    answer_with(sqs, "CancelMessageMoveTask", dict)
    listed = {"TaskHandle": "found", "Status": "RUNNING", "StartedTimestamp": 1_795_240_801_000}
    listed["MaxNumberOfMessagesPerSecond"] = NATIVE_RATE
    answer_with(sqs, "ListMessageMoveTasks", lambda: {"Results": [listed | more]})
    return cancelled


LOST = ("Plan the redrive", "Must this run step back?", "Can SQS move them itself?", "Start the move home")
MACHINE = FilePath(__file__).parents[3] / "statemachine" / "redrive.asl.json"


@pytest.mark.parametrize(
    "then", [(), ("Find our move task",), ("Find our move task", "Did it start after all?")], ids=len
)
def test_a_move_task_whose_start_was_never_answered_is_found_and_cancelled(run, sfn, then):
    planned(run, "native")
    stopped_in(sfn, *LOST, *then)
    cancelled = with_task(run.sqs)
    assert cleaned(run, sfn)["status"] == "failed"
    assert cancelled == ["found"]


@pytest.mark.parametrize(
    ("states", "more", "others"),
    [
        (LOST, {"StartedTimestamp": 1_795_240_800_000}, []),
        (LOST, {"DestinationArn": "arn:aws:sqs:us-east-1:123456789012:other"}, []),
        (LOST, {"MaxNumberOfMessagesPerSecond": 5}, []),
        (LOST, {"Status": "CANCELLING"}, []),
        (LOST, {}, ["run-2"]),
        (LOST[:2], {}, []),
        ((*LOST, "Find our move task", "Did it start after all?", "Drain the queue"), {}, []),
    ],
    ids=["older", "elsewhere", "faster", "ending", "beside another run", "none was started", "decided not to be ours"],
)
def test_a_move_task_that_may_be_somebody_elses_is_not_cancelled(run, sfn, states, more, others):
    planned(run, "native")
    stopped_in(sfn, *states)
    cancelled = with_task(run.sqs, **more)
    assert cleaned(run, sfn, others=others)["status"] == "failed"
    assert cancelled == []


def test_the_states_in_which_a_task_may_run_unknown_are_the_machines():
    assert set(json.loads(MACHINE.read_text())["States"]) >= UNDECIDED


def test_a_move_task_that_has_ended_by_now_is_no_error(run, sfn):
    planned(run, "native")
    with_history(sfn, ("Start the move home", "handle-1"))
    refuse_calls(run.sqs, "CancelMessageMoveTask", "ResourceNotFoundException", status=404)
    assert cleaned(run, sfn)["status"] == "failed"


def test_an_error_of_aws_itself_is_raised_for_another_try(run, sfn):
    planned(run, "native")
    with_history(sfn, ("Start the move home", "handle-1"))
    refuse_calls(run.sqs, "CancelMessageMoveTask", "InternalError", status=500)
    with pytest.raises(run.sqs.exceptions.ClientError):
        cleaned(run, sfn)
    assert not run.ledger.has_document("summary")


def test_a_native_run_that_started_no_move_task_cancels_none(run, sfn):
    planned(run, "native")
    with_history(sfn)
    assert cleaned(run, sfn)["sent"] == 0


def test_another_runs_move_task_and_pages_are_not_touched(run, queues, sfn):
    aws.send(run.sqs, queues.dlq, ["one"])
    other = run.another("run-2")
    other.choosing(where="false")
    other.judged()
    planned(run)
    cleaned(run, sfn)
    assert count(run.sqs, queues.dlq) == (0, 1)


def test_a_clean_up_that_died_before_its_report_is_done_again(run, queues, sfn):
    planned(run)
    aws.send(run.sqs, queues.dlq, ["one"])
    run.receive(run.lane())
    die_at(run.ledger.s3, "PutObject", 1, error=RuntimeError, when=lambda params: "summary" in params["Key"])
    with pytest.raises(RuntimeError):
        cleaned(run, sfn)
    summary = cleaned(run, sfn)
    assert (summary["received"], summary["failed"]) == (1, 1)
    assert count(run.sqs, queues.dlq) == (1, 0)


def test_lanes_that_were_replaced_do_not_matter(run, queues, sfn):
    # The plan in the ledger has the lanes as they began: what they did is read from the pages.
    planned(run)
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.drain(run.lane(page_size=1))
    summary = cleaned(run, sfn)
    assert (summary["received"], summary["sent"], summary["deleted"]) == (2, 2, 2)

"""The native path when SQS does not play along. moto has no move tasks: what SQS answers is scripted, the run is real.

Texts and statuses are those of facts.md, A4 (recorded from AWS), and error names those of B4.
"""

import time
from datetime import UTC, datetime

import pytest
from moto.core.responses import ActionResult
from moto.sqs.exceptions import SQSException
from moto.sqs.responses import SQSResponse

import cleanup
import redrive.stores.presence
from redrive.stores.presence import enter
from redrive.values.plan import NATIVE_RATE
from redrive.values.run import End
from support.aws import arn_of, count, dead_letter, make_queues, send
from support.clock import Clock
from support.context import Context
from support.moto_machine import ENVIRONMENT

ALREADY = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."


class InvalidParameterValue(SQSException):
    code = "InvalidParameterValue"

    def __init__(self, text):
        super().__init__(text)


class MoveTasks:
    """SQS's side: what it answers to a start, and the tasks it lists, look after look."""

    def __init__(self, monkeypatch):
        self.starts = []
        self.looks = []
        self.cancelled = []
        self.refusal = None
        self.meanwhile = lambda: None

        def start(response):
            return self.start(response)

        def look(_):
            return self.look()

        def cancel(response):
            return self.cancel(response)

        monkeypatch.setattr(SQSResponse, "start_message_move_task", start, raising=False)
        monkeypatch.setattr(SQSResponse, "list_message_move_tasks", look, raising=False)
        monkeypatch.setattr(SQSResponse, "cancel_message_move_task", cancel, raising=False)

    def start(self, response):
        self.starts.append(response)
        self.meanwhile()
        if self.refusal:
            raise InvalidParameterValue(self.refusal)
        return ActionResult({"TaskHandle": "our-handle"})

    def look(self):
        answer = self.looks.pop(0) if self.looks else []
        if isinstance(answer, Exception):
            raise answer
        now = int(time.time() * 1000)
        return ActionResult({"Results": [{"StartedTimestamp": now} | listed for listed in answer]})

    def cancel(self, response):
        self.cancelled.append(response._get_param("TaskHandle"))
        return ActionResult({"ApproximateNumberOfMessagesMoved": 1})


def task(status, *, moved=3, **more):
    handle = {"TaskHandle": "our-handle"} if status == "RUNNING" else {}
    rate = {"MaxNumberOfMessagesPerSecond": NATIVE_RATE}
    told = {"Status": status, "ApproximateNumberOfMessagesMoved": moved, **handle, **rate, **more}
    return [{name: value for name, value in told.items() if value is not None}]


@pytest.fixture
def tasks(moto, monkeypatch):
    return MoveTasks(monkeypatch)


@pytest.fixture
def queues(moto):
    queues = make_queues(moto.client("sqs"))
    send(queues.sqs, queues.source, ["one", "two", "three"])
    dead_letter(queues)
    return queues


NONE = []  # what the plan sees: no task is running


def test_a_task_that_sqs_does_not_list_yet_is_looked_for_again(moto, tasks, queues):
    tasks.looks = [NONE, NONE, NONE, task("COMPLETED")]
    run = moto.run({"queue": queues.name})
    assert run.path.count("Read the move task") == 3
    assert run.path[-1] == "Redrive complete"


def test_a_task_that_sqs_never_lists_is_cancelled_and_the_run_is_incomplete(moto, tasks, queues, monkeypatch):
    """SQS may answer with an empty list (docs/facts.md I): a path into it would end the run past every Catch."""
    Clock().rule_everything(monkeypatch)
    run = moto.run({"queue": queues.name})
    assert run.path.count("Read the move task") == 10
    assert run.path[-1] == "Redrive incomplete"
    assert "SQS no longer lists the move task" in run.cause
    assert tasks.cancelled == ["our-handle"]


def test_a_start_gives_what_there_is_and_leaves_out_what_there_is_not(moto, tasks, queues):
    tasks.looks = [NONE, task("COMPLETED"), NONE, task("COMPLETED")]
    moto.run({"queue": queues.name})
    moto.run({"queue": queues.name, "destination": queues.name.removesuffix("-dlq"), "rate": 5})
    home, elsewhere = (given(start) for start in tasks.starts)
    arn = arn_of(queues.sqs, queues.dlq)
    assert home == {"SourceArn": arn, "MaxNumberOfMessagesPerSecond": 500}
    assert elsewhere == {
        "SourceArn": arn,
        "DestinationArn": arn_of(queues.sqs, queues.source),
        "MaxNumberOfMessagesPerSecond": 5,
    }


def given(start):
    """The parameters of a start, as they were sent."""
    names = ("SourceArn", "DestinationArn", "MaxNumberOfMessagesPerSecond")
    return {name: value for name in names if (value := start._get_param(name)) is not None}


def test_a_start_whose_answer_was_lost_is_found_and_adopted(moto, tasks, queues):
    """The retry is told that a task is running, and that one is as this run's would be."""
    tasks.refusal = ALREADY
    tasks.looks = [NONE, task("RUNNING"), task("COMPLETED")]
    run = moto.run({"queue": queues.name})
    assert run.path[6:10] == [
        "Start the move home",
        "Find our move task",
        "Did it start after all?",
        "Adopt the move task",
    ]
    assert run.path[-1] == "Redrive complete"
    assert (run.output["path"], run.output["sent"]) == ("native", 3)


def test_what_was_asked_for_is_adopted_with_its_destination_and_its_rate(moto, tasks, queues):
    there = arn_of(queues.sqs, queues.source)
    ours = {"DestinationArn": there, "MaxNumberOfMessagesPerSecond": 5}
    tasks.refusal = ALREADY
    tasks.looks = [NONE, task("RUNNING", **ours), task("COMPLETED", **ours)]
    run = moto.run({"queue": queues.name, "destination": queues.name.removesuffix("-dlq"), "rate": 5})
    assert "Adopt the move task" in run.path
    assert run.output["path"] == "native"


ELSEWHERE = "arn:aws:sqs:us-east-1:123456789012:elsewhere"
FOREIGN = {
    "another destination": {"DestinationArn": ELSEWHERE},
    "another rate": {"MaxNumberOfMessagesPerSecond": 5},
    "no rate": {"MaxNumberOfMessagesPerSecond": None},
    "started before the run": {"StartedTimestamp": 1_700_000_000_000},
    "ending": {"Status": "CANCELLING"},
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_a_task_that_cannot_be_this_runs_is_not_adopted(moto, tasks, queues, foreign):
    tasks.refusal = ALREADY
    tasks.looks = [NONE, task("RUNNING", **foreign)]
    run = moto.run({"queue": queues.name})
    assert run.path[6:10] == [
        "Start the move home",
        "Find our move task",
        "Did it start after all?",
        "Drain the queue",
    ]
    assert (run.output["path"], run.output["sent"]) == ("custom", 3)
    assert ALREADY in run.output["because"][-1]
    assert run.output["requests"]["lambda"] == len(moto.steps)


def test_a_run_that_insists_on_the_native_path_does_not_take_somebody_elses_task_for_its_own(moto, tasks, queues):
    tasks.refusal = ALREADY
    tasks.looks = [NONE, task("RUNNING", DestinationArn=ELSEWHERE)]
    run = moto.run({"queue": queues.name, "path": "native"})
    assert run.path[-1] == "Redrive failed"
    assert ALREADY in run.cause
    assert tasks.cancelled == []


@pytest.fixture
def another_run(moto, queues, monkeypatch):
    """Another run that enters at the queue, and is at work there, when it is called."""

    def end_of(_sfn, execution):
        return End(execution, "RUNNING" if execution.endswith(":another") else "SUCCEEDED", datetime.now(UTC))

    monkeypatch.setattr(redrive.stores.presence, "_end_of", end_of)

    def come():
        execution = moto.state_machine.replace(":stateMachine:", ":execution:") + ":another"
        table, queue = ENVIRONMENT["JOURNAL_TABLE"], arn_of(queues.sqs, queues.dlq)
        enter(moto.client("dynamodb"), moto.client("stepfunctions"), table, queue, execution)

    return come


@pytest.mark.parametrize("when", ["before the plan", "after the plan"])
def test_of_two_runs_planned_together_neither_adopts_the_others_task(moto, tasks, queues, another_run, when):
    """The other run's task is in all as this one's would be: only that the other is there tells that it may be its."""
    if when == "before the plan":
        another_run()
    else:
        tasks.meanwhile = another_run
    tasks.refusal = ALREADY
    tasks.looks = [NONE, task("RUNNING")]
    run = moto.run({"queue": queues.name})
    assert "Adopt the move task" not in run.path
    assert (run.output["path"], run.output["sent"]) == ("custom", 3)


def stop(moto):
    """Stop the only execution, as somebody does from outside."""
    sfn = moto.client("stepfunctions")
    [running] = sfn.list_executions(stateMachineArn=moto.state_machine)["executions"]
    sfn.stop_execution(executionArn=running["executionArn"])


def cleaned(moto, run):
    cleanup.handler(moto.status_change(run.arn, "ABORTED"), Context("cleanup"))
    return moto.summary(run.arn)


def test_a_run_stopped_before_its_start_was_answered_has_its_task_cancelled(moto, tasks, queues):
    """SQS started it, nobody heard of that, and the run was stopped before it could look: the clean-up does."""
    tasks.refusal = "its answer was lost"
    tasks.meanwhile = lambda: stop(moto)
    tasks.looks = [NONE, task("RUNNING"), task("CANCELLING", moved=1), task("CANCELLED", moved=2)]
    run = moto.run({"queue": queues.name})
    assert run.path[-1] == "Start the move home"  # its end is FAILED to moto, where the stop and an error meet
    summary = cleaned(moto, run)
    assert tasks.cancelled == ["our-handle"]
    assert (summary["error"], summary["path"], summary["sent"]) == ("ExecutionAborted", "native", 2)


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_a_run_stopped_before_its_start_was_answered_leaves_the_task_of_somebody_else_alone(
    moto, tasks, queues, foreign
):
    tasks.refusal = ALREADY
    tasks.meanwhile = lambda: stop(moto)
    tasks.looks = [NONE, task("RUNNING", **foreign)]
    run = moto.run({"queue": queues.name})
    assert run.path[-1] == "Start the move home"  # its end is FAILED to moto, where the stop and an error meet
    assert cleaned(moto, run)["error"] == "ExecutionAborted"
    assert tasks.cancelled == []


def test_a_start_that_sqs_refuses_without_a_task_running_is_left_to_the_custom_path(moto, tasks, queues):
    tasks.refusal = "Source queue must be configured as a Dead Letter Queue."
    run = moto.run({"queue": queues.name})
    assert "Adopt the move task" not in run.path
    assert run.path[-1] == "Redrive complete"
    assert (run.output["path"], run.output["sent"]) == ("custom", 3)
    assert "Source queue must be configured" in run.output["because"][-1]


def test_a_refused_start_ends_red_when_the_native_path_was_insisted_on(moto, tasks, queues):
    tasks.refusal = "Source queue must be configured as a Dead Letter Queue."
    run = moto.run({"queue": queues.name, "path": "native"})
    assert run.path[-1] == "Redrive failed"
    assert "Source queue must be configured as a Dead Letter Queue" in run.cause
    assert count(queues.sqs, queues.dlq) == (3, 0)


def test_a_task_that_cannot_be_read_any_more_is_cancelled_and_the_run_ends_red(moto, tasks, queues):
    tasks.looks = [NONE, task("RUNNING"), *[InvalidParameterValue("no")] * 20]
    run = moto.run({"queue": queues.name})
    assert run.path[-4:] == ["Cancel the move task", "Write the report", "Did everything arrive?", "Redrive failed"]
    assert tasks.cancelled == ["our-handle"]
    assert run.summary["status"] == "failed"


def test_a_task_that_failed_half_way_ends_red_with_sqs_own_reason(moto, tasks, queues):
    reason = "AWS.SimpleQueueService.NonExistentQueue"
    tasks.looks = [NONE, task("RUNNING"), task("FAILED", moved=2, FailureReason=reason)]
    run = moto.run({"queue": queues.name})
    assert run.path[-1] == "Redrive failed"
    assert run.error == "MoveTaskFailed"
    assert run.cause == f"SQS's move task failed after 2 messages: {reason}."
    assert run.summary["sent"] == 2


def test_a_cancel_that_races_the_end_is_told_by_its_final_status(moto, tasks, queues):
    """A cancelling task may still move messages: only its final status counts (facts A4: 2 at cancel, 8 at the end)."""
    tasks.looks = [NONE, task("RUNNING", moved=1), task("CANCELLING", moved=2), task("CANCELLED", moved=3)]
    run = moto.run({"queue": queues.name})
    assert run.path[-1] == "Redrive incomplete"
    assert run.cause == "somebody cancelled the move task after 3 messages."


def test_a_cancelling_task_that_completes_first_is_complete(moto, tasks, queues):
    tasks.looks = [NONE, task("CANCELLING", moved=2), task("COMPLETED", moved=3)]
    run = moto.run({"queue": queues.name})
    assert run.path[-1] == "Redrive complete"
    assert run.output["sent"] == 3

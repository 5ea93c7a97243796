"""The native path when SQS does not play along. moto has no move tasks: what SQS answers is scripted, the run is real.

Texts and statuses are those of facts.md, A4 (recorded from AWS), and error names those of B4.
"""

import pytest
from moto.core.responses import ActionResult
from moto.sqs.exceptions import SQSException
from moto.sqs.responses import SQSResponse

from support.aws import count, dead_letter, make_queues, send

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
        if self.refusal:
            raise InvalidParameterValue(self.refusal)
        return ActionResult({"TaskHandle": "our-handle"})

    def look(self):
        answer = self.looks.pop(0) if self.looks else []
        if isinstance(answer, Exception):
            raise answer
        return ActionResult({"Results": answer})

    def cancel(self, response):
        self.cancelled.append(response._get_param("TaskHandle"))
        return ActionResult({"ApproximateNumberOfMessagesMoved": 1})


def task(status, *, moved=3, **more):
    handle = {"TaskHandle": "our-handle"} if status == "RUNNING" else {}
    return [{"Status": status, "ApproximateNumberOfMessagesMoved": moved, **handle, **more}]


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


def test_a_start_whose_answer_was_lost_is_found_and_adopted(moto, tasks, queues):
    """The retry is told that a task is running; none was when the run was planned, so it is this run's."""
    tasks.refusal = ALREADY
    tasks.looks = [NONE, task("RUNNING"), task("COMPLETED")]
    run = moto.run({"queue": queues.name})
    assert run.path[5:9] == [
        "Start the move task",
        "Look for our move task",
        "Did it start after all?",
        "Adopt the move task",
    ]
    assert run.path[-1] == "Redrive complete"
    assert (run.output["path"], run.output["sent"]) == ("native", 3)


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

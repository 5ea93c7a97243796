"""`redrive stop`: a run is stopped, says who did it and what becomes of what it held, and is cleaned up after."""

import json

import pytest

from support.aws import arn_of, count, dead_letter, drain, make_queues, send
from support.engine import Deployed, eventually


@pytest.fixture(scope="module")
def aws(embedded):
    return Deployed(embedded)


def slow_run(aws, number=12, **request):
    """A run that takes a while, of which something has arrived."""
    queues = make_queues(aws.client("sqs"))
    send(queues.sqs, queues.source, [str(n) for n in range(number)])
    dead_letter(queues)
    arn = aws.start({"queue": queues.name, "rate": 2, **request})
    eventually(lambda: count(queues.sqs, queues.source)[0] >= 2)
    return queues, arn


def test_what_it_held_is_visible_again_and_its_summary_is_shown(aws, on_embedded):
    queues, arn = slow_run(aws, filter={"where": "body > 2"})
    done = on_embedded("stop", arn.rsplit(":", 1)[1], "--yes", "--json")

    assert done.returncode == 0, done.stderr
    assert "The clean-up releases what the run held" in done.stderr
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["error"]) == ("failed", "ExecutionAborted")
    told = aws.client("stepfunctions").describe_execution(executionArn=arn)
    assert told["status"] == "ABORTED"
    visible, in_flight = count(queues.sqs, queues.dlq)
    assert visible + in_flight + len(drain(queues.sqs, queues.source)) == 12

    again = on_embedded("stop", arn, "--yes")
    assert again.returncode == 1
    assert "is not going on: aborted." in again.stderr


def test_of_sqss_own_move_the_task_is_cancelled(aws, on_embedded):
    queues, arn = slow_run(aws, 30)
    done = on_embedded("stop", arn, "--yes")

    assert done.returncode == 0, done.stderr
    assert "cancels SQS's move task" in done.stderr
    assert "status    failed" in done.stdout
    dlq = arn_of(queues.sqs, queues.dlq)
    assert queues.sqs.list_message_move_tasks(SourceArn=dlq)["Results"][0]["Status"] in {"CANCELLED", "COMPLETED"}


def test_without_a_terminal_and_without_yes_nothing_is_stopped(aws, on_embedded):
    _, arn = slow_run(aws)
    done = on_embedded("stop", arn)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing was stopped" in done.stderr
    assert aws.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "RUNNING"

    done = on_embedded("stop", arn, "--yes", "--no-wait")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_run_that_is_not_there(on_embedded):
    done = on_embedded("stop", "never-started", "--yes")

    assert done.returncode == 1
    assert "no execution never-started" in done.stderr

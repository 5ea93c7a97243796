"""Runs that are stopped from outside, and runs side by side: nobody can catch anything, and nothing is lost."""

import json

import pytest

from redrive.values.outcome import conserves
from support.aws import arn_of, count, dead_letter, drain, make_queues, send
from support.engine import Deployed, eventually


@pytest.fixture(scope="module")
def aws(embedded):
    return Deployed(embedded)


def queue_of(aws, number):
    queues = make_queues(aws.client("sqs"))
    send(queues.sqs, queues.source, [str(n) for n in range(number)])
    dead_letter(queues)
    return queues


def numbers(messages):
    return sorted(int(message["Body"]) for message in messages)


def test_a_stopped_run_is_cleaned_up_and_reported_as_far_as_it_got(aws):
    queues = queue_of(aws, 12)
    arn = aws.start({"queue": queues.name, "rate": 2, "filter": {"where": "body > 2"}})
    eventually(lambda: count(queues.sqs, queues.source)[0] >= 3)
    aws.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by hand")
    summary = eventually(lambda: aws.summary(arn))
    assert (summary["status"], summary["error"]) == ("failed", "ExecutionAborted")
    assert conserves(summary)
    arrived = numbers(drain(queues.sqs, queues.source))
    assert summary["sent"] == len(arrived) >= 3
    # A Receive that was running when the run was stopped keeps what it took for ten minutes: nobody knows its handles.
    visible, in_flight = count(queues.sqs, queues.dlq)
    assert visible + in_flight + len(arrived) == 12
    stayed = numbers(drain(queues.sqs, queues.dlq))
    assert sorted(arrived + stayed) == sorted(set(arrived + stayed))


def test_a_stopped_run_cancels_the_move_task_that_it_started(aws):
    queues = queue_of(aws, 30)
    arn = aws.start({"queue": queues.name, "rate": 3})
    eventually(lambda: count(queues.sqs, queues.source)[0] >= 3)
    aws.client("stepfunctions").stop_execution(executionArn=arn)
    summary = eventually(lambda: aws.summary(arn))
    assert summary["error"] == "ExecutionAborted"
    dlq = arn_of(queues.sqs, queues.dlq)
    eventually(
        lambda: queues.sqs.list_message_move_tasks(SourceArn=dlq)["Results"][0]["Status"] in {"CANCELLED", "COMPLETED"}
    )
    assert numbers(drain(queues.sqs, queues.source) + drain(queues.sqs, queues.dlq)) == list(range(30))


def test_a_stopped_run_does_not_cancel_a_move_task_of_somebody_else(aws):
    queues = queue_of(aws, 30)
    dlq = arn_of(queues.sqs, queues.dlq)
    queues.sqs.start_message_move_task(SourceArn=dlq, MaxNumberOfMessagesPerSecond=3)
    arn = aws.start({"queue": queues.name, "rate": 1})
    eventually(lambda: "Drain the queue" in aws.path(arn))
    aws.client("stepfunctions").stop_execution(executionArn=arn)
    eventually(lambda: aws.summary(arn))
    assert queues.sqs.list_message_move_tasks(SourceArn=dlq)["Results"][0]["Status"] in {"RUNNING", "COMPLETED"}


def test_two_runs_at_once_lose_nothing_send_nothing_twice_and_each_says_what_it_saw(aws):
    queues = queue_of(aws, 40)
    first = aws.start({"queue": queues.name, "path": "custom", "rate": 5})
    eventually(lambda: "Drain the queue" in aws.path(first))
    second = aws.run({"queue": queues.name, "path": "custom", "rate": 5})
    ended = aws.wait(first)
    assert second.output["because"][-1] == f"run {ended.name} is working on the queue as well"
    assert ended.output["sent"] + second.output["sent"] == 40
    assert numbers(drain(queues.sqs, queues.source)) == list(range(40))


def test_a_run_that_is_to_be_alone_steps_back_before_another(aws):
    queues = queue_of(aws, 10)
    first = aws.start({"queue": queues.name, "path": "custom", "rate": 2})
    eventually(lambda: "Drain the queue" in aws.path(first))
    second = aws.run({"queue": queues.name, "alone": True, "filter": {"sent": {"day": "yesterday"}}})
    assert second.path[-1] == "Stepped back"
    assert second.output["status"] == "stepped back"
    assert second.output["because"] == [f"run {first.rsplit(':', 1)[1]} is working on the queue as well"]
    assert aws.wait(first).status == "SUCCEEDED"
    third = aws.run({"queue": queues.name, "alone": True})
    assert third.output["status"] == "nothing to redrive"


def test_a_run_that_was_stopped_keeps_nobody_from_working_alone(aws):
    queues = queue_of(aws, 10)
    first = aws.start({"queue": queues.name, "path": "custom", "rate": 1})
    eventually(lambda: "Drain the queue" in aws.path(first))
    aws.client("stepfunctions").stop_execution(executionArn=first)
    eventually(lambda: aws.summary(first))
    second = aws.run({"queue": queues.name, "alone": True, "path": "custom"})
    assert second.output["status"] == "complete"
    assert json.dumps(second.output["because"]) == '["path is custom"]'

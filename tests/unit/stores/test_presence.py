"""Presence: of two runs at one queue, each that comes later knows of the one before."""

import pytest

from redrive.stores.presence import enter, leave
from support.breaking import answer_with, refuse_calls
from support.library import TABLE

QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders-dlq"
RUN = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-"


@pytest.fixture
def all_running(sfn):
    answer_with(sfn, "DescribeExecution", lambda: {"status": "RUNNING"})


def entered(dynamodb, sfn, number, queue=QUEUE):
    return enter(dynamodb, sfn, TABLE, queue, f"{RUN}{number}")


def test_the_first_run_is_alone_and_the_next_ones_are_not(dynamodb, sfn, all_running):
    assert entered(dynamodb, sfn, 1) == []
    assert entered(dynamodb, sfn, 2) == ["run-1"]
    assert entered(dynamodb, sfn, 3) == ["run-1", "run-2"]


def test_a_run_that_enters_again_is_not_beside_itself(dynamodb, sfn, all_running):
    # moto answers nothing when nothing changed, AWS with what there was.
    answer_with(dynamodb, "UpdateItem", lambda: {"Attributes": {"runs": {"SS": [f"{RUN}1", f"{RUN}2"]}}})
    assert entered(dynamodb, sfn, 1) == ["run-2"]


def test_runs_on_other_queues_are_not_beside_it(dynamodb, sfn, all_running):
    entered(dynamodb, sfn, 1)
    assert entered(dynamodb, sfn, 2, queue=QUEUE + "-2") == []


def test_a_run_that_left_is_gone(dynamodb, sfn, all_running):
    entered(dynamodb, sfn, 1)
    leave(dynamodb, TABLE, QUEUE, f"{RUN}1")
    leave(dynamodb, TABLE, QUEUE, f"{RUN}1")
    assert entered(dynamodb, sfn, 2) == []


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
def test_a_run_that_ended_without_leaving_is_asked_after_once(dynamodb, sfn, status):
    asked = []
    entered(dynamodb, sfn, 1)
    answer_with(sfn, "DescribeExecution", lambda: asked.append(1) or {"status": status})
    assert entered(dynamodb, sfn, 2) == []
    leave(dynamodb, TABLE, QUEUE, f"{RUN}2")
    assert entered(dynamodb, sfn, 3) == []
    assert len(asked) == 1


def test_a_run_that_step_functions_has_forgotten_is_gone(dynamodb, sfn):
    entered(dynamodb, sfn, 1)
    refuse_calls(sfn, "DescribeExecution", "ExecutionDoesNotExist")
    assert entered(dynamodb, sfn, 2) == []

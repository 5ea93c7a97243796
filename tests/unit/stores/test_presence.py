"""Presence: of two runs at one queue, each that comes later knows of the one before."""

from datetime import UTC, datetime

import pytest

from redrive.stores.presence import Others, enter, leave, met
from redrive.stores.presence import beside as looked
from redrive.values.run import End
from support.breaking import answer_with, refuse_calls
from support.library import TABLE

QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders-dlq"
BEGAN = datetime(2026, 11, 21, 6, tzinfo=UTC)
RUN = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-"


@pytest.fixture
def all_running(sfn):
    answer_with(sfn, "DescribeExecution", lambda: {"status": "RUNNING", "startDate": BEGAN})


def entered(dynamodb, sfn, number, queue=QUEUE):
    return enter(dynamodb, sfn, TABLE, queue, f"{RUN}{number}")


def beside(*names):
    return Others(working=list(names))


def test_the_first_run_is_alone_and_the_next_ones_are_not(dynamodb, sfn, all_running):
    assert entered(dynamodb, sfn, 1) == beside()
    assert entered(dynamodb, sfn, 2) == beside("run-1")
    assert entered(dynamodb, sfn, 3) == beside("run-1", "run-2")


def test_a_run_that_enters_again_is_not_beside_itself(dynamodb, sfn, all_running):
    # moto answers nothing when nothing changed, AWS with what there was.
    answer_with(dynamodb, "UpdateItem", lambda: {"Attributes": {"runs": {"SS": [f"{RUN}1", f"{RUN}2"]}}})
    assert entered(dynamodb, sfn, 1) == beside("run-2")


def test_runs_on_other_queues_are_not_beside_it(dynamodb, sfn, all_running):
    entered(dynamodb, sfn, 1)
    assert entered(dynamodb, sfn, 2, queue=QUEUE + "-2") == beside()


def test_a_run_that_left_is_gone(dynamodb, sfn, all_running):
    entered(dynamodb, sfn, 1)
    leave(dynamodb, TABLE, QUEUE, f"{RUN}1")
    leave(dynamodb, TABLE, QUEUE, f"{RUN}1")
    assert entered(dynamodb, sfn, 2) == beside()


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
def test_a_run_that_ended_without_leaving_is_told_of_until_it_is_made_to_leave(dynamodb, sfn, status):
    entered(dynamodb, sfn, 1)
    answer_with(sfn, "DescribeExecution", lambda: {"status": status, "startDate": BEGAN})
    ended = Others(ended=[End(f"{RUN}1", status, BEGAN)])
    assert entered(dynamodb, sfn, 2) == ended
    leave(dynamodb, TABLE, QUEUE, f"{RUN}2")
    assert entered(dynamodb, sfn, 3) == ended
    leave(dynamodb, TABLE, QUEUE, f"{RUN}1")
    leave(dynamodb, TABLE, QUEUE, f"{RUN}3")
    assert entered(dynamodb, sfn, 4) == beside()


def test_each_of_two_runs_knows_of_the_other(dynamodb, sfn, all_running):
    entered(dynamodb, sfn, 1)
    entered(dynamodb, sfn, 3)
    entered(dynamodb, sfn, 2)
    entered(dynamodb, sfn, 2)
    assert met(dynamodb, TABLE, f"{RUN}1") == ["run-2", "run-3"]
    assert met(dynamodb, TABLE, f"{RUN}3") == ["run-2"]
    assert met(dynamodb, TABLE, f"{RUN}2") == []


def test_to_look_who_is_there_enters_nobody(dynamodb, sfn, all_running):
    entered(dynamodb, sfn, 1)
    assert looked(dynamodb, sfn, TABLE, QUEUE, f"{RUN}2") == ["run-1"]
    assert looked(dynamodb, sfn, TABLE, QUEUE, f"{RUN}1") == []
    assert met(dynamodb, TABLE, f"{RUN}1") == []


def test_a_run_that_step_functions_has_forgotten_is_gone(dynamodb, sfn):
    entered(dynamodb, sfn, 1)
    refuse_calls(sfn, "DescribeExecution", "ExecutionDoesNotExist")
    assert entered(dynamodb, sfn, 2) == beside()

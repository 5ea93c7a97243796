"""Neighbours: of two runs at one queue, each that comes later knows of the one before."""

import pytest

from redrive.neighbours import arrive, leave, name_of
from support.breaking import answer_with, refuse_calls
from support.library import TABLE

QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders-dlq"
RUN = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-"


@pytest.fixture
def all_running(sfn):
    answer_with(sfn, "DescribeExecution", lambda: {"status": "RUNNING"})


def sign_in(dynamodb, sfn, number, queue=QUEUE):
    return arrive(dynamodb, sfn, TABLE, queue, f"{RUN}{number}")


def test_the_first_run_is_alone_and_the_next_ones_are_not(dynamodb, sfn, all_running):
    assert sign_in(dynamodb, sfn, 1) == []
    assert sign_in(dynamodb, sfn, 2) == ["run-1"]
    assert sign_in(dynamodb, sfn, 3) == ["run-1", "run-2"]


def test_a_run_that_signs_in_again_is_no_neighbour_of_itself(dynamodb, sfn, all_running):
    # moto answers nothing when nothing changed, AWS with what there was.
    answer_with(dynamodb, "UpdateItem", lambda: {"Attributes": {"runs": {"SS": [f"{RUN}1", f"{RUN}2"]}}})
    assert sign_in(dynamodb, sfn, 1) == ["run-2"]


def test_runs_on_other_queues_are_no_neighbours(dynamodb, sfn, all_running):
    sign_in(dynamodb, sfn, 1)
    assert sign_in(dynamodb, sfn, 2, queue=QUEUE + "-2") == []


def test_a_run_that_left_is_no_neighbour(dynamodb, sfn, all_running):
    sign_in(dynamodb, sfn, 1)
    leave(dynamodb, TABLE, QUEUE, f"{RUN}1")
    leave(dynamodb, TABLE, QUEUE, f"{RUN}1")
    assert sign_in(dynamodb, sfn, 2) == []


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"])
def test_a_run_that_ended_without_leaving_is_asked_after_once(dynamodb, sfn, status):
    asked = []
    sign_in(dynamodb, sfn, 1)
    answer_with(sfn, "DescribeExecution", lambda: asked.append(1) or {"status": status})
    assert sign_in(dynamodb, sfn, 2) == []
    leave(dynamodb, TABLE, QUEUE, f"{RUN}2")
    assert sign_in(dynamodb, sfn, 3) == []
    assert len(asked) == 1


def test_a_run_that_step_functions_has_forgotten_is_no_neighbour(dynamodb, sfn):
    sign_in(dynamodb, sfn, 1)
    refuse_calls(sfn, "DescribeExecution", "ExecutionDoesNotExist")
    assert sign_in(dynamodb, sfn, 2) == []


def test_a_run_is_named_at_the_end_of_its_arn():
    assert name_of(f"{RUN}1") == "run-1"

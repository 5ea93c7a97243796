"""Find our move task: only what must be this run's own is taken for it."""

import pytest

from redrive.sqs.move_tasks import find_own_move_task
from redrive.values.plan import NATIVE_RATE, Move, MoveTask
from support.breaking import answer_with

MOVE = Move("arn:aws:sqs:us-east-1:123456789012:orders-dlq")
THERE = {"DestinationArn": "arn:aws:sqs:us-east-1:123456789012:orders"}
FASTEST = {"MaxNumberOfMessagesPerSecond": NATIVE_RATE}
SLOW = {"MaxNumberOfMessagesPerSecond": 5}
STARTED = "2026-11-21T06:00:00.250Z"
BEGAN = 1_795_240_800_250  # the same


def listed(sqs, **more):
    task = {"TaskHandle": "handle", "Status": "RUNNING", "StartedTimestamp": BEGAN} | FASTEST | more
    answer_with(sqs, "ListMessageMoveTasks", lambda: {"Results": [task]})
    return MoveTask.from_sqs(task)


def asking(asked):
    return Move.from_json(MOVE.to_json() | asked)


def nobody():
    return []


@pytest.mark.parametrize("asked", [{}, THERE, SLOW, THERE | SLOW], ids=["nothing", "where", "how fast", "both"])
def test_a_running_task_with_what_was_asked_for_is_ours(sqs, asked):
    task = listed(sqs, **asked)
    assert find_own_move_task(sqs, asking(asked), STARTED, nobody) == task


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, THERE),
        (THERE, {}),
        (THERE, {"DestinationArn": MOVE.source}),
        ({}, SLOW),
        (SLOW, {}),
        (SLOW, {"MaxNumberOfMessagesPerSecond": 499}),
        ({}, {"StartedTimestamp": BEGAN - 1}),
        *[({}, {"Status": status}) for status in ("CANCELLING", "CANCELLED", "COMPLETED", "FAILED")],
    ],
)
def test_any_other_is_not_and_nobody_is_asked_who_else_is_there(sqs, asked, found):
    listed(sqs, **found)
    assert find_own_move_task(sqs, asking(asked), STARTED, lambda: pytest.fail("asked")) is None


def test_none_is_ours_where_none_is_listed(sqs):
    answer_with(sqs, "ListMessageMoveTasks", lambda: {"Results": []})
    assert find_own_move_task(sqs, MOVE, STARTED, nobody) is None
    answer_with(sqs, "ListMessageMoveTasks", dict)
    assert find_own_move_task(sqs, MOVE, STARTED, nobody) is None


def test_beside_another_run_none_is_ours(sqs):
    listed(sqs)
    assert find_own_move_task(sqs, MOVE, STARTED, lambda: ["run-2"]) is None

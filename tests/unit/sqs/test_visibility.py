"""Visibility is changed as far as SQS still lets us."""

import pytest

from redrive.sqs.queues import depth
from redrive.sqs.visibility import NotChangedError, change_visibility
from redrive.values.queue import QueueDepth
from support import aws
from support.breaking import calls_of, refuse_entries


def received(sqs, url, number):
    """The receipt handles of so many messages."""
    handles = []
    while len(handles) < number:
        for found in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)["Messages"]:
            handles.append(found["ReceiptHandle"])
    return handles


def test_everything_held_is_changed_in_as_few_calls_as_can_be(sqs, queues):
    aws.send(sqs, queues.dlq, [str(n) for n in range(23)])
    held = received(sqs, queues.dlq, 23)
    asked = calls_of(sqs, "ChangeMessageVisibilityBatch")
    assert change_visibility(sqs, queues.dlq, held, 0) == set(held)
    assert sorted(len(call["Entries"]) for call in asked) == [3, 10, 10]
    assert aws.count(sqs, queues.dlq) == (23, 0)


def test_what_sqs_does_not_take_is_not_given(sqs, queues):
    aws.send(sqs, queues.dlq, ["one", "two", "three"])
    held = received(sqs, queues.dlq, 3)
    refuse_entries(
        sqs,
        "ChangeMessageVisibilityBatch",
        lambda entry: ("MessageNotInflight", True) if entry["ReceiptHandle"] == held[1] else None,
    )
    assert change_visibility(sqs, queues.dlq, [*held, "stale"], 0) == {held[0], held[2]}


def test_what_sqs_itself_fails_at_is_asked_again_and_then_said(sqs, queues):
    aws.send(sqs, queues.dlq, ["one", "two"])
    held = received(sqs, queues.dlq, 2)
    refusals = [("InternalError", False)] * 3
    refuse_entries(sqs, "ChangeMessageVisibilityBatch", lambda _: refusals.pop() if refusals else None)
    assert change_visibility(sqs, queues.dlq, held, 0) == set(held)
    refusals += [("InternalError", False)] * 6
    with pytest.raises(NotChangedError, match="2 messages"):
        change_visibility(sqs, queues.dlq, held, 0)


def test_nothing_held_needs_no_call(sqs, queues):
    asked = calls_of(sqs, "ChangeMessageVisibilityBatch")
    assert change_visibility(sqs, queues.dlq, [], 0) == set()
    assert asked == []


@pytest.mark.parametrize("hidden", [0, 2])
def test_the_depth_tells_visible_from_in_flight(sqs, queues, hidden):
    aws.send(sqs, queues.dlq, ["one", "two", "three"])
    held = len(received(sqs, queues.dlq, hidden)) if hidden else 0
    found = depth(sqs, queues.dlq)
    assert found == QueueDepth(visible=3 - held, in_flight=held, delayed=0)
    assert found.all == 3
    assert QueueDepth.from_json(found.to_json() | {"requests": {}}) == found

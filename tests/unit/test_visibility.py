"""Batches of ten, and visibility changed as far as SQS still lets us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.batches import tens
from redrive.count import count
from redrive.visibility import change_visibility
from support import aws
from support.breaking import calls_of, refuse_entries


@given(st.lists(st.integers(), max_size=60), st.integers(1, 12))
def test_tens_hold_every_item_once_and_in_order(items, most):
    cut = list(tens(items, most))
    assert [item for batch in cut for item in batch] == items
    assert all(1 <= len(batch) <= most for batch in cut)
    assert len(cut) == -(-len(items) // most)


def received(sqs, url, number):
    lines = []
    while len(lines) < number:
        for found in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)["Messages"]:
            lines.append({"id": found["MessageId"], "handle": found["ReceiptHandle"]})
    return lines


def test_everything_held_is_changed_in_as_few_calls_as_can_be(sqs, queues):
    aws.send(sqs, queues.dlq, [str(n) for n in range(23)])
    held = received(sqs, queues.dlq, 23)
    asked = calls_of(sqs, "ChangeMessageVisibilityBatch")
    taken = change_visibility(sqs, queues.dlq, held, 0)
    assert sorted(line["id"] for line in taken) == sorted(line["id"] for line in held)
    assert sorted(len(call["Entries"]) for call in asked) == [3, 10, 10]
    assert aws.count(sqs, queues.dlq) == (23, 0)


def test_what_sqs_does_not_take_is_not_given(sqs, queues):
    aws.send(sqs, queues.dlq, ["one", "two", "three"])
    held = received(sqs, queues.dlq, 3)
    refuse_entries(
        sqs,
        "ChangeMessageVisibilityBatch",
        lambda entry: ("MessageNotInflight", True) if entry["ReceiptHandle"] == held[1]["handle"] else None,
    )
    assert change_visibility(sqs, queues.dlq, [*held, {"id": "x", "handle": "stale"}], 0) == [held[0], held[2]]


def test_nothing_held_needs_no_call(sqs, queues):
    asked = calls_of(sqs, "ChangeMessageVisibilityBatch")
    assert change_visibility(sqs, queues.dlq, [], 0) == []
    assert asked == []


@pytest.mark.parametrize("hidden", [0, 2])
def test_count_tells_visible_from_in_flight(sqs, queues, hidden):
    aws.send(sqs, queues.dlq, ["one", "two", "three"])
    if hidden:
        received(sqs, queues.dlq, 1)
        held = 3 - count(sqs, queues.dlq)["visible"]
    else:
        held = 0
    assert count(sqs, queues.dlq) == {"visible": 3 - held, "in_flight": held, "delayed": 0}

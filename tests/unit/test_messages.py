"""A message is complete at every turn: as received, as kept in a page, as sent on."""

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from redrive.messages import (
    MARK,
    MOST_ATTRIBUTES,
    Mark,
    Message,
    Outgoing,
    deduplication_id,
    entry,
    is_marked,
    size,
)
from support.library import BLOB, attribute_sets, mark, message, messages, text, texts

ENOUGH = 1_048_576
UNCHANGED = Outgoing()


def as_sqs_gives_it(subject):
    return {
        "MessageId": subject.id,
        "ReceiptHandle": subject.handle,
        "Body": subject.body,
        "MD5OfBody": "…",
        "Attributes": subject.system,
        "MessageAttributes": {
            name: {**value, "StringListValues": [], "BinaryListValues": []}
            for name, value in subject.attributes.items()
        },
    }


@given(messages)
def test_a_message_survives_the_way_from_sqs_into_a_page_and_out_again(subject):
    line = json.dumps(Message.from_sqs(as_sqs_gives_it(subject)).to_json())
    assert Message.from_json(json.loads(line)) == subject


def test_what_sqs_leaves_out_is_empty():
    bare = Message.from_sqs({"MessageId": "i", "ReceiptHandle": "h", "Body": "b", "Attributes": {"SentTimestamp": "5"}})
    assert bare == Message("i", "h", "b", {}, {"SentTimestamp": "5"})
    assert (bare.group, bare.source, bare.sent_ms, bare.mark) == (None, None, 5, Mark(0, None, None))


@given(messages, st.booleans())
def test_an_entry_keeps_everything_and_adds_one_mark_when_a_slot_is_free(subject, fifo):
    assume(MARK not in subject.attributes)
    sent = entry(subject, UNCHANGED, "run-2", fifo=fifo, max_bytes=ENOUGH)
    assert sent["MessageBody"] == subject.body
    assert sent.get("MessageGroupId") == subject.system.get("MessageGroupId")
    header = sent.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {})
    assert header.get("StringValue") == subject.system.get("AWSTraceHeader")
    attributes = sent.get("MessageAttributes", {})
    assert {name: value for name, value in attributes.items() if name != MARK} == subject.attributes
    assert is_marked(sent, "run-2") == (len(subject.attributes) < MOST_ATTRIBUTES)
    assert ("MessageDeduplicationId" in sent) == fifo
    assert "Id" not in sent


@given(messages, st.none() | texts, st.none() | attribute_sets)
def test_a_changed_message_keeps_what_was_not_changed(subject, body, attributes):
    assume(MARK not in subject.attributes)
    assume(MARK not in (attributes or {}))
    sent = entry(subject, Outgoing(body, attributes), "run-2", fifo=False, max_bytes=ENOUGH)
    assert sent["MessageBody"] == (subject.body if body is None else body)
    rest = {name: value for name, value in sent.get("MessageAttributes", {}).items() if name != MARK}
    assert rest == (subject.attributes if attributes is None else attributes)
    assert sent.get("MessageGroupId") == subject.group


@given(messages, st.integers(-200, 200))
def test_the_mark_is_added_only_as_far_as_the_destination_takes_it(subject, slack):
    assume(MARK not in subject.attributes)
    marked = entry(subject, UNCHANGED, "run-2", fifo=False, max_bytes=ENOUGH)
    limit = size(marked) + slack
    sent = entry(subject, UNCHANGED, "run-2", fifo=False, max_bytes=limit)
    assert is_marked(sent, "run-2") == (is_marked(marked, "run-2") and slack >= 0)
    assert not is_marked(sent, "run-2") or size(sent) <= limit


@pytest.mark.parametrize(
    ("attributes", "count", "first"),
    [({}, 1, "id-0"), (mark(1, "run-1", "first"), 2, "first"), (mark(41, "run-1", "first"), 42, "first")],
    ids=["first time", "second", "often"],
)
def test_the_mark_counts_and_remembers_the_very_first_id(attributes, count, first):
    sent = entry(message(attributes=attributes), UNCHANGED, "run-2", fifo=False, max_bytes=ENOUGH)
    assert Message("new", "h", "b", sent["MessageAttributes"], {}).mark == Mark(count, "run-2", first)


def test_a_marked_message_with_ten_attributes_keeps_its_slot():
    full = mark(1, "run-1", "first") | {f"a{n}": text("x") for n in range(9)}
    sent = entry(message(attributes=full), UNCHANGED, "run-2", fifo=False, max_bytes=ENOUGH)
    assert len(sent["MessageAttributes"]) == 10
    assert Message("new", "h", "b", sent["MessageAttributes"], {}).mark == Mark(2, "run-2", "first")


def test_ten_attributes_leave_no_room_for_the_mark():
    full = {f"a{n}": text("x") for n in range(10)}
    sent = entry(message(attributes=full), UNCHANGED, "run-2", fifo=False, max_bytes=ENOUGH)
    assert sent["MessageAttributes"] == full
    assert not is_marked(sent, "run-2")


def test_the_mark_outlives_a_transform_that_drops_all_attributes():
    subject = message(attributes=mark(2, "run-1", "first"))
    sent = entry(subject, Outgoing("new", {}), "run-2", fifo=False, max_bytes=ENOUGH)
    assert Message("new", "h", "b", sent["MessageAttributes"], {}).mark == Mark(3, "run-2", "first")


@pytest.mark.parametrize(
    "value", [text("my own"), {"DataType": "Binary", "BinaryValue": BLOB}], ids=["a text", "bytes"]
)
def test_somebody_elses_attribute_named_redrive_is_kept(value):
    sent = entry(message(attributes={MARK: value}), UNCHANGED, "run-2", fifo=False, max_bytes=ENOUGH)
    assert sent["MessageAttributes"] == {MARK: value}


def test_a_message_is_marked_only_if_the_mark_is_this_runs():
    subject = message(attributes=mark(1, "r", "id-0"))
    sent = entry(subject, UNCHANGED, "a-longer-run", fifo=False, max_bytes=size({"MessageBody": subject.body}) + 50)
    assert not is_marked(sent, "a-longer-run")


@pytest.mark.parametrize(
    ("subject", "count"),
    [
        (message(body="abc"), 3),
        (message(body="é日\U0001f600"), 9),
        (message(body="b", attributes={"name": text("value")}), 1 + 4 + 6 + 5),
        (message(body="b", attributes={"n": {"DataType": "Number.日", "StringValue": "12"}}), 1 + 1 + 10 + 2),
        (message(body="b", attributes={"blob": {"DataType": "Binary", "BinaryValue": BLOB}}), 1 + 4 + 6 + len(BLOB)),
        (message(body="b", AWSTraceHeader="Root=1", MessageGroupId="group"), 1),
    ],
    ids=["ascii", "utf-8", "an attribute", "a number", "bytes", "no system attributes"],
)
def test_size_is_counted_as_sqs_does(subject, count):
    bare = entry(subject, UNCHANGED, "run-2", fifo=False, max_bytes=0)
    assert not is_marked(bare, "run-2")
    assert size(bare) == count


@given(messages)
def test_the_deduplication_id_is_the_messages_own_whatever_it_came_with(subject):
    other = replace(subject, handle="newer", body="other", system=subject.system | {"MessageDeduplicationId": "x"})
    assert deduplication_id(subject) == deduplication_id(other)
    assert deduplication_id(subject) != subject.system.get("MessageDeduplicationId")
    assert deduplication_id(replace(subject, id="another")) != deduplication_id(subject)
    assert len(deduplication_id(subject)) <= 128
    assert deduplication_id(subject).isalnum()

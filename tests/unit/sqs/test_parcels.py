"""A message is complete at every turn: as received, as kept in a page, as sent on."""

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from redrive.expressions.judge import Judge
from redrive.origins.destinations import Destinations
from redrive.sqs.parcels import Parcel, deduplication_id, into_waves, make_entry, next_stamp, pack, places_in
from redrive.values.lane import Budget
from redrive.values.message import MOST_ATTRIBUTES, NO_STAMP, STAMP, UNCHANGED, Message, Outgoing, Stamp, size_of
from redrive.values.queue import LARGEST
from redrive.values.verdict import Verdict
from support.library import BLOB, a_queue, attribute_sets, criteria, message, messages, stamp, text, texts

ORDERS, FIFO = a_queue("orders"), a_queue("orders.fifo", fifo=True)
BUDGET = Budget(page_size=1000, pollers=4)


def made(subject, outgoing, run, to):
    return make_entry(subject, outgoing, next_stamp(subject, subject.stamp, run), to)


def entry_of(subject, outgoing=UNCHANGED, run="run-2", to=ORDERS):
    return made(subject, outgoing, run, to)[0]


def size(entry):
    return size_of(entry["MessageBody"], entry.get("MessageAttributes", {}))


def stamp_on(entry):
    return Stamp.on(entry.get("MessageAttributes", {}))


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
    assert (bare.group, bare.source, bare.sent_ms, bare.stamp) == (None, None, 5, NO_STAMP)


@given(messages, st.sampled_from([ORDERS, FIFO]))
def test_an_entry_keeps_everything_and_adds_one_stamp_when_a_slot_is_free(subject, to):
    assume(STAMP not in subject.attributes)
    sent, stamped = made(subject, UNCHANGED, "run-2", to)
    assert sent["MessageBody"] == subject.body
    assert sent.get("MessageGroupId") == subject.system.get("MessageGroupId")
    header = sent.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {})
    assert header.get("StringValue") == subject.system.get("AWSTraceHeader")
    attributes = sent.get("MessageAttributes", {})
    assert {name: value for name, value in attributes.items() if name != STAMP} == subject.attributes
    assert stamped == (STAMP in attributes) == (len(subject.attributes) < MOST_ATTRIBUTES)
    assert ("MessageDeduplicationId" in sent) == to.fifo
    assert "Id" not in sent


@given(messages, st.none() | texts, st.none() | attribute_sets)
def test_a_changed_message_keeps_what_was_not_changed(subject, body, attributes):
    assume(STAMP not in subject.attributes)
    assume(STAMP not in (attributes or {}))
    sent = entry_of(subject, Outgoing(body, attributes))
    assert sent["MessageBody"] == (subject.body if body is None else body)
    rest = {name: value for name, value in sent.get("MessageAttributes", {}).items() if name != STAMP}
    assert rest == (subject.attributes if attributes is None else attributes)
    assert sent.get("MessageGroupId") == subject.group


@given(messages, st.integers(-200, 200))
def test_the_stamp_is_added_only_as_far_as_the_destination_takes_it(subject, slack):
    assume(STAMP not in subject.attributes)
    full, was_stamped = made(subject, UNCHANGED, "run-2", ORDERS)
    limit = size(full) + slack
    sent, stamped = made(subject, UNCHANGED, "run-2", replace(ORDERS, max_bytes=limit))
    assert stamped == (was_stamped and slack >= 0)
    assert (stamp_on(sent).run == "run-2") == stamped
    assert not stamped or size(sent) <= limit


@pytest.mark.parametrize(
    ("attributes", "count", "first"),
    [({}, 1, "id-0"), (stamp(1, "run-1", "first"), 2, "first"), (stamp(41, "run-1", "first"), 42, "first")],
    ids=["first time", "second", "often"],
)
def test_the_stamp_counts_and_remembers_the_very_first_id(attributes, count, first):
    assert stamp_on(entry_of(message(attributes=attributes))) == Stamp(count, "run-2", first)


def test_a_stamped_message_with_ten_attributes_keeps_its_slot():
    full = stamp(1, "run-1", "first") | {f"a{n}": text("x") for n in range(9)}
    sent = entry_of(message(attributes=full))
    assert len(sent["MessageAttributes"]) == 10
    assert stamp_on(sent) == Stamp(2, "run-2", "first")


def test_ten_attributes_leave_no_room_for_the_stamp():
    full = {f"a{n}": text("x") for n in range(10)}
    sent, stamped = made(message(attributes=full), UNCHANGED, "run-2", ORDERS)
    assert sent["MessageAttributes"] == full
    assert not stamped


def test_the_stamp_outlives_a_transform_that_drops_all_attributes():
    subject = message(attributes=stamp(2, "run-1", "first"))
    assert stamp_on(entry_of(subject, Outgoing("new", {}))) == Stamp(3, "run-2", "first")


@pytest.mark.parametrize(
    "value", [text("my own"), {"DataType": "Binary", "BinaryValue": BLOB}], ids=["a text", "bytes"]
)
def test_somebody_elses_attribute_named_redrive_is_kept(value):
    sent, stamped = made(message(attributes={STAMP: value}), UNCHANGED, "run-2", ORDERS)
    assert sent["MessageAttributes"] == {STAMP: value}
    assert not stamped


def test_a_message_that_keeps_an_earlier_runs_stamp_for_want_of_room_is_not_stamped():
    subject = message(attributes=stamp(1, "r", "id-0"))
    small = replace(ORDERS, max_bytes=len(subject.body) + 50)
    sent, stamped = made(subject, UNCHANGED, "a-longer-run", small)
    assert not stamped
    assert stamp_on(sent).run == "r"


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
    bare, stamped = made(subject, UNCHANGED, "run-2", replace(ORDERS, max_bytes=0))
    assert not stamped
    assert size(bare) == count


@given(messages)
def test_the_deduplication_id_is_the_messages_own_whatever_it_came_with(subject):
    other = replace(subject, handle="newer", body="other", system=subject.system | {"MessageDeduplicationId": "x"})
    assert deduplication_id(subject) == deduplication_id(other)
    assert deduplication_id(subject) != subject.system.get("MessageDeduplicationId")
    assert deduplication_id(replace(subject, id="another")) != deduplication_id(subject)
    assert len(deduplication_id(subject)) <= 128
    assert deduplication_id(subject).isalnum()


# Batches and waves

parcels = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from([1, 10, 100, 300_000, 700_000, LARGEST]),
        st.sampled_from([ORDERS, a_queue("orders-2")]),
    ),
    max_size=40,
).map(
    lambda items: [
        Parcel(place, group, {"MessageBody": "x" * size}, to, False) for place, (group, size, to) in enumerate(items)
    ]
)


@settings(max_examples=60)
@given(parcels, st.booleans())
def test_waves_hold_every_parcel_once_within_the_limits_of_sqs(items, in_order):
    waves = into_waves(items, BUDGET, in_order=in_order)
    assert waves == into_waves(items, BUDGET, in_order=in_order)
    assert all(1 <= len(wave) <= BUDGET.wave for wave in waves)
    batches = [batch for wave in waves for batch in wave]
    assert sorted(place for wave in waves for place in places_in(wave)) == [parcel.place for parcel in items]
    assert sorted(parcel.place for batch in batches for parcel in batch) == [parcel.place for parcel in items]
    for batch in batches:
        assert 1 <= len(batch) <= 10
        assert sum(parcel.bytes for parcel in batch) <= LARGEST
        assert len({parcel.to.url for parcel in batch}) == 1


@settings(max_examples=60)
@given(parcels)
def test_fifo_no_batch_has_two_of_a_group_and_each_group_is_in_order(items):
    batches = [batch for wave in into_waves(items, BUDGET, in_order=True) for batch in wave]
    for batch in batches:
        assert len({parcel.group for parcel in batch}) == len(batch)
    flat = [parcel for batch in batches for parcel in batch]
    for group in {parcel.group for parcel in items}:
        places = [parcel.place for parcel in flat if parcel.group == group]
        assert places == sorted(places)


@given(st.integers(0, 45))
def test_small_messages_are_packed_as_full_as_sqs_takes_them(number):
    items = [Parcel(n, "g", {"MessageBody": "x"}, ORDERS, False) for n in range(number)]
    assert sum(len(wave) for wave in into_waves(items, BUDGET, in_order=False)) == -(-number // 10)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([1, 2000])), max_size=15))
def test_fifo_packing_leaves_no_gap_in_a_group(page):
    contents = [message(n, "x" * size, MessageGroupId=group) for n, (group, size) in enumerate(page)]
    verdicts = Judge(criteria(), "run-1").judge_all(contents, limit=None, in_order=True)
    to = a_queue(max_bytes=1024, fifo=True)
    ready, unsendable = pack(contents, verdicts, Destinations(to, to, []).of, "run-1", in_order=True)
    stopped = set()
    going = {parcel.place for parcel in ready}
    for place, (group, size) in enumerate(page):
        if size > 1024:
            stopped.add(group)
        assert (place in going) == (group not in stopped)
    assert len(ready) + len(unsendable) == len(page)


def test_a_new_body_goes_with_its_message_and_no_other():
    contents = [message(n) for n in range(3)]
    verdicts = [Verdict(None, outgoing=Outgoing(f"new {n}")) for n in range(3)]
    ready, _ = pack(contents, verdicts, lambda _: ORDERS, "run-1", in_order=False)
    assert [parcel.entry["MessageBody"] for parcel in ready] == ["new 0", "new 1", "new 2"]


# Somebody else's stamps

NINES = "9" * 4300
NOT_OURS = {
    "4,300 digits": f'{{"count":{NINES},"run":"a","id":"b"}}',
    "negative": '{"count":-5,"run":"a","id":"b"}',
    "zero": '{"count":0,"run":"a","id":"b"}',
    "a million and one": '{"count":1000001,"run":"a","id":"b"}',
    "true": '{"count":true,"run":"a","id":"b"}',
    "a fraction": '{"count":1.0,"run":"a","id":"b"}',
    "infinity": '{"count":Infinity,"run":"a","id":"b"}',
    "a text": '{"count":"1","run":"a","id":"b"}',
    "no run": '{"count":1,"id":"b"}',
    "a run that is no text": '{"count":1,"run":["a"],"id":"b"}',
    "a long run": f'{{"count":1,"run":"{"a" * 101}","id":"b"}}',
    "a long id": f'{{"count":1,"run":"a","id":"{"b" * 101}"}}',
    "an empty id": '{"count":1,"run":"a","id":""}',
    "long": '{"count":1,"run":"a","id":"b"}' + " " * 1024,
    "an array": "[1]",
    "deep": "[" * 1000,
}


@pytest.mark.parametrize("value", NOT_OURS.values(), ids=NOT_OURS)
def test_what_we_could_not_have_written_is_somebody_elses_attribute_and_kept(value):
    subject = message(attributes={STAMP: text(value)})
    assert subject.stamp == NO_STAMP
    assert not subject.is_stampable(LARGEST)
    sent, stamped = made(subject, UNCHANGED, "run-2", ORDERS)
    assert sent["MessageAttributes"] == {STAMP: text(value)}
    assert not stamped


@pytest.mark.parametrize("stamp_", [Stamp(1, "r", "i"), Stamp(1_000_000, "r" * 100, "i" * 100)], ids=["least", "most"])
def test_a_stamp_of_ours_is_read_as_it_was_written(stamp_):
    subject = message(attributes={STAMP: stamp_.attribute()})
    assert subject.stamp == stamp_
    assert subject.is_stampable(LARGEST)
    assert next_stamp(subject, stamp_, "run-2").count <= 1_000_000


@pytest.mark.parametrize(
    ("attributes", "room"),
    [({}, True), ({f"a{n}": text("x") for n in range(9)}, True), ({f"a{n}": text("x") for n in range(10)}, False)],
    ids=["none", "nine", "ten"],
)
def test_whether_a_message_can_carry_a_stamp_is_known_before_it_is_sent(attributes, room):
    subject = message(attributes=attributes)
    assert subject.is_stampable(LARGEST) is room
    assert made(subject, UNCHANGED, "run-2", ORDERS)[1] is room
    assert not subject.is_stampable(100)


def test_a_message_that_cannot_be_packed_fails_alone():
    def route(subject):
        if subject.id == "id-1":
            raise UnicodeError("s3cret")
        return ORDERS

    ready, unsendable = pack([message(n) for n in range(3)], [Verdict(None)] * 3, route, "run-1", in_order=False)
    assert [parcel.place for parcel in ready] == [0, 2]
    assert [(result.place, result.error) for result in unsendable] == [(1, "it could not be packed (UnicodeError)")]


@pytest.mark.parametrize("sent", [None, "", "-1", "1e3", "٣", "9" * 5000, "9" * 19], ids=lambda sent: repr(sent)[:9])
def test_a_message_whose_time_tells_nothing_has_none(sent):
    system = {} if sent is None else {"SentTimestamp": sent}
    assert Message("i", "h", "b", {}, system).sent_ms is None

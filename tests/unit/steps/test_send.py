"""Send: everything that was selected, once, in order where there is one, and with every refusal honoured."""

import json
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.sqs.batch import TRIES
from redrive.sqs.deliver import _why
from redrive.sqs.parcels import BEHIND, deduplication_id, into_waves, pack
from redrive.sqs.queues import describe
from redrive.steps import send
from redrive.stores import intents, pages
from redrive.values.errors import Failure, OutOfTime, PageLapsed, WaveInFlight
from redrive.values.lane import DESTINATION_LOST
from redrive.values.message import Stamp
from redrive.values.outcome import MAYBE_SENT
from redrive.values.timeline import MARGIN, VISIBILITY
from support import aws
from support.aws import count, dead_letter, drain, make_queues
from support.breaking import Killed, calls_of, die_at, lose_answers, of_kind, refuse_calls, refuse_entries
from support.context import Context
from support.library import BLOB, a_lane, a_queue, a_run, changed, text

HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
ORDERS = a_queue("orders")


def outcomes(run):
    return Counter((line.outcome, line.reason) for line in run.outcomes())


def body_of(entry):
    return entry["MessageBody"]


def arrived(run, url):
    return sorted(found["Body"] for found in drain(run.sqs, url))


# What goes where, complete


def test_a_page_is_sent_back_to_where_its_messages_came_from(run, queues):
    aws.send(run.sqs, queues.source, ["one", "two", "three"])
    dead_letter(queues)
    lane = run.send(run.judged())
    assert arrived(run, queues.source) == ["one", "three", "two"]
    assert (lane.tally.counts["received"], lane.tally.counts["sent"]) == (3, 3)
    for line in run.outcomes():
        assert (line.outcome, line.destination, line.stamped, line.reason) == ("sent", "orders", True, "")
        assert line.new_id not in {None, line.id}


def test_a_message_arrives_as_it_left(run, queues):
    attributes = {
        "text": text("日本 \u2028 \x85"),
        "custom": {"DataType": "String.json", "StringValue": "{}"},
        "number": {"DataType": "Number", "StringValue": "007.10"},
        "blob": {"DataType": "Binary.png", "BinaryValue": BLOB},
    }
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": HEADER}}
    entry = {
        "Id": "0",
        "MessageBody": "é\n\u2029<&>",
        "MessageAttributes": attributes,
        "MessageSystemAttributes": header,
    }
    run.sqs.send_message_batch(QueueUrl=queues.source, Entries=[entry | {"MessageGroupId": "tenant-1"}])
    dead_letter(queues)
    original = run.page((lane := run.judged()).page.name).messages[0].id
    run.send(lane)
    [found] = drain(run.sqs, queues.source)
    assert found["Body"] == entry["MessageBody"]
    stamp = found["MessageAttributes"].pop("redrive")
    assert json.loads(stamp["StringValue"]) == {"count": 1, "run": "2026-11-21/run-1", "id": original}
    assert found["MessageAttributes"] == attributes
    assert found["Attributes"]["MessageGroupId"] == "tenant-1"
    assert found["Attributes"]["AWSTraceHeader"] == HEADER


def test_a_transformed_message_arrives_transformed(run, queues):
    aws.send(run.sqs, queues.dlq, ['{"n":1}'])
    run.choosing(transform={"body": "$merge([body, {'fixed': true}])", "attributes": "{'by': 'us'}"})
    run.send(run.judged())
    [found] = drain(run.sqs, queues.source)
    assert found["Body"] == '{"n":1,"fixed":true}'
    assert found["MessageAttributes"]["by"] == text("us")


def test_a_named_destination_gets_everything(run, queues):
    aws.send(run.sqs, queues.source, ["one"])
    dead_letter(queues)
    aws.send(run.sqs, queues.dlq, ["two"])
    other = run.sqs.create_queue(QueueName="other")["QueueUrl"]
    run.named = describe(run.sqs, other)
    run.send(run.judged())
    assert arrived(run, other) == ["one", "two"]
    assert {line.destination for line in run.outcomes()} == {"other"}


def test_each_message_returns_to_its_own_source(sqs, dynamodb, ledger):
    queues = make_queues(sqs, name="orders", sources=3)
    for url in queues.sources:
        aws.send(sqs, url, [url])
    dead_letter(queues)
    run = a_run(sqs, dynamodb, ledger, queues.dlq, queues.sources)
    run.send(run.judged())
    for url in queues.sources:
        assert arrived(run, url) == [url]


def test_a_message_without_a_source_goes_to_the_only_one(run, queues):
    aws.send(run.sqs, queues.dlq, ["by hand"])
    run.send(run.judged())
    assert arrived(run, queues.source) == ["by hand"]


def test_a_message_without_a_source_stays_where_there_are_several(sqs, dynamodb, ledger):
    queues = make_queues(sqs, name="orders", sources=2)
    aws.send(sqs, queues.dlq, ["by hand"])
    run = a_run(sqs, dynamodb, ledger, queues.dlq, queues.sources)
    lane = run.send(run.judged())
    why = "SQS did not dead-letter it, and orders-dlq serves 2 queues: name a destination"
    assert outcomes(run) == {("failed", why): 1}
    assert lane.tally.reasons == {why: 1}
    assert count(sqs, queues.dlq) == (0, 1)


def test_a_message_returns_to_its_source_even_if_that_has_another_dead_letter_queue_now(run, queues):
    aws.send(run.sqs, queues.source, ["one"])
    dead_letter(queues)
    run.sources = []
    run.send(run.judged())
    assert arrived(run, queues.source) == ["one"]


def test_a_message_larger_than_its_destination_takes_is_not_tried(run, queues):
    other = run.sqs.create_queue(QueueName="small", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    run.named = describe(run.sqs, other)
    aws.send(run.sqs, queues.dlq, ["x" * 1025, "y" * 1024, "z"])
    run.send(run.judged())
    assert outcomes(run) == {("failed", "it is larger than small takes (1,024 bytes)"): 1, ("sent", ""): 2}
    assert arrived(run, other) == ["y" * 1024, "z"]
    assert Counter(line.stamped for line in run.outcomes() if line.outcome == "sent") == {True: 1, False: 1}


def test_a_message_without_a_free_slot_is_sent_unstamped_and_counted(run, queues):
    full = {f"a{n}": text("x") for n in range(10)}
    aws.send(run.sqs, queues.dlq, ["one"], MessageAttributes=full)
    lane = run.send(run.judged())
    [found] = drain(run.sqs, queues.source)
    assert found["MessageAttributes"] == full
    assert lane.tally.counts["unstamped"] == 1
    assert run.outcomes()[0].stamped is False


def test_what_was_not_selected_is_not_sent(run, queues):
    aws.send(run.sqs, queues.dlq, ['{"n":1}', '{"n":2}', "text"])
    run.choosing(where="body.n = 1")
    lane = run.send(run.judged())
    assert arrived(run, queues.source) == ['{"n":1}']
    assert (lane.tally.counts["received"], lane.tally.counts["sent"], lane.tally.counts["held"]) == (3, 1, 2)
    assert len(pages.read_held(run.ledger, lane.page.name)) == 2


# FIFO


def test_fifo_order_within_each_group_is_kept(fifo_run, fifo_queues):
    bodies = [f"{n % 3}-{n:02}" for n in range(24)]
    aws.send(fifo_run.sqs, fifo_queues.dlq, bodies, group=lambda n: f"g{n % 3}")
    lane = fifo_run.drain()
    assert lane.tally.counts["sent"] == lane.tally.counts["deleted"] == 24
    found = [each["Body"] for each in drain(fifo_run.sqs, fifo_queues.source)]
    assert sorted(found) == sorted(bodies)
    for group in "012":
        in_group = [body for body in found if body.startswith(group)]
        assert in_group == sorted(in_group)


def test_fifo_keeps_the_group_and_gives_a_fresh_deduplication_id(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["one"], group=lambda n: "g")
    lane = fifo_run.judged()
    fifo_run.send(lane)
    [kept] = fifo_run.page(lane.page.name).messages
    [found] = drain(fifo_run.sqs, fifo_queues.source)
    assert found["Attributes"]["MessageGroupId"] == "g"
    deduplication = found["Attributes"]["MessageDeduplicationId"]
    assert deduplication == deduplication_id(kept)
    assert deduplication != kept.system["MessageDeduplicationId"]


@pytest.mark.parametrize("code", ["InvalidMessageContents", "InternalError"])
def test_fifo_a_refused_message_stops_its_group_and_no_other(fifo_run, fifo_queues, code):
    bodies = [f"{group}{n}" for n in range(4) for group in "ab"]
    aws.send(fifo_run.sqs, fifo_queues.dlq, bodies, group=lambda n: "ab"[n % 2])
    refuse_entries(
        fifo_run.sqs,
        "SendMessageBatch",
        lambda entry: (code, code.startswith("Invalid")) if body_of(entry) == "a1" else None,
    )
    lane = fifo_run.send(fifo_run.judged())
    assert [each["Body"] for each in drain(fifo_run.sqs, fifo_queues.source)] == ["a0", "b0", "b1", "b2", "b3"]
    assert outcomes(fifo_run) == {
        ("sent", ""): 5,
        ("failed", f"SQS refused it: {code}: broken on purpose"): 1,
        ("held", BEHIND): 2,
    }
    assert (lane.tally.counts["failed"], lane.tally.counts["held"]) == (1, 2)
    assert lane.tally.groups == {"a": f"SQS refused it: {code}: broken on purpose"}


def test_fifo_a_group_stopped_in_one_wave_is_stopped_in_the_next_and_after_a_retry(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["a0", "a1", "a2", "b0"], group=lambda n: "aaab"[n])
    refuse_entries(
        fifo_run.sqs,
        "SendMessageBatch",
        lambda entry: ("InvalidMessageContents", True) if body_of(entry) == "a0" else None,
    )
    lane = fifo_run.judged(wave=1)
    die_at(fifo_run.ledger.s3, "PutObject", 1, error=RuntimeError, when=of_kind("outcomes"))
    with pytest.raises(RuntimeError):
        fifo_run.send(lane)
    lane = fifo_run.send(lane)
    assert [each["Body"] for each in drain(fifo_run.sqs, fifo_queues.source)] == ["b0"]
    assert (lane.tally.counts["sent"], lane.tally.counts["failed"], lane.tally.counts["held"]) == (1, 1, 2)
    assert (list(lane.tally.groups), lane.tally.more_groups) == (["a"], 0)


def test_fifo_a_message_that_fits_nowhere_holds_its_group_back(fifo_run, fifo_queues):
    fifo_run.sources = [replace(fifo_run.sources[0], max_bytes=1024)]
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["a0", "x" * 1025, "a2", "b0"], group=lambda n: "aaab"[n])
    fifo_run.send(fifo_run.judged())
    assert [each["Body"] for each in drain(fifo_run.sqs, fifo_queues.source)] == ["a0", "b0"]
    too_large = "it is larger than orders.fifo takes (1,024 bytes)"
    assert outcomes(fifo_run) == {("sent", ""): 2, ("failed", too_large): 1, ("held", BEHIND): 1}


def test_fifo_the_lane_tells_which_groups_stopped_and_why_whoever_stopped_them(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["a0", "b0", "c0", "a1", "b1", "c1"], group=lambda n: "abc"[n % 3])
    fifo_run.choosing(where="text != 'b1'")
    refuse_entries(
        fifo_run.sqs, "SendMessageBatch", lambda entry: ("Invalid", True) if body_of(entry) == "a0" else None
    )
    lane = fifo_run.send(fifo_run.judged())
    assert lane.tally.groups == {"a": "SQS refused it: Invalid: broken on purpose", "b": "filter.where does not match"}
    assert [each["Body"] for each in drain(fifo_run.sqs, fifo_queues.source)] == ["b0", "c0", "c1"]


def test_fifo_a_page_of_which_nothing_is_sent_tells_its_groups_too(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["a0", "a1"], group=lambda _: "a")
    fifo_run.choosing(where="false")
    assert fifo_run.judged().tally.groups == {"a": "filter.where does not match"}


def test_fifo_a_preview_that_would_send_everything_stops_no_group(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["a0", "a1"], group=lambda _: "a")
    fifo_run.choosing(preview=True)
    lane = fifo_run.judged()
    assert (lane.tally.counts["previewed"], lane.tally.groups) == (2, {})


def test_the_groups_of_a_standard_queue_do_not_stop(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"], MessageGroupId="tenant-1")
    run.choosing(where="false")
    lane = run.judged()
    assert (lane.tally.counts["held"], lane.tally.groups) == (1, {})


# SQS refuses


@pytest.mark.parametrize(
    ("refused", "tries"), [(("InvalidMessageContents", True), 1), (("InternalError", False), TRIES)], ids=str
)
def test_a_refused_entry_has_failed_and_the_others_were_sent(run, queues, refused, tries):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(10)])
    asked = calls_of(run.sqs, "SendMessageBatch")
    refuse_entries(run.sqs, "SendMessageBatch", lambda entry: refused if int(body_of(entry)) % 2 else None)
    lane = run.send(run.judged())
    assert arrived(run, queues.source) == ["0", "2", "4", "6", "8"]
    assert outcomes(run) == {("sent", ""): 5, ("failed", f"SQS refused it: {refused[0]}: broken on purpose"): 5}
    assert lane.tally.reasons == {f"SQS refused it: {refused[0]}: broken on purpose": 5}
    assert [len(call["Entries"]) for call in asked] == [10, *[5] * (tries - 1)]
    assert len(pages.read_held(run.ledger, lane.page.name)) == 5
    assert (lane.next.another_turn, lane.next.why) == (False, "drained")


def test_an_entry_that_sqs_itself_failed_at_is_tried_again(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    refusals = [("InternalError", False), ("InternalError", False)]
    refuse_entries(
        run.sqs, "SendMessageBatch", lambda entry: refusals.pop() if body_of(entry) == "one" and refusals else None
    )
    lane = run.send(run.judged())
    assert arrived(run, queues.source) == ["one", "two"]
    assert lane.tally.counts["sent"] == 2


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("QueueDoesNotExist", 400, "orders does not exist any more"),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, "orders does not exist any more"),
        ("AccessDenied", 403, "this stack may not send to orders"),
        ("AccessDeniedException", 400, "this stack may not send to orders"),
    ],
)
def test_a_lost_destination_ends_the_lane_with_nothing_sent(run, queues, code, status, reason):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(12)])
    asked = calls_of(run.sqs, "SendMessageBatch")
    refuse_calls(run.sqs, "SendMessageBatch", code, status=status)
    lane = run.send(changed(run.judged(page_size=12), another_turn=True))
    assert outcomes(run) == {("failed", reason): 12}
    assert (lane.next.another_turn, lane.more, lane.next.why) == (False, False, DESTINATION_LOST)
    assert len(asked) == 2
    assert arrived(run, queues.source) == []
    assert count(run.sqs, queues.dlq) == (0, 12)


def test_one_lost_destination_of_several_does_not_end_the_lane(sqs, dynamodb, ledger):
    queues = make_queues(sqs, name="orders", sources=2)
    for url in queues.sources:
        aws.send(sqs, url, [url])
    dead_letter(queues)
    run = a_run(sqs, dynamodb, ledger, queues.dlq, queues.sources)
    lane = run.judged()
    sqs.delete_queue(QueueUrl=queues.sources[1])
    lane = run.send(changed(lane, another_turn=True))
    assert outcomes(run) == {("sent", ""): 1, ("failed", "orders-2 does not exist any more"): 1}
    assert lane.next.another_turn


@pytest.mark.parametrize("code", ["BatchRequestTooLong", "InvalidParameterValue", "KMS.InvalidStateException"])
def test_a_call_refused_for_one_message_in_it_is_sent_message_by_message(run, queues, code):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(5)])

    def has_three(params):
        return any(body_of(entry) == "3" for entry in params["Entries"])

    refuse_calls(run.sqs, "SendMessageBatch", code, when=has_three)
    run.send(run.judged())
    assert arrived(run, queues.source) == ["0", "1", "2", "4"]
    assert outcomes(run) == {("sent", ""): 4, ("failed", f"SQS refused it: {code}: broken on purpose"): 1}


@pytest.mark.parametrize(
    ("code", "status"),
    [("RequestThrottled", 400), ("ThrottlingException", 400), ("OverLimit", 403), ("ServiceUnavailable", 503)],
)
def test_a_throttled_call_is_not_made_ten_times_as_many(run, queues, code, status):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(5)])
    asked = calls_of(run.sqs, "SendMessageBatch")
    refuse_calls(run.sqs, "SendMessageBatch", code, status=status)
    lane = run.send(run.judged())
    assert len(asked) == 1
    assert outcomes(run) == {("failed", f"SQS refused it: {code}: broken on purpose"): 5}
    assert lane.tally.counts["sent"] == 0


def test_a_call_that_took_effect_without_an_answer_has_failed_and_stays_in_the_queue(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lose_answers(run.sqs, "SendMessageBatch")
    lane = run.send(run.judged())
    assert outcomes(run) == {("failed", "no answer from SQS (ReadTimeoutError)"): 2}
    assert run.delete(lane).tally.counts["deleted"] == 0
    assert sum(count(run.sqs, queues.dlq)) == 2


def test_a_reason_is_short_however_much_sqs_says():
    assert len(_why({"Code": "Code", "Message": "x" * 5000})) < 250


# Waves, and what the journal remembers


@pytest.fixture
def three_waves(run, queues):
    """A page of three waves of one batch each, one after the other."""
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(25)])
    return run.judged(wave=1, waves_at_once=1)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_waves_that_were_recorded_are_not_sent_again(run, queues, three_waves, call):
    die_at(run.sqs, "SendMessageBatch", call, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.send(three_waves)
    assert list(run.ledger.names("outcomes")) == []
    lane = run.send(three_waves)
    assert arrived(run, queues.source) == [f"{n:02}" for n in range(25)]
    assert lane.tally.counts["sent"] == 25
    assert Counter(line.outcome for line in run.outcomes()) == {"sent": 25}


def test_a_step_that_died_before_it_closed_its_page_sends_nothing_again(run, queues, three_waves):
    die_at(run.ledger.s3, "PutObject", 1, when=of_kind("outcomes"))
    with pytest.raises(Killed):
        run.send(three_waves)
    asked = calls_of(run.sqs, "SendMessageBatch")
    lane = run.send(three_waves)
    assert asked == []
    assert lane.tally.counts["sent"] == 25
    assert len(arrived(run, queues.source)) == 25


def test_a_wave_that_may_still_be_on_its_way_is_waited_for(run, queues, three_waves):
    die_at(run.sqs, "SendMessageBatch", 2)
    with pytest.raises(Killed):
        run.send(three_waves)
    with pytest.raises(
        WaveInFlight, match="an earlier attempt may still be sending wave 2026-11-21/run-1/0/001-0001/1"
    ):
        run.send(three_waves)
    assert list(run.ledger.names("outcomes")) == []


def test_what_can_arrive_twice_is_the_wave_that_was_in_flight_and_no_other(run, queues, three_waves):
    run.context = Context(seconds=send.RESERVE_MS / 1000)
    die_at(run.sqs, "SendMessageBatch", 2, after=True)
    with pytest.raises(Killed):
        run.send(three_waves)
    [begun] = [
        record
        for record in run.dynamodb.scan(TableName="redrive-journal")["Items"]
        if record.get("status") == {"S": "INPROGRESS"}
    ]
    # The attempt that died is over once its time is: let it be.
    run.dynamodb.update_item(
        TableName="redrive-journal",
        Key={"id": begun["id"]},
        UpdateExpression="SET in_progress_expiration = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )
    lane = run.send(three_waves)
    assert lane.tally.counts["sent"] == 25
    times = Counter(Counter(arrived(run, queues.source)).values())
    assert times == {1: 15, 2: 10}


def test_with_its_time_nearly_over_a_step_begins_no_more_waves(run, queues, three_waves):
    run.context = Context(seconds=send.RESERVE_MS / 1000 - 1)
    with pytest.raises(OutOfTime):
        run.send(three_waves)
    assert arrived(run, queues.source) == []
    run.context = Context()
    assert run.send(three_waves).tally.counts["sent"] == 25


def test_a_page_about_to_become_visible_is_not_touched(run, queues, clock, three_waves):
    clock.ahead += VISIBILITY - MARGIN + 1
    with pytest.raises(PageLapsed):
        run.send(three_waves)
    assert arrived(run, queues.source) == []


def test_a_page_that_the_run_has_closed_is_not_touched(run, queues, three_waves):
    run.release(replace(three_waves, error=Failure("X", "why")))
    with pytest.raises(PageLapsed, match="the run has closed the page"):
        run.send(three_waves)
    assert arrived(run, queues.source) == []


def test_a_page_is_closed_once_and_counted_once_however_often_it_is_tried(run, three_waves):
    first = run.send(three_waves)
    again = run.send(three_waves)
    assert (again.tally.counts, again.page) == (first.tally.counts, first.page)


# Pace


def test_without_a_rate_a_lane_does_not_wait(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    assert run.send(run.judged()).next.pause is False


def test_with_a_rate_a_lane_waits_as_long_as_its_messages_take(run, queues):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(10)])
    began = time.time()
    lane = run.send(run.judged(pace=1))
    until = datetime.fromisoformat(lane.next.pause_until).timestamp()
    due = 10 / send.PACED - send.CATCH_UP
    assert lane.next.pause
    assert began + due - 1 <= until <= time.time() + due
    assert lane.next.pause_until.endswith("Z")


def test_a_lane_that_is_behind_its_pace_does_not_wait(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    assert run.send(run.judged(pace=10**9)).next.pause is False


def test_a_pace_is_kept_across_pages():
    lane = a_lane(pace=20, pause_until="2100-01-01T00:00:00Z")
    assert send._keep_pace(lane, time.time(), 38).next.pause_until == "2100-01-01T00:00:02.000Z"


turns = st.lists(
    # seconds from waking to the first batch, until the last batch, and until the turn ends
    st.tuples(st.floats(0.05, 0.4), st.floats(0, 0.1), st.floats(0.01, 0.4)),
    min_size=25,
    max_size=25,
)


@pytest.mark.parametrize("rate", [1, 100, 500])
@given(turns=turns, cold=st.floats(0, 1.5))
def test_any_ten_seconds_see_nine_tenths_of_the_rate_or_more_and_never_more_than_the_rate(rate, turns, cold):
    """On a clock of its own; `cold` is what the first turn takes longer. The burst of a page is a straight line."""
    lane = a_lane(page_size=rate, pace=rate)
    now = 1_795_186_800.0
    bursts = []
    for number, (lead, length, after) in enumerate(turns):
        began = now + lead + (0 if number else cold)
        rest = datetime.fromisoformat(lane.next.pause_until).timestamp() - began
        begins = began + max(0.0, min(rest, send.TRUNCATED))
        bursts.append((begins, begins + length))
        lane = send._keep_pace(lane, began, rate)
        # The Wait is over at the whole second before the moment that it was told (docs/facts.md B5).
        now = max(begins + length + after, floor(datetime.fromisoformat(lane.next.pause_until).timestamp()))

    def sent_until(moment):
        return rate * sum(
            1.0 if moment >= end else max(0.0, (moment - begin) / (end - begin)) if moment > begin else 0.0
            for begin, end in bursts
        )

    edges = [moment for burst in bursts for moment in burst]
    last = bursts[-1][0]
    for start in [*edges, *(edge - 10 for edge in edges)]:
        if bursts[0][0] <= start and start + 10 <= last:
            sent = sent_until(start + 10) - sent_until(start)
            assert 9 * rate - 1e-6 * rate <= sent <= 10 * rate + 1e-6 * rate


def test_the_same_page_always_makes_the_same_waves(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(25)])
    lane = run.judged()
    page = run.page(lane.page.name)
    verdicts = pages.read_verdicts(run.ledger, lane.page.name, page)
    packs = [pack(page.messages, verdicts, run.destinations.of, "run-1", in_order=False)[0] for _ in range(2)]
    first, second = (into_waves(parcels, lane.budget, in_order=False) for parcels in packs)
    assert first == second


# What cannot carry a stamp is counted beside it

FULL = {f"a{n}": text("x") for n in range(10)}
FOREIGN = {"redrive": text("their own")}


@pytest.mark.parametrize("attributes", [FULL, FOREIGN], ids=["ten slots taken", "somebody else's attribute"])
def test_max_redrives_holds_for_what_cannot_be_stamped(run, queues, attributes):
    aws.send(run.sqs, queues.source, ["one"], MessageAttributes=attributes)
    for number in range(1, 5):
        dead_letter(queues)
        run = run.another(f"run-{number}")
        run.choosing(max_redrives=3)
        lane = run.drain()
        run.release(lane)
        assert lane.tally.counts["sent"] == (1 if number <= 3 else 0)
    assert outcomes(run) == {("held", "it has been redriven 3 times already"): 1}


def test_a_retried_send_counts_a_redrive_once(run, queues):
    aws.send(run.sqs, queues.source, ["one"], MessageAttributes=FULL)
    dead_letter(queues)
    lane = run.judged()
    for _ in range(3):
        run.send(lane)
    [outcome] = run.outcomes()
    stamps = run.journal.redrives.recall([outcome.new_id])
    assert stamps == {outcome.new_id: Stamp(1, run.ledger.run, outcome.id)}


def test_what_the_release_closes_is_counted_as_well(run, queues):
    aws.send(run.sqs, queues.source, ["one"], MessageAttributes=FULL)
    dead_letter(queues)
    lane = run.judged()
    die_at(run.dynamodb, "BatchWriteItem", 1)
    with pytest.raises(Killed):
        run.send(lane)
    run.release(replace(lane, error=Failure("X", "why")))
    [outcome] = run.outcomes()
    assert run.journal.redrives.recall([outcome.new_id])[outcome.new_id].count == 1


def test_the_count_goes_on_in_the_stamp_when_there_is_room_again(run, queues):
    aws.send(run.sqs, queues.source, ["one"], MessageAttributes=FULL)
    dead_letter(queues)
    run.drain()
    first = run.outcomes()[0].id
    dead_letter(queues)
    run = run.another("run-2")
    run.choosing(transform={"attributes": "{}"})
    run.drain()
    [found] = drain(run.sqs, queues.source)
    stamp = json.loads(found["MessageAttributes"]["redrive"]["StringValue"])
    assert stamp == {"count": 2, "run": "2026-11-21/run-2", "id": first}


def test_what_can_be_stamped_costs_no_request_more(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    asked = [calls_of(run.dynamodb, name) for name in ("BatchGetItem", "BatchWriteItem")]
    run.drain()
    assert asked == [[], []]


# The journal is gone


def lose_the_journal(run):
    for record in run.dynamodb.scan(TableName="redrive-journal")["Items"]:
        run.dynamodb.delete_item(TableName="redrive-journal", Key={"id": record["id"]})


def test_a_retry_that_finds_another_journal_sends_nothing_of_what_may_have_been_sent(run, queues, three_waves):
    die_at(run.sqs, "SendMessageBatch", 3, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.send(three_waves)
    lose_the_journal(run)
    asked = calls_of(run.sqs, "SendMessageBatch")
    lane = run.delete(run.send(three_waves))
    assert asked == []
    assert outcomes(run) == {("failed", MAYBE_SENT): 25}
    assert lane.tally.counts["deleted"] == 0
    assert len(intents.keys(run.ledger, "orders-dlq")) == 1


def test_a_page_that_is_sent_for_the_first_time_needs_no_journal_of_before(run, queues, three_waves):
    lose_the_journal(run)
    assert run.send(three_waves).tally.counts["sent"] == 25


# The Wait before a turn drops the milliseconds


@pytest.mark.parametrize(
    ("early", "waited"), [(-0.5, []), (0.3, [0.3]), (0.999, [0.999]), (30, [send.TRUNCATED])], ids=str
)
def test_what_a_wait_is_short_of_is_waited_before_anything_is_sent(run, queues, monkeypatch, early, waited):
    aws.send(run.sqs, queues.dlq, ["one"])
    lane = run.judged(pace=1)
    asked, pauses = calls_of(run.sqs, "SendMessageBatch"), []
    now = time.time()
    monkeypatch.setattr(send.clock, "now", lambda: now)
    monkeypatch.setattr(send.clock, "pause", lambda seconds: pauses.append((round(seconds, 3), len(asked))))
    until = datetime.fromtimestamp(now + early, UTC).isoformat()
    run.send(changed(lane, pause_until=until))
    assert pauses == [(seconds, 0) for seconds in waited]
    assert len(asked) == 1


def test_no_more_than_two_waves_are_on_their_way_at_once(run, queues):
    """What can arrive twice when Send dies is what is in them: 200 messages."""
    assert (a_lane().budget.waves_at_once, a_lane().budget.wave, a_lane().budget.batch) == (2, 10, 10)
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(60)])
    open_, most = set(), []
    lock = threading.Lock()

    def follow(operation, change):
        def note(params, **_):
            with lock:
                change(params)
                most.append(len(open_))

        run.dynamodb.meta.events.register(f"before-parameter-build.dynamodb.{operation}", note)

    follow("PutItem", lambda params: open_.add(params["Item"]["id"]["S"]))
    follow("UpdateItem", lambda params: open_.discard(params["Key"]["id"]["S"]))
    run.send(run.judged(wave=1))
    assert max(most) == 2
    assert not open_


def test_of_a_wave_in_which_a_batch_dies_nothing_is_on_its_way_any_more(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(30)])
    ended = []

    def slowly(params, **_):
        if any(body_of(entry) == "00" for entry in params["Entries"]):
            raise RuntimeError("broken on purpose")
        time.sleep(0.2)

    run.sqs.meta.events.register("before-parameter-build.sqs.SendMessageBatch", slowly)
    run.sqs.meta.events.register("after-call.sqs.SendMessageBatch", lambda **_: ended.append(1))
    lane = run.judged()
    with pytest.raises(RuntimeError):
        run.send(lane)
    assert len(ended) == 2


# A dead source


def test_a_dead_source_in_front_ends_no_lane(sqs, dynamodb, ledger):
    queues = make_queues(sqs, name="orders", sources=2)
    aws.send(sqs, queues.sources[1], [f"dead {n}" for n in range(10)])
    dead_letter(queues)
    aws.send(sqs, queues.sources[0], [f"well {n}" for n in range(10)])
    dead_letter(queues)
    sqs.delete_queue(QueueUrl=queues.sources[1])
    run = a_run(sqs, dynamodb, ledger, queues.dlq, queues.sources[:1])
    lane = run.drain(run.lane(page_size=10))
    assert (lane.tally.counts["failed"], lane.tally.counts["sent"]) == (10, 10)
    assert lane.tally.reasons == {"orders-2 does not exist any more": 10}
    assert lane.next.why == "drained"


def test_fifo_a_lost_destination_ends_the_lane_though_some_are_only_behind(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["a0", "a1", "b0"], group=lambda n: "aab"[n])
    refuse_calls(fifo_run.sqs, "SendMessageBatch", "QueueDoesNotExist")
    lane = fifo_run.send(fifo_run.judged())
    assert (lane.tally.counts["failed"], lane.tally.counts["held"]) == (2, 1)
    assert lane.next.why == DESTINATION_LOST

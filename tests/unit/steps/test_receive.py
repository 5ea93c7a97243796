"""Receive: a page is stored before anything else, and a lane ends only when long polls came back empty."""

import time

import pytest
from botocore.exceptions import ClientError

from redrive.sqs import fill
from redrive.stores import pages
from redrive.values.errors import Failure, PageGone
from redrive.values.lane import HOLD_ENDS, NEAR_LIMIT, Page
from redrive.values.message import HeldMessage
from redrive.values.timeline import FILL_TIME, HOLD, MARGIN, RENEW, VISIBILITY
from support.aws import count, drain, send
from support.breaking import Killed, answer_with, calls_of, die_at, refuse_calls, refuse_entries
from support.library import changed

HELD = [HeldMessage("x", "stale", 4_000_000_000)]
HOURS = 3_600


def bodies(run, page="0/001-0001"):
    return sorted(message.body for message in run.page(page).messages)


def test_a_page_holds_every_message_that_was_received(run, queues):
    send(run.sqs, queues.dlq, [f"{n:02}" for n in range(25)])
    before = time.time()
    lane = run.receive(run.lane())
    assert bodies(run) == [f"{n:02}" for n in range(25)]
    assert lane.arrived
    assert lane.page == Page("0/001-0001", 25, 0, lane.page.visible_at)
    assert before <= lane.page.visible_at - VISIBILITY <= time.time()
    assert count(run.sqs, queues.dlq) == (0, 25)
    assert (lane.round, lane.turn, lane.next.another_turn, lane.more, lane.next.why) == (
        1,
        1,
        False,
        False,
        "drained",
    )


def test_pollers_side_by_side_lose_and_repeat_nothing(run, queues):
    send(run.sqs, queues.dlq, [f"{n:02}" for n in range(60)])
    lane = run.receive(run.lane(pollers=4))
    assert bodies(run) == [f"{n:02}" for n in range(60)]
    assert lane.next.why == "drained"


@pytest.mark.parametrize("pollers", [1, 4])
@pytest.mark.parametrize("size", [1, 3, 10, 17])
def test_a_page_is_never_larger_than_its_size(run, queues, size, pollers):
    send(run.sqs, queues.dlq, [f"{n:02}" for n in range(20)])
    asked = calls_of(run.sqs, "ReceiveMessage")
    lane = run.receive(run.lane(page_size=size, pollers=pollers))
    assert lane.page.received == size
    assert count(run.sqs, queues.dlq) == (20 - size, size)
    assert all(1 <= call["MaxNumberOfMessages"] <= 10 for call in asked)
    assert lane.next.another_turn


def test_the_calls_ask_for_everything_of_a_message_by_long_poll(run, queues):
    answer_with(run.sqs, "ReceiveMessage", dict)
    asked = calls_of(run.sqs, "ReceiveMessage")
    run.receive(run.lane(pollers=3, poll_seconds=1))
    assert len(asked) == 3
    for call in asked:
        assert call["MessageAttributeNames"] == call["MessageSystemAttributeNames"] == ["All"]
        assert call["VisibilityTimeout"] == VISIBILITY
        assert call["WaitTimeSeconds"] >= 1


def test_an_empty_queue_ends_the_lane_without_a_page(run):
    lane = run.receive(run.lane())
    assert (lane.arrived, lane.next.another_turn, lane.more, lane.next.why) == (False, False, False, "drained")
    assert lane.page == Page()
    assert list(run.ledger.names("pages")) == []


def test_one_empty_poll_of_several_does_not_end_the_lane(run):
    answers = [
        [],
        *([{"MessageId": f"{n}-{m}", "ReceiptHandle": "h", "Body": "b"} for m in range(10)] for n in range(2)),
    ]
    answer_with(run.sqs, "ReceiveMessage", lambda: {"Messages": answers.pop(0)})
    lane = run.receive(run.lane(page_size=20, pollers=2))
    assert (lane.page.received, lane.next.another_turn, lane.next.why) == (20, True, "")


def test_a_fifo_queue_is_dry_only_when_nothing_arrives(fifo_run, fifo_queues):
    send(fifo_run.sqs, fifo_queues.dlq, ["one", "two"], group=lambda n: "a")
    lane = fifo_run.receive(fifo_run.lane())
    assert (lane.page.received, lane.next.another_turn) == (2, True)
    assert [message.body for message in fifo_run.page(lane.page.name).messages] == ["one", "two"]


@pytest.mark.parametrize(("has_filter", "received"), [(False, 2), (True, 5)], ids=["no filter", "a filter"])
def test_without_a_filter_no_more_is_received_than_the_limit(run, queues, has_filter, received):
    send(run.sqs, queues.dlq, [str(n) for n in range(5)])
    assert run.receive(run.lane(limit_left=2, has_filter=has_filter)).page.received == received


def test_a_lane_whose_limit_is_used_up_receives_nothing(run, queues):
    send(run.sqs, queues.dlq, ["one"])
    asked = calls_of(run.sqs, "ReceiveMessage")
    lane = run.receive(run.lane(limit_left=0))
    assert (lane.arrived, lane.next.another_turn, lane.next.why) == (False, False, "the limit is reached")
    assert asked == []


@pytest.mark.parametrize(("received", "deleted", "ends"), [(900, 0, False), (901, 0, True), (5000, 4100, False)])
def test_a_lane_stops_cleanly_before_the_queues_in_flight_limit(run, queues, received, deleted, ends):
    send(run.sqs, queues.dlq, ["one"])
    lane = run.lane(hold_capacity=1000).counting({"received": received, "deleted": deleted})
    lane = run.receive(lane)
    assert lane.arrived is not ends
    assert lane.next.why == (NEAR_LIMIT if ends else "drained")


def test_a_turn_follows_a_turn_and_a_round_a_round(run, queues):
    send(run.sqs, queues.dlq, [str(n) for n in range(3)])
    lane = run.receive(run.lane(page_size=1))
    assert (lane.round, lane.turn, lane.page.name) == (1, 1, "0/001-0001")
    lane = run.receive(lane)
    assert (lane.round, lane.turn, lane.page.name) == (1, 2, "0/001-0002")
    lane = run.receive(changed(lane, another_turn=False, more=True))
    assert (lane.round, lane.turn, lane.page.name) == (2, 1, "0/002-0001")


def test_a_lane_with_a_long_history_asks_for_another_round(run, queues):
    send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.lane(page_size=1, turns=7, round=1, turn=6, another_turn=True)
    lane = run.receive(lane)
    assert (lane.turn, lane.arrived, lane.next.another_turn, lane.more) == (7, True, False, True)


def test_a_dry_queue_needs_no_other_round_however_long_the_history(run, queues):
    send(run.sqs, queues.dlq, ["one"])
    lane = run.receive(run.lane(turns=7, round=1, turn=6, another_turn=True))
    assert (lane.next.another_turn, lane.more, lane.next.why) == (False, False, "drained")


def test_a_page_is_closed_when_its_time_is_up(run, queues, clock):
    send(run.sqs, queues.dlq, [str(n) for n in range(30)])
    asked = calls_of(run.sqs, "ReceiveMessage")

    def slow(**_):
        clock.ahead += FILL_TIME + 1

    run.sqs.meta.events.register("after-call.sqs.ReceiveMessage", slow)
    lane = run.receive(run.lane())
    assert len(asked) == 1
    assert (lane.page.received, lane.next.another_turn) == (10, True)


def test_a_page_is_closed_when_it_is_heavy(run, queues):
    send(run.sqs, queues.dlq, ["x" * 100 for _ in range(30)])
    lane = run.receive(run.lane(page_bytes=1000))
    assert lane.page.received == 10
    assert lane.next.another_turn


def test_a_pages_weight_is_in_bytes_and_counts_attributes(run, queues):
    blob = {"blob": {"DataType": "Binary", "BinaryValue": b"x" * 200}}
    send(run.sqs, queues.dlq, ["日" for _ in range(30)], MessageAttributes=blob)
    assert run.receive(run.lane(page_bytes=1000)).page.received == 10


@pytest.fixture
def small_sqs(monkeypatch):
    """An SQS whose largest message has 1,000 bytes."""
    monkeypatch.setattr(fill, "LARGEST", 1000)


@pytest.mark.parametrize("pollers", [1, 2, 4])
def test_a_page_is_never_heavier_than_its_bytes_whatever_is_on_its_way(run, queues, small_sqs, pollers):
    send(run.sqs, queues.dlq, ["x" * 1000 for _ in range(60)])
    asked = calls_of(run.sqs, "ReceiveMessage")
    lane = run.receive(run.lane(page_bytes=35_000, pollers=pollers))
    assert (lane.page.received, lane.next.another_turn) == (30, True)
    assert [call["MaxNumberOfMessages"] for call in asked] == [10, 10, 10]
    assert count(run.sqs, queues.dlq) == (30, 30)


@pytest.mark.parametrize("page_bytes", [10_000, 40_000])
def test_small_messages_take_no_more_requests_for_the_room_that_large_ones_would_need(
    run, queues, small_sqs, page_bytes
):
    send(run.sqs, queues.dlq, ["x" * 50 for _ in range(100)])
    asked = calls_of(run.sqs, "ReceiveMessage")
    assert run.receive(run.lane(page_bytes=page_bytes, pollers=4)).page.received == 100
    assert [call["MaxNumberOfMessages"] for call in asked] == [10] * 10


def test_what_is_suddenly_too_large_for_the_page_becomes_visible_again(run, queues, small_sqs):
    send(run.sqs, queues.dlq, ["x" * 10] * 10 + ["x" * 1000] * 15)
    lane = run.receive(run.lane(page_bytes=10_000))
    assert (lane.page.received, lane.next.another_turn) == (19, True)
    assert count(run.sqs, queues.dlq) == (6, 19)
    assert run.receive(lane).page.received == 6


def test_a_group_is_not_taken_past_a_message_that_was_too_large(fifo_run, fifo_queues, small_sqs):
    """The last would fit: but of a group, what follows a message that stays behind stays behind with it."""
    bodies = ["x" * 150] * 10 + ["y" * 1000] * 9 + ["last"]
    send(fifo_run.sqs, fifo_queues.dlq, bodies, group=lambda n: "ab"[n // 10])
    lane = fifo_run.receive(fifo_run.lane(page_bytes=10_000))
    assert lane.page.received == 18
    assert count(fifo_run.sqs, fifo_queues.dlq) == (2, 18)


def test_a_message_of_the_page_that_comes_again_when_it_is_full_is_not_let_go(run, queues, small_sqs):
    send(run.sqs, queues.dlq, ["x" * 10])
    [first] = run.sqs.receive_message(QueueUrl=queues.dlq, MessageSystemAttributeNames=["All"], VisibilityTimeout=60)[
        "Messages"
    ]
    large = [first | {"MessageId": f"{n}", "Body": "x" * 1000, "ReceiptHandle": f"h-{n}"} for n in range(11)]
    answers = [[first], [*large, first | {"ReceiptHandle": "newer"}]]
    answer_with(run.sqs, "ReceiveMessage", lambda: {"Messages": answers.pop(0)})
    let_go = []
    answer_with(run.sqs, "ChangeMessageVisibilityBatch", lambda: let_go.append(1) or {"Successful": [], "Failed": []})
    lane = run.receive(run.lane(page_bytes=10_000))
    kept = {message.id: message.handle for message in run.page(lane.page.name).messages}
    assert (len(kept), kept[first["MessageId"]]) == (10, "newer")


def test_a_poll_that_fails_keeps_none_waiting(run):
    refuse_calls(run.sqs, "ReceiveMessage", "AWS.SimpleQueueService.NonExistentQueue")
    with pytest.raises(ClientError):
        run.receive(run.lane(pollers=4, page_bytes=1000))


def test_a_message_that_comes_twice_is_once_in_the_page_with_its_newer_handle(run, queues):
    send(run.sqs, queues.dlq, ["one"])
    [first] = run.sqs.receive_message(QueueUrl=queues.dlq, MessageSystemAttributeNames=["All"], VisibilityTimeout=60)[
        "Messages"
    ]
    answers = [[first], [first | {"ReceiptHandle": "newer"}], []]
    answer_with(run.sqs, "ReceiveMessage", lambda: {"Messages": answers.pop(0)})
    lane = run.receive(run.lane())
    [kept] = run.page(lane.page.name).messages
    assert (lane.page.received, kept.handle) == (1, "newer")


def test_a_retried_receive_takes_the_page_that_was_stored_and_no_other(run, queues):
    send(run.sqs, queues.dlq, [str(n) for n in range(4)])
    first = run.receive(run.lane(page_size=3))
    stored = calls_of(run.ledger.s3, "PutObject")
    again = run.receive(run.lane(page_size=3), retried=True)
    assert again == first
    assert stored == []
    assert count(run.sqs, queues.dlq) == (1, 3)


def test_a_retried_receive_without_a_stored_page_receives(run, queues):
    send(run.sqs, queues.dlq, ["one"])
    assert run.receive(run.lane(), retried=True).page.received == 1


def test_a_receive_that_dies_before_its_page_is_stored_leaves_no_page_and_loses_no_message(run, queues):
    send(run.sqs, queues.dlq, ["one", "two"])
    die_at(run.ledger.s3, "PutObject", 1)
    with pytest.raises(Killed):
        run.receive(run.lane())
    assert list(run.ledger.names("pages")) == []
    assert sum(count(run.sqs, queues.dlq)) == 2


def test_an_attempt_that_outlives_its_retry_stores_nothing_and_gives_back_what_it_took(run, queues):
    """Lambda may finish a step whose answer was lost, after its retry (AWS SDK error; docs/facts.md B5)."""
    send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(4)])
    run.choosing(transform='$merge([body, {"mended": true}])')
    retry = run.filter(run.receive(run.lane(page_size=2), retried=True))
    late = run.receive(run.lane(page_size=2))  # the first attempt, which received as well, and stores its page late
    assert (late.page.received, late.page.visible_at) == (2, retry.page.visible_at)
    assert count(run.sqs, queues.dlq) == (2, 2)
    lane = run.delete(run.send(retry))
    assert (lane.tally.counts["sent"], lane.tally.counts["deleted"]) == (2, 2)
    left = [int(body[5]) for body in (message["Body"] for message in drain(run.sqs, queues.dlq))]
    arrived = [message["Body"] for message in drain(run.sqs, queues.source)]
    assert sorted(arrived) == [f'{{"n":{n},"mended":true}}' for n in range(4) if n not in left]


def test_a_page_that_is_gone_when_another_attempt_had_stored_it_stops_the_lane(run, queues):
    send(run.sqs, queues.dlq, ["one", "two"])
    run.receive(run.lane(page_size=1))
    refuse_calls(run.ledger.s3, "GetObject", "NoSuchKey", status=404)
    with pytest.raises(PageGone):
        run.receive(run.lane(page_size=1))


@pytest.mark.parametrize("waiting", [0, 3])
def test_at_the_in_flight_limit_an_empty_answer_does_not_mean_a_dry_queue(run, queues, waiting):
    """At 120,000 a long poll brings no message and no error (docs/facts.md A1)."""
    send(run.sqs, queues.dlq, ["x"] * waiting)
    full = {
        "ApproximateNumberOfMessages": "7",
        "ApproximateNumberOfMessagesNotVisible": "119900",
        "ApproximateNumberOfMessagesDelayed": "0",
    }
    answer_with(run.sqs, "GetQueueAttributes", lambda: {"Attributes": full})
    lane = run.receive(run.lane())
    assert (lane.page.received, lane.next.another_turn, lane.next.why) == (waiting, False, NEAR_LIMIT)


def test_an_error_while_receiving_is_raised_for_the_state_machine_to_retry(run):
    refuse_calls(run.sqs, "ReceiveMessage", "AWS.SimpleQueueService.NonExistentQueue")
    with pytest.raises(ClientError):
        run.receive(run.lane(pollers=2))


def test_a_lane_that_stopped_in_an_earlier_round_stays_stopped_with_its_page(run, queues):
    send(run.sqs, queues.dlq, ["one"])
    stopped = run.lane(error=Failure("X"), page=Page("0/001-0001", 5, 5, 1.0), round=1, more=True)
    lane = run.receive(stopped)
    assert (lane.arrived, lane.next.another_turn, lane.more) == (False, False, False)
    assert (lane.page, lane.round) == (stopped.page, 1)
    assert count(run.sqs, queues.dlq) == (1, 0)


def test_a_hold_is_renewed_before_a_turn_could_outlast_it(run, queues, clock):
    send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    lane = run.judged()
    renewed = calls_of(run.sqs, "ChangeMessageVisibilityBatch")
    early = run.receive(lane)
    assert renewed == []
    assert early.hold.until == lane.hold.until
    clock.ahead += VISIBILITY - RENEW
    before = clock.time()
    late = run.receive(lane)
    [call] = renewed
    assert [entry["VisibilityTimeout"] for entry in call["Entries"]] == [HOLD] * 2
    assert before + HOLD <= late.hold.renewed_until <= clock.time() + HOLD
    assert (late.hold.until, late.hold.renewed_to) == (None, lane.page.name)
    assert count(run.sqs, queues.dlq) == (0, 2)


SLOW = VISIBILITY - MARGIN + 15  # seconds: a turn that sends as long as it may, and deletes


@pytest.mark.parametrize("age", [0, 29, 31, 61, 419, 539])
def test_a_hold_of_any_age_outlasts_a_slow_turn(run, queues, clock, age):
    send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    lane = run.judged()
    for seconds in (age, SLOW, SLOW):
        clock.ahead += seconds
        lane = run.receive(lane)
        assert count(run.sqs, queues.dlq) == (0, 2)
        assert not lane.arrived


def test_each_hold_is_renewed_when_it_is_near_its_end_and_not_with_every_other(run, queues, clock):
    send(run.sqs, queues.dlq, ["0", "1", "2"])
    run.choosing(where="false")
    asked, reads = calls_of(run.sqs, "ChangeMessageVisibilityBatch"), calls_of(run.ledger.s3, "GetObject")
    lane = run.judged(page_size=1)
    clock.ahead += 100
    lane = run.filter(run.receive(lane))
    assert (len(asked), lane.hold.renewed_to) == (1, "0/001-0001")
    clock.ahead += 100
    reads.clear()
    lane = run.receive(lane)
    assert (len(asked), lane.hold.renewed_to) == (2, "0/001-0002")
    assert [read["Key"].rsplit("/")[-1] for read in reads] == ["001-0002.jsonl.gz"]
    assert lane.hold.renewed_until == pages.read_held(run.ledger, "0/001-0001")[0].visible_at
    clock.ahead += HOLD - 200
    lane = run.receive(lane)
    assert len(asked) == 4
    assert clock.time() + HOLD - 60 < lane.hold.renewed_until <= clock.time() + HOLD


def test_what_becomes_visible_is_not_hidden_by_its_old_handle(run, queues, clock):
    """Given a hold that ended in a turn that took too long: by now, another run has received the message."""
    send(run.sqs, queues.dlq, ["0"])
    run.choosing(where="false")
    lane = run.judged()
    clock.ahead += VISIBILITY + 1
    theirs = run.another("run-2").receive(run.lane())
    asked = calls_of(run.sqs, "ChangeMessageVisibilityBatch")
    lane = run.receive(lane)
    assert (theirs.page.received, asked) == (1, [])
    assert (lane.hold.until, lane.hold.renewed_until) == (None, None)


def test_of_a_hold_that_sqs_renews_in_part_the_rest_is_not_taken_for_held(run, queues, clock):
    send(run.sqs, queues.dlq, ["0", "1"])
    run.choosing(where="false")
    lane = run.judged()
    gone = pages.read_held(run.ledger, lane.page.name)[0]
    refuse_entries(
        run.sqs,
        "ChangeMessageVisibilityBatch",
        lambda entry: ("MessageNotInflight", True) if entry["ReceiptHandle"] == gone.handle else None,
    )
    clock.ahead += 100
    run.receive(lane)
    first, second = pages.read_held(run.ledger, lane.page.name)
    assert first == gone
    assert second.visible_at > clock.time() + HOLD - 60


def test_a_hold_that_is_gone_does_not_stop_the_lane(run, queues):
    send(run.sqs, queues.dlq, ["one"])
    pages.write_held(run.ledger, "0/001-0001", HELD)
    lane = run.receive(run.lane(until=1.0, round=1, turn=1, another_turn=True))
    assert lane.page.received == 1


def test_a_hold_ends_with_its_oldest_page(run, queues):
    send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    first = run.judged(page_size=1)
    second = run.filter(run.receive(first))
    assert first.hold.until == first.page.visible_at < second.page.visible_at
    assert second.hold.until == first.hold.until


def test_each_lane_renews_its_own_hold(run):
    pages.write_held(run.ledger, "1/001-0001", HELD)
    renewed = calls_of(run.sqs, "ChangeMessageVisibilityBatch")
    run.receive(run.lane(until=1.0))
    assert renewed == []


def renewals(run, clock):
    """Each renewal, as it comes: until when (epoch seconds) it asks SQS to hide a message."""
    until = []

    def look(params, **_):
        until.extend(clock.time() + entry["VisibilityTimeout"] for entry in params["Entries"])

    run.sqs.meta.events.register("before-parameter-build.sqs.ChangeMessageVisibilityBatch", look)
    return until


def turns(run, clock, lane, hours):
    """Take a lane through so many hours, always just before its hold would end, or by the hour without one."""
    started = clock.time()
    while lane.next.another_turn and clock.time() - started < hours * HOURS:
        visible_at = min(filter(None, [lane.hold.until, lane.hold.renewed_until]), default=clock.time() + HOURS + 60)
        clock.ahead += max(1, visible_at - 60 - clock.time())
        lane = run.turn(lane)
    return lane


def test_a_hold_is_never_renewed_past_12_hours_and_then_the_lane_ends(run, queues, clock):
    """Given a filter that holds the first message, and more behind it than twelve hours of the rate.

    Then no renewal asks SQS for what it would refuse, the held message never comes back into the lane's hands, and
    the lane ends before its hold does.
    """
    send(run.sqs, queues.dlq, [str(n) for n in range(40)])
    run.choosing(where="body != 0")
    until = renewals(run, clock)
    received = clock.time()
    lane = turns(run, clock, run.turn(run.lane(page_size=1)), 48)
    assert (lane.next.why, lane.arrived, lane.next.another_turn, lane.more) == (HOLD_ENDS, False, False, False)
    assert 10 * HOURS < clock.time() - received < 12 * HOURS
    assert len(until) >= 10
    assert 10.5 * HOURS < max(until) - received <= 12 * HOURS
    assert lane.tally.counts["held"] == 1
    assert lane.tally.counts["received"] == lane.tally.counts["sent"] + 1 == lane.turn - 1
    assert count(run.sqs, queues.dlq) == (40 - lane.tally.counts["received"], 1)
    # The run's end follows at once: what was held is visible again, and nothing is left hidden.
    run.release(lane)
    assert count(run.sqs, queues.dlq) == (40 - lane.tally.counts["sent"], 0)


def test_a_renewal_that_sqs_would_refuse_is_not_asked_for(run, queues, clock):
    send(run.sqs, queues.dlq, ["one"])
    run.choosing(where="false")
    lane = run.turn(run.lane(page_size=1))
    clock.ahead += 11.5 * HOURS
    asked = renewals(run, clock)
    lane = run.receive(changed(lane, until=clock.time() + 1))
    assert (lane.next.why, asked) == (HOLD_ENDS, [])


def test_a_lane_that_holds_nothing_has_no_12_hours(run, queues, clock):
    send(run.sqs, queues.dlq, [str(n) for n in range(60)])
    lane = turns(run, clock, run.turn(run.lane(page_size=1)), 36)
    assert (lane.tally.counts["sent"], lane.next.another_turn) == (37, True)


def test_what_is_held_late_is_held_for_12_hours_from_then(run, queues, clock):
    """Nothing is held in the first ten hours: they are not held against it."""
    send(run.sqs, queues.dlq, [str(n) for n in range(60)])
    run.choosing(where="body != 10")
    until = renewals(run, clock)
    started = clock.time()
    lane = turns(run, clock, run.turn(run.lane(page_size=1)), 48)
    assert lane.next.why == HOLD_ENDS
    held_at = started + 10 * HOURS
    assert 20.5 * HOURS < clock.time() - started < 22 * HOURS
    assert 10.5 * HOURS < max(until) - held_at <= 12 * HOURS
    assert lane.tally.counts["held"] == 1


def test_what_one_lane_holds_ends_the_others_too(run, queues, clock):
    """Whoever receives last would be given it again: a lane that holds nothing itself ends as well."""
    send(run.sqs, queues.dlq, ["0", "1", "2"])
    run.choosing(where="body != 0")
    run.turn(run.lane(page_size=1))
    other = run.turn(run.lane(index=1, page_size=1))
    assert other.tally.counts["held"] == 0
    clock.ahead += 11 * HOURS
    asked = calls_of(run.sqs, "ReceiveMessage")
    other = run.receive(other)
    assert (other.next.why, other.arrived, other.next.another_turn) == (HOLD_ENDS, False, False)
    assert asked == []


def test_the_ledger_is_asked_for_the_oldest_hold_only_when_that_matters(run, queues, clock):
    send(run.sqs, queues.dlq, [str(n) for n in range(9)])
    looks = calls_of(run.ledger.s3, "ListObjectsV2")
    lane = run.receive(run.lane(page_size=1))
    clock.ahead += 10 * HOURS
    lane = run.receive(lane)
    assert looks == []
    clock.ahead += 1 * HOURS
    lane = run.receive(lane)
    assert len(looks) == 1
    lane = run.receive(lane)
    assert (len(looks), lane.arrived) == (1, True)

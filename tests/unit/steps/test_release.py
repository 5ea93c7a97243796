"""Release: every message that stays in the dead-letter queue becomes visible, and every page has its outcomes."""

import gzip
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from redrive.stores import intents, pages
from redrive.stores.intents import Intent, IntentKey
from redrive.values.errors import Failure, PageGone, PageLapsed
from redrive.values.lane import Page
from redrive.values.outcome import MAYBE_SENT, STILL_SENDING
from redrive.values.plan import Released
from redrive.values.timeline import HOLD, VISIBILITY
from support import aws
from support.aws import count
from support.breaking import Killed, calls_of, die_at, of_kind, refuse_entries
from support.library import changed, run_named, text

TIMEOUT = Failure("Sandbox.Timedout", '{"errorMessage":"it took too long."}')
ONE_BY_ONE = {"wave": 1, "waves_at_once": 1}


def stopped(lane):
    return replace(lane, error=TIMEOUT)


def tally(run, page="0/001-0001"):
    return Counter((line.outcome, line.reason) for line in run.outcomes(page))


def test_everything_held_becomes_visible_at_once(run, queues):
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(24)])
    run.choosing(where="body.n < 4")
    lane = run.drain(run.lane(page_size=13))
    assert count(run.sqs, queues.dlq) == (0, 20)
    assert run.release(lane) == Released(20)
    assert count(run.sqs, queues.dlq) == (20, 0)


def test_what_was_deleted_does_not_come_back(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    assert run.release(run.drain()) == Released(0)
    assert count(run.sqs, queues.dlq) == (0, 0)


def test_with_nothing_held_there_is_nothing_to_do(run):
    asked = calls_of(run.sqs, "ChangeMessageVisibilityBatch")
    assert run.release(run.lane(), run.lane(index=1)) == Released(0)
    assert asked == []


def test_another_runs_messages_are_not_released(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.choosing(where="false")
    run.judged()
    assert run.another("run-2").release(run.lane()) == Released(0)
    assert count(run.sqs, queues.dlq) == (0, 1)


def test_a_release_that_is_repeated_counts_the_same_and_releases_nothing_twice(run, queues):
    """A message that the first one let go may be in another run's hands when the second one comes."""
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(6)])
    run.choosing(where="body.n < 4")
    lane = stopped(run.judged())
    found = run.release(lane)
    assert run.another("run-2").receive(run.lane()).page.received == 6
    asked = calls_of(run.sqs, "ChangeMessageVisibilityBatch")
    assert run.release(lane) == found
    assert asked == []
    assert count(run.sqs, queues.dlq) == (0, 6)


# Only what is surely still held is released: SQS may take an old handle for what is in another run's hands


@pytest.mark.parametrize("seconds", [VISIBILITY - 5, VISIBILITY + 1], ids=["about to become visible", "visible"])
@pytest.mark.parametrize("left", ["held", "unclosed"])
def test_what_shows_by_itself_is_not_touched(run, queues, clock, left, seconds):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    lane = run.judged() if left == "held" else run.receive(run.lane())
    clock.ahead += seconds
    theirs = run.another("run-2").receive(run.lane())
    asked = calls_of(run.sqs, "ChangeMessageVisibilityBatch")
    assert run.release(stopped(lane)).released == 0
    assert asked == []
    assert theirs.page.received == (2 if seconds > VISIBILITY else 0)
    assert count(run.sqs, queues.dlq) == (0, 2)


def test_of_two_pages_the_one_that_is_still_held_is_released(run, queues, clock):
    aws.send(run.sqs, queues.dlq, ["0", "1"])
    run.choosing(where="false")
    first = run.judged(page_size=1)
    clock.ahead += VISIBILITY - 100
    second = run.judged(index=1, page_size=1)
    clock.ahead += 101
    assert run.another("run-2").receive(run.lane()).page.received == 1
    assert run.release(stopped(first), second).released == 1
    assert count(run.sqs, queues.dlq) == (1, 1)


def test_a_renewed_hold_is_released_though_its_lane_is_lost(run, queues, clock):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    lane = run.judged()
    clock.ahead += VISIBILITY - 100
    run.receive(lane)
    clock.ahead += HOLD - 100
    assert count(run.sqs, queues.dlq) == (0, 2)
    assert run.release(run.lane(), failure=TIMEOUT).released == 2
    assert count(run.sqs, queues.dlq) == (2, 0)


def test_what_came_again_from_a_stopped_lane_is_counted_once_and_as_it_ended(run, queues, clock):
    """Given a lane that stopped with four messages, of which another lane sends three when they are visible again."""
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(4)])
    first = stopped(run.receive(run.lane()))
    clock.ahead += VISIBILITY + 1
    run.choosing(where="body.n < 3")
    other = run.drain(run.lane(index=1))
    assert other.tally.counts["sent"] == 3
    counts = run.release(first, other).counts
    assert {name: number for name, number in counts.items() if number} == {
        "received": 4,
        "sent": 3,
        "deleted": 3,
        "held": 1,
    }
    assert count(run.sqs, queues.dlq) == (1, 0)


def test_what_is_gone_by_now_is_no_error(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    lane = run.judged()
    aws.drain(run.sqs, queues.dlq)
    run.sqs.purge_queue(QueueUrl=queues.dlq)
    assert run.release(lane) == Released(0)


def test_what_was_held_past_its_12_hours_shows_already_and_is_no_error(run, queues, clock):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.choosing(where="false")
    lane = run.judged()
    clock.ahead += 13 * 3_600
    assert run.release(lane) == Released(0)
    assert count(run.sqs, queues.dlq) == (2, 0)


# Pages that a step left when it died


def test_a_page_that_was_never_judged_has_failed_and_becomes_visible(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = stopped(run.receive(run.lane()))
    found = run.release(lane)
    assert tally(run) == {("failed", "it took too long."): 2}
    assert found.released == 2
    assert (found.counts["received"], found.counts["failed"]) == (2, 2)
    assert found.reasons == {"it took too long.": 2}
    assert count(run.sqs, queues.dlq) == (2, 0)


def test_a_page_of_which_no_wave_was_begun_has_failed_and_becomes_visible(run, queues):
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(6)])
    run.choosing(where="body.n < 4")
    found = run.release(stopped(run.judged()))
    assert tally(run) == {("failed", "it took too long."): 4, ("held", "filter.where does not match"): 2}
    assert found.released == 6
    assert count(run.sqs, queues.dlq) == (6, 0)


def test_what_was_sent_before_the_step_died_is_deleted_and_the_rest_becomes_visible(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(25)])
    lane = run.judged(**ONE_BY_ONE)
    die_at(run.sqs, "SendMessageBatch", 3, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.send(lane)
    found = run.release(stopped(lane))
    assert tally(run) == {("sent", ""): 20, ("failed", "it took too long."): 5}
    assert found.released == 5
    counts = found.counts
    assert (counts["received"], counts["sent"], counts["failed"], counts["deleted"]) == (25, 20, 5, 20)
    assert count(run.sqs, queues.dlq) == (5, 0)
    arrived = [each["Body"] for each in aws.drain(run.sqs, queues.source)]
    stayed = [each["Body"] for each in aws.drain(run.sqs, queues.dlq)]
    assert sorted(arrived + stayed) == [f"{n:02}" for n in range(25)]


def test_a_wave_that_may_still_be_on_its_way_stays_hidden_until_that_is_known(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(15)])
    lane = run.judged(**ONE_BY_ONE)
    die_at(run.sqs, "SendMessageBatch", 2)
    with pytest.raises(Killed):
        run.send(lane)
    found = run.release(stopped(lane))
    assert tally(run) == {("sent", ""): 10, ("failed", STILL_SENDING): 5}
    assert found.released == 0
    assert count(run.sqs, queues.dlq) == (0, 5)


def test_a_step_that_outlives_its_run_sends_nothing_of_a_released_page(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(15)])
    lane = run.judged()
    run.release(stopped(lane))
    asked = calls_of(run.sqs, "SendMessageBatch")
    with pytest.raises(PageLapsed):
        run.send(lane)
    assert asked == []
    assert tally(run) == {("failed", "it took too long."): 15}
    assert count(run.sqs, queues.dlq) == (15, 0)


def test_a_page_that_died_after_it_was_closed_is_finished(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(12)])
    lane = run.judged()
    die_at(run.ledger.s3, "PutObject", 1, after=True, when=of_kind("outcomes"))
    with pytest.raises(Killed):
        run.send(lane)
    found = run.release(stopped(lane))
    assert (found.counts["sent"], found.counts["deleted"]) == (12, 12)
    assert count(run.sqs, queues.dlq) == (0, 0)
    assert intents.keys(run.ledger, "orders-dlq") == []


def test_a_page_of_a_lane_that_is_lost_itself_is_finished_as_well(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.send(run.judged())
    found = run.release(run.lane(), failure=TIMEOUT)
    assert (found.counts["sent"], found.counts["deleted"]) == (2, 2)
    assert count(run.sqs, queues.dlq) == (0, 0)


def test_each_page_says_why_its_own_lane_stopped(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    first = stopped(run.receive(run.lane(page_size=1)))
    other = replace(run.receive(run.lane(index=1, page_size=1)), error=Failure("X", "the other way."))
    run.release(first, other)
    assert tally(run) == {("failed", "it took too long."): 1}
    assert tally(run, "1/001-0001") == {("failed", "the other way."): 1}


@pytest.mark.parametrize("stage", ["received", "judged", "in a wave", "sent"])
def test_wherever_a_lane_stops_everything_received_is_accounted_for(run, queues, stage):
    bodies = [f'{{"n":{n}}}' for n in range(14)]
    aws.send(run.sqs, queues.dlq, bodies)
    run.choosing(where="body.n < 12")
    lane = run.receive(run.lane(**ONE_BY_ONE))
    if stage != "received":
        lane = run.filter(lane)
    if stage == "in a wave":
        die_at(run.sqs, "SendMessageBatch", 2, error=RuntimeError)
        with pytest.raises(RuntimeError):
            run.send(lane)
    if stage == "sent":
        lane = run.send(lane)
    counts = run.release(stopped(lane)).counts
    assert counts["received"] == counts["sent"] + counts["held"] + counts["failed"] == 14
    assert counts["deleted"] == counts["sent"]
    arrived = [each["Body"] for each in aws.drain(run.sqs, queues.source)]
    stayed = [each["Body"] for each in aws.drain(run.sqs, queues.dlq)]
    assert sorted(arrived + stayed) == sorted(bodies)
    assert len(arrived) == counts["sent"]


def test_fifo_what_was_behind_the_wave_that_died_stays_behind(fifo_run, fifo_queues):
    aws.send(fifo_run.sqs, fifo_queues.dlq, ["a0", "a1", "a2"], group=lambda n: "a")
    lane = fifo_run.judged(**ONE_BY_ONE)
    die_at(fifo_run.sqs, "SendMessageBatch", 2, error=RuntimeError)
    with pytest.raises(RuntimeError):
        fifo_run.send(lane)
    fifo_run.release(stopped(lane))
    assert [each["Body"] for each in aws.drain(fifo_run.sqs, fifo_queues.source)] == ["a0"]
    assert [each["Body"] for each in aws.drain(fifo_run.sqs, fifo_queues.dlq)] == ["a1", "a2"]


def test_a_deletion_that_release_makes_good_is_counted(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    refusals = [("InternalError", False)] * 3
    refuse_entries(run.sqs, "DeleteMessageBatch", lambda _: refusals.pop() if refusals else None)
    lane = run.drain()
    assert lane.tally.counts["deleted"] == 0
    found = run.release(lane)
    assert count(run.sqs, queues.dlq) == (0, 0)
    assert found.counts["deleted"] == 1


def test_the_recounted_reasons_stay_few(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(30)])
    refuse_entries(run.sqs, "SendMessageBatch", lambda entry: (f"Reason{entry['MessageBody']}", True))
    found = run.release(stopped(run.send(run.judged())))
    assert sum(found.reasons.values()) <= 30
    assert len(found.reasons) <= 8


def test_a_step_that_outlives_its_run_is_remembered_until_what_it_sent_is_deleted(run, queues, clock):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(15)])
    lane = run.judged(**ONE_BY_ONE)
    asked = []

    def release_while_the_second_wave_is_on_its_way(**_):
        asked.append(1)
        if len(asked) == 2:
            run.release(stopped(lane))

    run.sqs.meta.events.register("before-call.sqs.SendMessageBatch", release_while_the_second_wave_is_on_its_way)
    run.send(lane)
    clock.ahead += VISIBILITY + 5
    later = run.another("run-2").drain()
    assert (later.tally.counts["sent"], later.tally.counts["already_sent"]) == (0, 5)
    assert len(aws.drain(run.sqs, queues.source)) == 15


def test_a_page_that_is_gone_in_the_middle_of_sending_keeps_nothing_hidden_and_nothing_unknown(run, queues, clock):
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(30)])
    run.choosing(where="body.n >= 10")
    held = run.judged(page_size=10, **ONE_BY_ONE)
    lane = run.filter(run.receive(changed(held, page_size=20)))
    die_at(run.sqs, "SendMessageBatch", 2)
    with pytest.raises(Killed):
        run.send(lane)
    run.lose("pages", lane.page.name)
    assert run.release(stopped(lane)).released == held.tally.counts["held"] == 10
    assert count(run.sqs, queues.dlq) == (10, 20)
    clock.ahead += VISIBILITY + 5
    later = run.another("run-2").drain()
    assert (later.tally.counts["already_sent"], later.tally.counts["sent"]) == (10, 10)
    assert len(aws.drain(run.sqs, queues.source)) == 20


def test_of_a_page_whose_verdicts_are_gone_in_the_middle_of_sending_nothing_is_unknown(run, queues, clock):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(30)])
    lane = run.judged(**ONE_BY_ONE)
    die_at(run.sqs, "SendMessageBatch", 3)
    with pytest.raises(Killed):
        run.send(lane)
    run.lose("verdicts", lane.page.name)
    found = run.release(stopped(lane))
    assert found.counts["sent"] == found.counts["deleted"] == 20
    clock.ahead += VISIBILITY + 5
    later = run.another("run-2").drain()
    assert (later.tally.counts["already_sent"], later.tally.counts["sent"]) == (0, 10)
    assert len(aws.drain(run.sqs, queues.source)) == 30


def test_of_a_page_whose_verdicts_are_gone_only_the_wave_that_may_be_on_its_way_stays_hidden(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(30)])
    lane = run.judged(**ONE_BY_ONE)
    places = {message.id: place for place, message in enumerate(run.page().messages)}
    die_at(run.sqs, "SendMessageBatch", 2)
    die_at(run.dynamodb, "PutItem", 3)  # the last wave is not begun
    with pytest.raises(Killed):
        run.send(lane)
    run.lose("verdicts", lane.page.name)
    found = run.release(stopped(lane))
    by_reason = {reason: number for (_, reason), number in tally(run).items()}
    assert by_reason == {"": 10, STILL_SENDING: 10, "it took too long.": 10}
    assert found.released == 10
    assert count(run.sqs, queues.dlq) == (10, 10)
    held = {places[message.id] for message in pages.read_held(run.ledger, lane.page.name)}
    assert held == set(range(20, 30))


def test_what_the_release_closes_says_where_it_was_sent_and_whether_with_a_stamp(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    aws.send(run.sqs, queues.dlq, ["two"], MessageAttributes={f"a{n}": text("x") for n in range(10)})
    lane = run.judged()
    die_at(run.ledger.s3, "PutObject", 1, when=of_kind("outcomes"))
    with pytest.raises(Killed):
        run.send(lane)
    found = run.release(stopped(lane))
    assert {outcome.destination for outcome in run.outcomes()} == {"orders"}
    assert sorted(outcome.stamped for outcome in run.outcomes()) == [False, True]
    assert (found.counts["sent"], found.counts["unstamped"]) == (2, 1)


def test_a_page_that_an_outlived_attempt_stored_unseen_is_counted_and_no_intent_forgotten_for_it(run, queues, clock):
    """The retry of Receive had found nothing and ended its lane: the first attempt had it all in hand."""
    started = left_by_a_dead_run(run, queues, clock)
    second = run.another("run-2")
    late = second.receive(second.lane())
    found = second.release(
        changed(late, page=Page(), arrived=False, another_turn=False, why="drained"), started=started
    )
    assert (found.released, found.counts["failed"]) == (2, 2)
    assert run.another("run-3").drain().tally.counts["already_sent"] == 2
    assert is_sent_once(run, queues)


def test_verdicts_of_other_messages_are_never_used(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.judged()
    run.ledger.write("verdicts", lane.page.name, reversed(run.ledger.read("verdicts", lane.page.name)))
    with pytest.raises(PageGone):
        run.send(lane)
    assert count(run.sqs, queues.source) == (0, 0)


# Intents of runs before


@pytest.mark.parametrize(
    ("why", "visible_at", "kept"),
    [
        ("drained", 1_795_000_000, False),
        ("the limit is reached", 1_795_000_000, True),
        ("drained", int(time.time()) + 10**8, True),
    ],
    ids=["drained", "not drained", "not yet visible"],
)
def test_a_run_that_has_met_all_that_an_earlier_one_left_forgets_its_intents(run, why, visible_at, kept):
    intents.declare(
        run.ledger, IntentKey("orders-dlq", run_named("run-0"), "0/001-0001", visible_at), Intent(["a"], [[0]])
    )
    run.release(run.lane(why=why))
    assert (intents.keys(run.ledger, "orders-dlq") != []) is kept


def test_a_run_that_stopped_forgets_nothing(run):
    intents.declare(run.ledger, IntentKey("orders-dlq", run_named("run-0"), "0/001-0001", 1), Intent(["a"], [[0]]))
    run.release(run.lane(why="drained"), stopped(run.lane(index=1, why="drained")))
    assert len(intents.keys(run.ledger, "orders-dlq")) == 1


def left_by_a_dead_run(run, queues, clock):
    """Two messages sent by run-1, which died before it deleted them; they are visible. Gives when the next run starts."""
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.send(run.judged())
    clock.ahead += VISIBILITY + 5
    started = datetime.fromtimestamp(clock.time(), UTC).isoformat()
    clock.ahead += 1
    return started


def is_sent_once(run, queues):
    return sorted(message["Body"] for message in aws.drain(run.sqs, queues.source)) == ["one", "two"]


def test_a_run_that_deleted_what_an_earlier_one_had_sent_forgets_its_intent(run, queues, clock):
    started = left_by_a_dead_run(run, queues, clock)
    second = run.another("run-2")
    lane = second.drain()
    assert lane.tally.counts["already_sent"] == lane.tally.counts["deleted"] == 2
    second.release(lane, started=started)
    assert intents.keys(run.ledger, "orders-dlq") == []
    assert is_sent_once(run, queues)


def test_a_preview_forgets_nothing(run, queues, clock):
    started = left_by_a_dead_run(run, queues, clock)
    second = run.another("run-2")
    second.choosing(preview=True)
    assert second.release(second.drain(), started=started) == Released(2)
    assert run.another("run-3").drain().tally.counts["already_sent"] == 2
    assert is_sent_once(run, queues)


def test_what_an_earlier_run_sent_and_this_one_could_not_delete_is_not_forgotten(run, queues, clock):
    started = left_by_a_dead_run(run, queues, clock)
    refusals = [("InternalError", False)] * 12
    refuse_entries(run.sqs, "DeleteMessageBatch", lambda _: refusals.pop() if refusals else None)
    second = run.another("run-2")
    found = second.release(second.drain(), started=started)
    assert (found.counts["already_sent"], found.counts["deleted"]) == (2, 0)
    clock.ahead += VISIBILITY + 5
    assert run.another("run-3").drain().tally.counts["already_sent"] == 2
    assert is_sent_once(run, queues)


def test_a_lane_that_stops_at_the_deletion_of_what_an_earlier_run_sent_has_it_deleted_by_the_release(
    run, queues, clock
):
    left_by_a_dead_run(run, queues, clock)
    second = run.another("run-2")
    found = second.release(stopped(second.send(second.judged())))
    assert (found.counts["already_sent"], found.counts["deleted"]) == (2, 2)
    assert count(run.sqs, queues.dlq) == (0, 0)


def test_what_is_in_other_hands_while_a_run_drains_is_not_forgotten(run, queues, clock):
    started = left_by_a_dead_run(run, queues, clock)
    run.sqs.receive_message(QueueUrl=queues.dlq, MaxNumberOfMessages=10, VisibilityTimeout=30)  # somebody looks at them
    second = run.another("run-2")
    second.release(second.drain(), started=started)
    clock.ahead += 31
    assert run.another("run-3").drain().tally.counts["already_sent"] == 2
    assert is_sent_once(run, queues)


# The journal is gone


def lose_the_journal(run):
    for record in run.dynamodb.scan(TableName="redrive-journal")["Items"]:
        run.dynamodb.delete_item(TableName="redrive-journal", Key={"id": record["id"]})


def sent_under_a_lost_journal(run, queues):
    """Two waves of three are sent, the lane stops, and the journal is made anew. Gives the lane."""
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(25)])
    lane = run.judged(**ONE_BY_ONE)
    die_at(run.sqs, "SendMessageBatch", 3, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.send(lane)
    lose_the_journal(run)
    return stopped(lane)


def test_under_a_lost_journal_nothing_is_called_not_sent_and_the_intent_stays(run, queues):
    lane = sent_under_a_lost_journal(run, queues)
    found = run.release(lane)
    assert tally(run) == {("failed", MAYBE_SENT): 25}
    assert (found.counts["failed"], found.counts["deleted"], found.released) == (25, 0, 25)
    assert found.reasons == {MAYBE_SENT: 25}
    assert len(intents.keys(run.ledger, "orders-dlq")) == 1
    assert run.journal.recall([f"{run.ledger.run}/0/001-0001/{n}" for n in range(3)]) == {}


def test_what_may_have_been_sent_waits_for_a_person_however_many_runs_meet_it(run, queues, clock):
    run.release(sent_under_a_lost_journal(run, queues))
    clock.ahead += VISIBILITY + 5
    for number in (2, 3):
        later = run.another(f"run-{number}")
        started = datetime.fromtimestamp(clock.time(), UTC).isoformat()
        clock.ahead += 1
        lane = later.drain()
        assert (lane.tally.counts["failed"], lane.tally.counts["sent"]) == (25, 0)
        later.release(lane, started=started)
    assert len(aws.drain(run.sqs, queues.source)) == 20
    [key] = [key for key in intents.keys(run.ledger, "orders-dlq") if key.run == run.ledger.run]
    intents.remove(run.ledger, key)  # as docs/faults.md says
    clock.ahead += VISIBILITY + 5
    assert run.another("run-4").drain().tally.counts["sent"] == 25


# Objects that nobody can read cost their own page alone


DAMAGE = {
    "half of a gzip": lambda body: body[: len(body) // 2],
    "no gzip": lambda _: b"hello",
    "nothing": lambda _: b"",
    "no JSON": lambda _: gzip.compress(b"hello\n"),
    "no object": lambda _: gzip.compress(b"[1]\n1\nnull\n"),
    "another's": lambda _: gzip.compress(b'{"a":1}\n'),
    "odd types": lambda _: gzip.compress(
        b'{"id":1,"handle":[],"body":{},"attributes":[],"system":"x","started":"y","outcome":"sent","reason":3,'
        b'"visible_at":"z","released":0,"decision":"sent"}\n'
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("kind", ["pages", "verdicts", "held", "outcomes"])
def test_a_page_that_nobody_can_read_costs_that_page_alone(run, queues, kind, damage):
    """Three pages: one is held, one is sent and not deleted, and one is judged."""
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(30)])
    run.choosing(where="false")
    lane = run.judged(page_size=10)
    run.choosing(where="true")
    sent = run.send(run.filter(run.receive(changed(lane, another_turn=True))))
    judged = run.filter(run.receive(changed(sent, another_turn=True)))
    names = {"pages": "0/001-0003", "verdicts": "0/001-0003", "held": "0/001-0001", "outcomes": "0/001-0002"}
    key = f"runs/{run.ledger.run}/{kind}/{names[kind]}.jsonl.gz"
    body = run.ledger.s3.get_object(Bucket=run.ledger.bucket, Key=key)["Body"].read()
    run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=key, Body=damage(body))
    found = run.release(stopped(judged))
    assert found.unreadable == (0 if kind == "verdicts" else 1)  # without verdicts a page can be closed
    expected = {
        "pages": {"received": 20, "held": 10, "sent": 10, "deleted": 10},
        "verdicts": {"received": 30, "held": 10, "sent": 10, "failed": 10, "deleted": 10},
        "held": {"received": 30, "held": 10, "sent": 10, "failed": 10, "deleted": 10},
        "outcomes": {"received": 20, "held": 10, "failed": 10},
    }[kind]
    assert {name: number for name, number in found.counts.items() if number} == expected
    visible = {"pages": 10, "verdicts": 20, "held": 10, "outcomes": 20}[kind]
    assert found.released == count(run.sqs, queues.dlq)[0] == visible
    assert Released.from_json(found.to_json()) == found


def test_an_intent_that_nobody_can_read_costs_its_page_alone(run, queues):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(20)])
    other = run.receive(run.lane(page_size=10, index=1))
    lane = run.judged(page_size=10)
    die_at(run.sqs, "SendMessageBatch", 1, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.send(lane)
    [key] = intents.keys(run.ledger, "orders-dlq")
    run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=str(key), Body=b"hello")
    found = run.release(stopped(lane), stopped(other))
    assert (found.unreadable, found.released, found.counts["failed"]) == (1, 10, 10)


@pytest.mark.parametrize("kind", ["pages", "verdicts", "held", "outcomes"])
def test_somebody_elses_object_among_the_pages_is_passed_over(run, queues, kind):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.choosing(where="false")
    lane = run.judged()
    for name in ("README.txt", "0/notes.jsonl.gz", "0/001-0002.jsonl.gz.bak", "0/001-0002", "x/001-0001.jsonl.gz"):
        run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=f"runs/{run.ledger.run}/{kind}/{name}", Body=b"hello")
    assert run.release(lane) == Released(1)


# Deletions are counted, never assumed


def test_what_an_outlived_step_closes_while_the_release_looks_is_not_called_deleted(run, queues):
    """Given a Send that outlives its run, and ends when the release is done with its page and has not counted yet."""
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(12)])
    lane = run.judged()
    on_its_way, may_end = threading.Event(), threading.Event()

    def wait(**_):
        on_its_way.set()
        may_end.wait(30)

    run.sqs.meta.events.register("before-call.sqs.SendMessageBatch", wait)
    sending = threading.Thread(target=run.send, args=[lane])
    sending.start()
    on_its_way.wait(30)

    def let_it_end(params, **_):
        if "/held/" in params["Prefix"] and sending.is_alive():
            may_end.set()
            sending.join(30)

    run.ledger.s3.meta.events.register("before-parameter-build.s3.ListObjectsV2", let_it_end)
    found = run.release(stopped(lane))
    assert tally(run) == {("sent", ""): 12}
    assert sum(count(run.sqs, queues.dlq)) == 12
    assert (found.counts["sent"], found.counts["deleted"]) == (12, 0)


def test_what_was_only_to_be_deleted_and_never_came_to_it_is_not_called_deleted(run, queues, clock):
    """Given a page of messages that were sent before, whose lane stopped before Send had declared it."""
    left_by_a_dead_run(run, queues, clock)
    second = run.another("run-2")
    lane = second.judged()
    assert lane.page.selected == 2
    found = second.release(stopped(lane))
    assert (found.counts["already_sent"], found.counts["deleted"]) == (2, 0)
    assert sum(count(run.sqs, queues.dlq)) == 2
    assert second.release(stopped(lane)) == found
    clock.ahead += VISIBILITY + 5
    assert run.another("run-3").drain().tally.counts["already_sent"] == 2
    assert is_sent_once(run, queues)

"""Archive: what is to be deleted for good is kept before it is deleted, whatever dies when."""

from collections import Counter

import pytest

from redrive.expressions.judge import PASSED_OVER
from redrive.stores import intents, pages
from redrive.values.errors import PageLapsed, WaveInFlight
from redrive.values.request import OfRun
from redrive.values.timeline import VISIBILITY
from support import aws
from support.aws import count
from support.breaking import Killed, die_at, of_kind, refuse_entries
from support.library import BLOB, text

ATTRIBUTES = {"blob": {"DataType": "Binary", "BinaryValue": BLOB}, "n": text("7")}


@pytest.fixture
def deleting(run, queues):
    """A run that deletes what has an even number, of ten messages."""
    aws.send(run.sqs, queues.dlq, [f'{{"n":{n}}}' for n in range(10)], MessageAttributes=ATTRIBUTES)
    run.choosing(where="body.n % 2 = 0", action="delete")
    return run


def tally(run):
    names = pages.closed_names(run.ledger)
    return Counter(line.outcome for name in names for line in run.outcomes(name))


def archived(run, page="0/001-0001"):
    return sorted(message.body for message in pages.read_archive(run.ledger, page))


EVEN = [f'{{"n":{n}}}' for n in range(0, 10, 2)]
ODD = [f'{{"n":{n}}}' for n in range(1, 10, 2)]


def test_what_is_chosen_is_archived_and_deleted_and_sent_nowhere(deleting, queues):
    run = deleting
    lane = run.drain()
    counts = lane.tally.counts
    assert (counts["discarded"], counts["held"], counts["deleted"], counts["sent"]) == (5, 5, 5, 0)
    run.release(lane)
    assert archived(run) == EVEN
    assert sorted(message["Body"] for message in aws.drain(run.sqs, queues.dlq)) == ODD
    assert count(run.sqs, queues.source) == (0, 0)
    assert intents.keys(run.ledger, run.queue.name) == []


def test_the_archive_has_the_whole_message_and_nothing_that_deletes_one(deleting):
    run = deleting
    before = {message.body: message for message in run.page(run.archive(run.judged()).page.name).messages}
    for kept in pages.read_archive(run.ledger, "0/001-0001"):
        original = before[kept.body]
        assert (kept.id, kept.attributes, kept.system) == (original.id, original.attributes, original.system)
        assert kept.attributes["blob"]["BinaryValue"] == BLOB
        assert kept.handle == ""


def test_the_archive_has_a_life_of_its_own(deleting):
    run = deleting
    run.archive(run.judged())
    key = run.ledger.page_key("archive", "0/001-0001")
    [tag] = run.ledger.s3.get_object_tagging(Bucket=run.ledger.bucket, Key=key)["TagSet"]
    assert tag == {"Key": "life", "Value": "archive"}


def test_a_preview_deletes_and_archives_nothing(deleting, queues):
    run = deleting
    run.choosing(preview=True)
    lane = run.judged()
    assert lane.page.selected == 0
    assert tally(run) == {"previewed": 5, "held": 5}
    assert list(run.ledger.names("archive")) == []
    run.release(lane)
    assert count(run.sqs, queues.dlq) == (10, 0)


DEATHS = {
    "before the archive is written": ("PutObject", "archive", False, 0),
    "after it is written and before that is recorded": ("PutObject", "archive", True, 0),
    "before the page is closed": ("PutObject", "outcomes", False, 5),
    "after the page is closed": ("PutObject", "outcomes", True, 5),
}


@pytest.mark.parametrize(("operation", "kind", "after", "discarded"), DEATHS.values(), ids=DEATHS.keys())
@pytest.mark.parametrize("then", ["retry", "release"])
def test_a_death_deletes_nothing_that_is_not_archived_and_loses_nothing(
    deleting, queues, clock, monkeypatch, operation, kind, after, discarded, then
):
    run = deleting
    clock.rule_everything(monkeypatch)  # the journal's as well
    lane = run.judged()
    die_at(run.ledger.s3, operation, 1, after=after, when=of_kind(kind))
    with pytest.raises(Killed):
        run.archive(lane)
    assert count(run.sqs, queues.dlq)[1] == 10
    if then == "retry":
        if not discarded:  # the first attempt may be at it still, until its time is over
            with pytest.raises(WaveInFlight):
                run.archive(lane)
            clock.ahead += 61
        lane = run.delete(run.archive(lane))
        discarded = 5
        run.release(lane)
    else:
        if not discarded:
            clock.ahead += 61
        run.release(lane)
    assert tally(run)["discarded"] == discarded
    left = sorted(message["Body"] for message in aws.drain(run.sqs, queues.dlq))
    gone = sorted(set(EVEN + ODD) - set(left))
    assert gone == (EVEN if discarded else [])
    assert not gone or archived(run) == EVEN


def test_an_attempt_that_outlived_its_run_discards_nothing(deleting, queues):
    run = deleting
    lane = run.judged()
    run.release(lane)  # the run was stopped: the page is closed, and its messages are visible
    with pytest.raises(PageLapsed):
        run.archive(lane)
    assert tally(run) == {"failed": 5, "held": 5}
    assert count(run.sqs, queues.dlq) == (10, 0)


def test_a_page_that_is_about_to_become_visible_is_not_archived(deleting, clock):
    run = deleting
    lane = run.judged()
    clock.ahead += VISIBILITY - 30
    with pytest.raises(PageLapsed):
        run.archive(lane)
    assert list(run.ledger.names("archive")) == []


def test_what_was_discarded_and_not_deleted_is_told_and_the_next_run_finds_it_as_it_was(deleting, queues, clock):
    run = deleting
    lane = run.archive(run.judged())
    refused = run.page(lane.page.name).messages
    odd_one = next(m.handle for m in refused if m.body == EVEN[0])
    refusing = [True]
    refuse_entries(
        run.sqs,
        "DeleteMessageBatch",
        lambda entry: ("X", True) if refusing and entry["ReceiptHandle"] == odd_one else None,
    )
    lane = run.delete(lane)
    assert (lane.tally.counts["discarded"], lane.tally.counts["deleted"]) == (5, 4)
    released = run.release(lane)
    assert (released.counts["discarded"], released.counts["deleted"]) == (5, 4)
    refusing.clear()
    clock.ahead += VISIBILITY + 1
    later = run.another("run-2")
    later.choosing(where=None, action="redrive")
    later.drain()
    assert tally(later) == {"sent": 6}  # nobody ever sent it: it is in the queue, and is sent
    assert len(aws.drain(run.sqs, queues.source)) == 6


def test_a_queue_that_nobody_feeds_can_be_cleared(sqs, dynamodb, ledger):
    from support.library import a_run

    dlq = sqs.create_queue(QueueName="lonely")["QueueUrl"]
    run = a_run(sqs, dynamodb, ledger, dlq, [])
    aws.send(sqs, dlq, ["x"])
    run.choosing(where="true", action="delete")
    assert run.drain().tally.counts["discarded"] == 1


def test_a_message_in_the_middle_of_a_group_can_be_deleted(fifo_run, fifo_queues):
    run = fifo_run
    aws.send(run.sqs, fifo_queues.dlq, [f'{{"n":{n}}}' for n in range(3)], group=lambda _: "g")
    run.choosing(where="body.n = 1", action="delete")
    lane = run.receive(run.lane())
    lane = run.delete(run.archive(run.filter(lane)))
    assert archived(run) == ['{"n":1}']
    assert tally(run) == {"discarded": 1, "held": 2}


def test_the_limit_is_kept(deleting):
    run = deleting
    lane = run.drain(run.lane(limit_left=2))
    assert lane.tally.counts["discarded"] == 2


def test_only_what_was_chosen_is_in_the_archive(deleting):
    run = deleting
    run.choosing(where="true", of_run=OfRun("2026-11-20/nothing"))
    lane = run.judged()
    assert lane.page.selected == 0
    assert all(line.reason == PASSED_OVER[2].reason for line in run.outcomes())

"""Delete: what the ledger says SQS accepted, all of it, and nothing else."""

import time
from collections import Counter
from dataclasses import replace

import pytest

from redrive.sqs.batch import TRIES
from redrive.stores import intents, pages
from redrive.stores.intents import Intent, IntentKey
from redrive.values.message import StoredPage
from redrive.values.timeline import VISIBILITY
from support import aws
from support.aws import count
from support.breaking import Killed, calls_of, die_at, of_kind, refuse_calls, refuse_entries
from support.library import run_named


def left(run):
    """The intents that are left."""
    return intents.keys(run.ledger, run.queue.name)


def known(run, queue="orders-dlq"):
    """What is known to have been sent before, of the messages of the run's first page and of one more."""
    page = pages.read_if_stored(run.ledger, "0/001-0001")
    ids = [message.id for message in page.messages] if page else [line.id for line in outcomes_if_any(run)]
    return intents.sent_before(run.ledger, run.journal, queue, [*ids, "a"]).known


def outcomes_if_any(run):
    return run.outcomes() if "0/001-0001" in pages.closed_names(run.ledger) else []


def becomes_visible(run, name="0/001-0001"):
    """Let a page be so old that its messages are visible."""
    page = run.page(name)
    old = StoredPage(time.time() - VISIBILITY - 1, page.messages)
    run.ledger.write("pages", name, [message.to_json() | {"started": old.started} for message in old.messages])
    for key in left(run):
        intent = intents.read(run.ledger, key)
        intents.remove(run.ledger, key)
        intents.declare(run.ledger, replace(key, visible_at=int(old.visible_at)), intent)
    for message in page.messages:
        run.sqs.change_message_visibility(QueueUrl=run.queue.url, ReceiptHandle=message.handle, VisibilityTimeout=0)


def test_everything_that_was_sent_is_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(23)])
    asked = calls_of(run.sqs, "DeleteMessageBatch")
    lane = run.delete(run.send(run.judged()))
    assert (lane.tally.counts["sent"], lane.tally.counts["deleted"]) == (23, 23)
    assert count(run.sqs, queues.dlq) == (0, 0)
    assert sorted(len(call["Entries"]) for call in asked) == [3, 10, 10]


def test_what_was_not_sent_is_not_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, ['{"n":1}', '{"n":2}', '{"n":3}', "text"])
    run.choosing(where="body.n < 3")
    refuse_entries(
        run.sqs,
        "SendMessageBatch",
        lambda entry: ("InvalidMessageContents", True) if entry["MessageBody"] == '{"n":2}' else None,
    )
    lane = run.delete(run.send(run.judged()))
    assert Counter(line.outcome for line in run.outcomes()) == {"sent": 1, "failed": 2, "held": 1}
    assert lane.tally.counts["deleted"] == 1
    run.release(lane)
    assert sorted(found["Body"] for found in aws.drain(run.sqs, queues.dlq)) == ["text", '{"n":2}', '{"n":3}']


@pytest.mark.parametrize(("fault", "tries"), [(True, 1), (False, TRIES)], ids=["ours", "of SQS"])
def test_what_sqs_does_not_delete_is_not_counted(run, queues, fault, tries):
    aws.send(run.sqs, queues.dlq, ["one", "two", "three"])
    lane = run.send(run.judged())
    refused = run.page(lane.page.name).messages[0].handle
    asked = calls_of(run.sqs, "DeleteMessageBatch")
    refuse_entries(
        run.sqs, "DeleteMessageBatch", lambda entry: ("X", fault) if entry["ReceiptHandle"] == refused else None
    )
    assert run.delete(lane).tally.counts["deleted"] == 2
    assert len(asked) == tries
    assert len(left(run)) == 1


def test_what_sqs_failed_at_is_tried_again(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two", "three"])
    refusals = [("InternalError", False)] * 2
    refuse_entries(run.sqs, "DeleteMessageBatch", lambda entry: refusals.pop() if refusals else None)
    assert run.delete(run.send(run.judged())).tally.counts["deleted"] == 3
    assert count(run.sqs, queues.dlq) == (0, 0)


def test_a_retried_delete_counts_nothing_twice(run, queues):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(12)])
    lane = run.send(run.judged())
    die_at(run.sqs, "DeleteMessageBatch", 2, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.delete(lane)
    assert run.delete(lane) == run.delete(lane)
    assert run.delete(lane).tally.counts["deleted"] == 12


def test_a_page_whose_messages_are_visible_is_not_touched(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    lane = run.send(run.judged())
    becomes_visible(run)
    asked = calls_of(run.sqs, "DeleteMessageBatch")
    assert run.delete(lane).tally.counts["deleted"] == 0
    assert asked == []
    assert len(left(run)) == 1


def test_the_intent_is_there_before_anything_is_sent_and_until_everything_is_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.judged()
    assert left(run) == []
    die_at(run.sqs, "SendMessageBatch", 1)
    with pytest.raises(Killed):
        run.send(lane)
    assert left(run) == [IntentKey("orders-dlq", run_named("run-1"), "0/001-0001", int(lane.page.visible_at))]


def test_the_intent_is_removed_when_everything_is_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.send(run.judged())
    assert len(left(run)) == 1
    run.delete(lane)
    assert left(run) == []


def test_a_page_with_nothing_to_send_has_no_intent(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.choosing(where="false")
    run.judged()
    assert left(run) == []


def test_an_error_of_aws_itself_is_left_for_the_state_machine_to_retry(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    lane = run.send(run.judged())
    refuse_calls(run.sqs, "DeleteMessageBatch", "RequestThrottled")
    with pytest.raises(run.sqs.exceptions.ClientError):
        run.delete(lane)


# What was sent and not deleted is not sent again: not by this run, not by the next


@pytest.mark.parametrize("later", ["run-1", "run-2"], ids=["the same run", "the next run"])
@pytest.mark.parametrize("died", ["before delete", "before closing", "in the last wave"])
def test_what_a_dead_step_sent_is_deleted_and_not_sent_again(run, queues, later, died):
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(15)])
    lane = run.judged(wave=1, waves_at_once=1)
    if died == "before delete":
        run.send(lane)
    else:
        if died == "before closing":
            die_at(run.ledger.s3, "PutObject", 1, when=of_kind("outcomes"))
        else:
            die_at(run.sqs, "SendMessageBatch", 2)
        with pytest.raises(Killed):
            run.send(lane)
    becomes_visible(run)
    again = run.another(later).drain(run.lane(index=1))
    known = 10 if died == "in the last wave" else 15
    assert again.tally.counts["already_sent"] == known
    assert again.tally.counts["sent"] == 15 - known
    assert again.tally.counts["deleted"] == again.tally.counts["received"] == 15
    assert sorted(found["Body"] for found in aws.drain(run.sqs, queues.source)) == [f"{n:02}" for n in range(15)]
    assert count(run.sqs, queues.dlq) == (0, 0)


def test_a_message_that_was_already_sent_keeps_the_id_that_it_got(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.send(run.judged())
    [first] = run.outcomes()
    becomes_visible(run)
    later = run.another("run-2")
    later.drain()
    [second] = later.outcomes()
    assert (second.outcome, second.new_id) == ("already_sent", first.new_id)


def test_a_page_that_is_being_worked_on_is_nobody_elses_to_delete(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.send(run.judged())
    assert known(run) == {}
    becomes_visible(run)
    assert len(known(run)) == 1
    assert known(run, "orders") == {}


def test_a_page_whose_backup_is_gone_is_left_to_whoever_receives_its_messages_next(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.send(run.judged())
    run.lose("pages")
    assert run.delete(lane).tally.counts["deleted"] == 0
    assert len(left(run)) == 1


def test_what_was_sent_is_known_by_its_outcomes_when_the_backup_is_gone(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.send(run.judged())
    becomes_visible(run)
    run.lose("pages")
    [sent] = run.outcomes()
    assert known(run) == {sent.id: sent.new_id}


def test_an_intent_whose_backup_is_gone_is_no_matter(run):
    intents.declare(run.ledger, IntentKey("orders-dlq", run_named("run-0"), "0/001-0001", 1), Intent(["a"], [[0]]))
    assert known(run) == {}

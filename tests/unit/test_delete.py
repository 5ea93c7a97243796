"""Delete: what the ledger says SQS accepted, all of it, and nothing else."""

import time
from collections import Counter

import pytest

from redrive import delete, send, unsettled
from support import aws
from support.aws import count
from support.breaking import Killed, calls_of, die_at, of_kind, refuse_calls, refuse_entries


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(send, "PAUSE", 0)


def marks(run):
    return unsettled.marks(run.ledger, run.queue.name)


def shows_again(run, page="0/001-0001"):
    """Let a page be so old that its messages show again."""
    lines = run.ledger.read("pages", page)
    old = time.time() - 601
    run.ledger.write("pages", page, [line | {"at": old} for line in lines])
    for mark in marks(run):
        unsettled.take_away(run.ledger, mark)
        unsettled.put(
            run.ledger,
            unsettled.Mark(mark.queue, mark.run, mark.page, int(old + 600)),
            10,
            [line["id"] for line in lines],
        )
    for line in lines:
        run.sqs.change_message_visibility(QueueUrl=run.queue.url, ReceiptHandle=line["handle"], VisibilityTimeout=0)


def test_everything_that_was_sent_is_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(23)])
    asked = calls_of(run.sqs, "DeleteMessageBatch")
    lane = run.delete(run.send(run.judged()))
    assert (lane.counts["sent"], lane.counts["deleted"]) == (23, 23)
    assert count(run.sqs, queues.dlq) == (0, 0)
    assert sorted(len(call["Entries"]) for call in asked) == [3, 10, 10]


def test_what_was_not_sent_is_not_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, ['{"n":1}', '{"n":2}', '{"n":3}', "text"])
    run.criteria["where"] = "body.n < 3"
    refuse_entries(
        run.sqs,
        "SendMessageBatch",
        lambda entry: ("InvalidMessageContents", True) if entry["MessageBody"] == '{"n":2}' else None,
    )
    lane = run.delete(run.send(run.judged()))
    assert Counter(line["outcome"] for line in run.outcomes()) == {"sent": 1, "failed": 2, "held": 1}
    assert lane.counts["deleted"] == 1
    run.release(lane)
    assert sorted(found["Body"] for found in aws.drain(run.sqs, queues.dlq)) == ["text", '{"n":2}', '{"n":3}']


@pytest.mark.parametrize(("fault", "tries"), [(True, 1), (False, delete.TRIES)], ids=["ours", "of SQS"])
def test_what_sqs_does_not_delete_is_not_counted(run, queues, fault, tries):
    aws.send(run.sqs, queues.dlq, ["one", "two", "three"])
    lane = run.send(run.judged())
    refused = run.ledger.read("pages", lane.page.name)[0]["handle"]
    asked = calls_of(run.sqs, "DeleteMessageBatch")
    refuse_entries(
        run.sqs, "DeleteMessageBatch", lambda entry: ("X", fault) if entry["ReceiptHandle"] == refused else None
    )
    assert run.delete(lane).counts["deleted"] == 2
    assert len(asked) == tries
    assert len(marks(run)) == 1


def test_what_sqs_failed_at_is_tried_again(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two", "three"])
    refusals = [("InternalError", False)] * 2
    refuse_entries(run.sqs, "DeleteMessageBatch", lambda entry: refusals.pop() if refusals else None)
    assert run.delete(run.send(run.judged())).counts["deleted"] == 3
    assert count(run.sqs, queues.dlq) == (0, 0)


def test_a_retried_delete_counts_nothing_twice(run, queues):
    aws.send(run.sqs, queues.dlq, [str(n) for n in range(12)])
    lane = run.send(run.judged())
    die_at(run.sqs, "DeleteMessageBatch", 2, error=RuntimeError)
    with pytest.raises(RuntimeError):
        run.delete(lane)
    assert run.delete(lane) == run.delete(lane)
    assert run.delete(lane).counts["deleted"] == 12


def test_a_page_whose_messages_show_again_is_not_touched(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    lane = run.send(run.judged())
    shows_again(run)
    asked = calls_of(run.sqs, "DeleteMessageBatch")
    assert run.delete(lane).counts["deleted"] == 0
    assert asked == []
    assert len(marks(run)) == 1


def test_the_mark_is_there_before_anything_is_sent_and_until_everything_is_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.judged()
    assert marks(run) == []
    die_at(run.sqs, "SendMessageBatch", 1)
    with pytest.raises(Killed):
        run.send(lane)
    expected = [unsettled.Mark("orders-dlq", "run-1", "0/001-0001", int(lane.page.lapses))]
    assert marks(run) == expected


def test_the_mark_is_taken_away_when_everything_is_deleted(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.send(run.judged())
    assert len(marks(run)) == 1
    run.delete(lane)
    assert marks(run) == []


def test_a_page_with_nothing_to_send_has_no_mark(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.criteria["where"] = "false"
    run.judged()
    assert marks(run) == []


def test_an_error_of_aws_itself_is_left_for_the_state_machine_to_retry(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    lane = run.send(run.judged())
    refuse_calls(run.sqs, "DeleteMessageBatch", "RequestThrottled")
    with pytest.raises(run.sqs.exceptions.ClientError):
        run.delete(lane)


# What was sent and not deleted is not sent again: not by this run, not by the next


@pytest.mark.parametrize("later", ["run-1", "run-2"], ids=["the same run", "the next run"])
@pytest.mark.parametrize("died", ["before delete", "before settling", "in the last wave"])
def test_what_a_dead_step_sent_is_deleted_and_not_sent_again(run, queues, monkeypatch, later, died):
    monkeypatch.setattr(send, "WAVE", 1)
    monkeypatch.setattr(send, "THREADS", 1)
    aws.send(run.sqs, queues.dlq, [f"{n:02}" for n in range(15)])
    lane = run.judged()
    if died == "before delete":
        run.send(lane)
    else:
        if died == "before settling":
            die_at(run.ledger.s3, "PutObject", 1, when=of_kind("outcomes"))
        else:
            die_at(run.sqs, "SendMessageBatch", 2)
        with pytest.raises(Killed):
            run.send(lane)
    shows_again(run)
    again = run.another(later).drain(run.lane(index=1))
    known = 10 if died == "in the last wave" else 15
    assert again.counts["settled"] == known
    assert again.counts["sent"] == 15 - known
    assert again.counts["deleted"] == again.counts["received"] == 15
    assert sorted(found["Body"] for found in aws.drain(run.sqs, queues.source)) == [f"{n:02}" for n in range(15)]
    assert count(run.sqs, queues.dlq) == (0, 0)


def test_a_settled_message_keeps_the_id_that_it_got(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.send(run.judged())
    [first] = run.outcomes()
    shows_again(run)
    later = run.another("run-2")
    later.drain()
    [second] = later.outcomes()
    assert (second["outcome"], second["new_id"]) == ("settled", first["new_id"])


def test_a_page_that_is_being_worked_on_is_nobody_elses_to_settle(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.send(run.judged())
    assert unsettled.already_sent(run.ledger, run.journal, "orders-dlq") == {}
    shows_again(run)
    assert len(unsettled.already_sent(run.ledger, run.journal, "orders-dlq")) == 1
    assert unsettled.already_sent(run.ledger, run.journal, "orders") == {}


def test_a_page_whose_backup_is_gone_is_left_to_whoever_receives_its_messages_next(run, queues):
    aws.send(run.sqs, queues.dlq, ["one", "two"])
    lane = run.send(run.judged())
    run.lose("pages")
    assert run.delete(lane).counts["deleted"] == 0
    assert len(marks(run)) == 1


def test_what_was_sent_is_known_by_its_outcomes_when_the_backup_is_gone(run, queues):
    aws.send(run.sqs, queues.dlq, ["one"])
    run.send(run.judged())
    shows_again(run)
    run.lose("pages")
    [sent] = run.outcomes()
    assert unsettled.already_sent(run.ledger, run.journal, "orders-dlq") == {sent["id"]: sent["new_id"]}


def test_a_mark_whose_backup_is_gone_is_no_matter(run):
    unsettled.put(run.ledger, unsettled.Mark("orders-dlq", "run-0", "0/001-0001", 1), 3, [])
    assert unsettled.already_sent(run.ledger, run.journal, "orders-dlq") == {}


def test_a_key_is_read_as_it_was_written():
    mark = unsettled.Mark("orders-dlq.fifo", "run-1", "9/012-0345", 1_795_186_800)
    assert unsettled.Mark.from_key(mark.key) == mark

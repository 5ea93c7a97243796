"""Restore: the messages of an earlier run as they were received, once each, and recorded as a run of its own."""

from collections import Counter

import pytest

from redrive.sqs.queues import describe
from redrive.steps.restore import PAST_ITS_DAYS, choose, restore, without
from redrive.stores import pages, restores
from redrive.values.request import Key
from support import aws
from support.breaking import Killed, die_at, refuse_entries
from support.library import BLOB, run_named, text

ATTRIBUTES = {
    "blob": {"DataType": "Binary.png", "BinaryValue": BLOB},
    "n": {"DataType": "Number", "StringValue": "1.10"},
}
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"


@pytest.fixture
def target(sqs):
    return describe(sqs, sqs.create_queue(QueueName="elsewhere")["QueueUrl"])


@pytest.fixture
def deleted(run, queues):
    """A run that deleted three messages of five, and held the others; gives it and the ids."""
    ids = aws.send(
        run.sqs,
        queues.dlq,
        [f'{{"n":{n}, "id": "order-{n}"}}' for n in range(5)],
        MessageAttributes=ATTRIBUTES,
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}},
    )
    run.choosing(where="body.n > 1", action="delete", key=Key("body.id"))
    run.release(run.drain())
    return run, ids


def again(run, to, ids=(), outcomes=("discarded",), name="restore-1", goes_on=lambda: True, chosen=None, salt=""):
    into = run.ledger.of(run_named(name))
    restores.begin(run.ledger, into, to.arn)
    chosen = choose(run.ledger, ids, outcomes) if chosen is None else chosen
    done = [each for wave in restore(run.sqs, run.ledger, into, to, chosen, goes_on, salt) for each in wave]
    return into, done


def test_what_was_deleted_comes_back_whole(deleted, target):
    run, ids = deleted
    run.lose("pages")  # the backup is past its days, the archive is not
    into, done = again(run, target)
    assert [each.outcome for each in done] == ["sent"] * 3
    arrived = aws.drain(run.sqs, target.url)
    assert sorted(each["Body"] for each in arrived) == [f'{{"n":{n}, "id": "order-{n}"}}' for n in range(2, 5)]
    for each in arrived:
        assert each["MessageAttributes"]["blob"] == ATTRIBUTES["blob"]
        assert each["MessageAttributes"]["n"] == ATTRIBUTES["n"]
        assert each["Attributes"]["AWSTraceHeader"] == TRACE
        assert '"count":1' in each["MessageAttributes"]["redrive"]["StringValue"]
    lines = [line for name in into.names("outcomes") for line in into.read("outcomes", name)]
    assert {line["id"] for line in lines} == set(ids[2:])
    assert {line["new_id"] for line in lines} == {each["MessageId"] for each in arrived}
    assert {line["run"] for line in lines} == {run_named("restore-1")}
    assert {line["queue"] for line in lines} == {"orders-dlq"}
    assert {line["key"] for line in lines} == {"order-2", "order-3", "order-4"}
    assert all(line["first_sent"] for line in lines)


def test_a_message_is_chosen_by_its_id_or_by_the_one_that_it_got(run, queues, target):
    [first, second] = aws.send(run.sqs, queues.dlq, ["one", "two"])
    run.drain()
    new = {line.id: line.new_id for line in run.outcomes()}
    assert [line["id"] for each in choose(run.ledger, [first], []) for line in each.lines] == [first]
    assert [line["id"] for each in choose(run.ledger, [new[second]], []) for line in each.lines] == [second]
    assert choose(run.ledger, ["nobody"], []) == []
    again(run, target, ids=[first], outcomes=())
    assert [each["Body"] for each in aws.drain(run.sqs, target.url)] == ["one"]


def test_what_is_past_its_days_has_failed_and_costs_no_other(run, queues, target):
    aws.send(run.sqs, queues.dlq, ["one", "two", "three", "four"])
    run.choosing(where="false")
    run.release(run.drain(run.lane(page_size=2, per_poll=2)))
    run.lose("pages", "0/001-0001")
    _, done = again(run, target, outcomes=("held",))
    assert Counter((each.outcome, each.reason) for each in done) == {("failed", PAST_ITS_DAYS): 2, ("sent", ""): 2}
    assert len(aws.drain(run.sqs, target.url)) == 2


def test_a_repeat_knows_what_was_sent_and_of_what_nobody_can_say(deleted, target, monkeypatch):
    run, _ = deleted
    monkeypatch.setattr("redrive.steps.restore.STANDARD", run.lane(batch=1, wave=1).budget)
    assert restores.earlier(run.ledger, target.arn) == restores.Restored(frozenset(), frozenset())
    die_at(run.sqs, "SendMessageBatch", 2, after=True)
    with pytest.raises(Killed):
        again(run, target)
    before = restores.earlier(run.ledger, target.arn)
    assert (len(before.sent), len(before.unsure)) == (1, 1)
    assert restores.earlier(run.ledger, "arn:of:another").sent == frozenset()
    left = without(choose(run.ledger, [], ["discarded"]), before.sent)
    again(run, target, name="restore-2", chosen=left)
    assert len(restores.earlier(run.ledger, target.arn).sent) == 3
    assert restores.earlier(run.ledger, target.arn).unsure == frozenset()
    bodies = Counter(each["Body"] for each in aws.drain(run.sqs, target.url))
    assert sorted(bodies.values()) == [1, 1, 2]  # the one that nobody could tell of


def test_it_stops_between_two_waves(deleted, target, monkeypatch):
    run, _ = deleted
    monkeypatch.setattr("redrive.steps.restore.STANDARD", run.lane(batch=1, wave=1).budget)
    turns = iter([True, True, False])
    into, done = again(run, target, goes_on=lambda: next(turns))
    assert len(done) == 1
    assert len(aws.drain(run.sqs, target.url)) == 1
    assert len(pages.closed_names(into)) == 1


def test_what_sqs_refuses_has_failed(deleted, target):
    run, _ = deleted
    refuse_entries(
        run.sqs, "SendMessageBatch", lambda entry: ("X", True) if "order-3" in entry["MessageBody"] else None
    )
    _, done = again(run, target)
    assert Counter(each.outcome for each in done) == {"sent": 2, "failed": 1}


def test_a_group_keeps_its_order_and_the_redrive_before_does_not_make_sqs_drop_it(fifo_run, fifo_queues):
    run = fifo_run
    aws.send(run.sqs, fifo_queues.dlq, [f"{n}" for n in range(4)], group=lambda n: "ab"[n % 2])
    run.drain()
    source = describe(run.sqs, fifo_queues.source)
    assert len(aws.drain(run.sqs, source.url)) == 4
    again(run, source, outcomes=("sent",))  # within five minutes of the redrive, to the same queue
    back = aws.drain(run.sqs, source.url)
    by_group = {}
    for each in back:
        by_group.setdefault(each["Attributes"]["MessageGroupId"], []).append(each["Body"])
    assert by_group == {"a": ["0", "2"], "b": ["1", "3"]}


def test_what_is_no_message_of_ours_is_passed_over(deleted, target):
    run, _ = deleted
    run.ledger.write("archive", "0/001-0001", [{"id": 7}])
    _, done = again(run, target)
    assert [each.outcome for each in done] == ["sent"] * 3  # from the backup
    run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=run.ledger.page_key("outcomes", "0/001-0001"), Body=b"?")
    assert choose(run.ledger, [], ["discarded"]) == []


def test_an_attribute_that_sqs_does_not_take_any_more_fails_alone(deleted, target):
    run, _ = deleted
    [first, *_] = archived = pages.read_archive(run.ledger, "0/001-0001")
    large = {f"a{n}": text("x" * 200_000) for n in range(8)}
    lines = [message.to_json() for message in archived]
    lines[0]["attributes"] = large
    run.ledger.write("archive", "0/001-0001", lines)
    _, done = again(run, target)
    assert {each.id: each.outcome for each in done}[first.id] == "failed"
    assert Counter(each.outcome for each in done) == {"sent": 2, "failed": 1}

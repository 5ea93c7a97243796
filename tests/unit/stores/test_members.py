"""Members: the messages of an earlier run, by their ids, wherever they are found."""

import pytest

from redrive.steps.index import index_run
from redrive.stores import index, members
from redrive.values.errors import InvalidRequest
from redrive.values.request import OfRun
from support import aws
from support.breaking import calls_of, of_kind, refuse_entries
from support.library import run_named

RUN = run_named("run-1")
FAILED = OfRun(RUN)


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    monkeypatch.setattr(members, "_kept", {})


@pytest.fixture
def failed(run, queues):
    """A run of four messages of which two failed, in pages of two; gives it, and the ids of those two."""
    ids = aws.send(run.sqs, queues.dlq, ["bad 1", "good 1", "bad 2", "good 2"])
    refusing = [True]
    refuse_entries(
        run.sqs,
        "SendMessageBatch",
        lambda entry: ("X", True) if refusing and entry["MessageBody"].startswith("bad") else None,
    )
    run.release(run.drain(run.lane(page_size=2, per_poll=2)))
    refusing.clear()
    return run, {ids[0], ids[2]}


def in_(run, wanted=FAILED):
    found = members.of_run(run.ledger, wanted)
    lines = [line for page in run.ledger.names("outcomes") for line in run.ledger.read("outcomes", page)]
    return {line["id"] for line in lines if line["id"] in found}


@pytest.mark.parametrize("indexed", [False, True])
def test_they_are_those_that_ended_so_and_no_others(failed, indexed):
    run, ids = failed
    if indexed:
        index_run(run.ledger, lambda: 60_000)
    assert in_(run) == ids
    assert in_(run, OfRun(RUN, ("held",))) == set()
    assert in_(run, OfRun(RUN, ("sent", "failed"))) > ids
    assert "bad 1" not in members.of_run(run.ledger, FAILED)
    assert 7 not in members.of_run(run.ledger, FAILED)


def test_they_are_read_once_and_from_the_index_where_that_is_whole(failed, monkeypatch):
    run, _ = failed
    index_run(run.ledger, lambda: 60_000)
    asked = calls_of(run.ledger.s3, "GetObject")
    in_(run)
    assert [call["Key"] for call in asked if call["Key"].startswith("index/")] == [index.key_of(RUN, 0)]
    before = len(asked)
    members.of_run(run.ledger, FAILED)
    assert len(asked) == before
    # One that was cut short has no last part: the pages tell.
    monkeypatch.setattr(index, "PAGES_IN_A_PART", 1)
    monkeypatch.setattr(members, "_kept", {})
    members.of_run(run.ledger, FAILED)
    assert any(of_kind("outcomes")(call) for call in asked[before:])


def test_a_page_that_is_damaged_hides_no_other(failed):
    run, ids = failed
    [first, *_] = sorted(run.ledger.names("outcomes"))
    here = {line["id"] for line in run.ledger.read("outcomes", first)}
    run.ledger.s3.put_object(Bucket=run.ledger.bucket, Key=run.ledger.page_key("outcomes", first), Body=b"no gzip")
    assert in_again(run, ids) == ids - here


def in_again(run, ids):
    found = members.of_run(run.ledger, FAILED)
    return {id_ for id_ in ids if id_ in found}


def test_there_may_not_be_more_than_a_worker_can_hold(failed, monkeypatch):
    run, _ = failed
    monkeypatch.setattr(members, "MOST_MEMBERS", 1)
    with pytest.raises(InvalidRequest, match=r"^filter.of_run: the run has more than 1 such messages; "):
        members.of_run(run.ledger, FAILED)


def test_a_later_run_sends_what_failed_in_the_earlier_one_and_nothing_else(failed, queues):
    run, ids = failed
    new = aws.send(run.sqs, queues.dlq, ["another"])
    later = run.another("run-2")
    later.choosing(of_run=FAILED)
    lane = later.drain()
    assert (lane.tally.counts["sent"], lane.tally.counts["held"], lane.tally.unmatched) == (2, 1, 1)
    outcomes = {line.id: line for page in later.ledger.names("outcomes") for line in later.outcomes(page)}
    assert {id_ for id_, line in outcomes.items() if line.outcome == "sent"} == ids
    assert outcomes[new[0]].reason == "filter.of_run does not match"

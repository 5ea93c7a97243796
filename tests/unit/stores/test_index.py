"""The index: the outcomes of a run in few objects, which anybody can read as one, and which no run fails by."""

import gzip
import json

import pytest

from redrive.steps.index import RESERVE_MS, index_run
from redrive.stores import index
from support import aws
from support.breaking import of_kind, refuse_calls

DAY = "2026-11-21"


def long():
    return 10 * RESERVE_MS


@pytest.fixture
def closed(run, queues):
    """A run of three pages: two messages in each."""
    lane = run.lane(page_size=2, per_poll=2)
    for page in range(3):
        aws.send(run.sqs, queues.dlq, [f'{{"secret":"s3cret","n":{page}}}', "x"])
        lane = run.turn(lane)
    return run


def lines_of(run):
    """The index of a day, read as a program does that knows of gzip and JSON lines alone."""
    s3, found = run.ledger.s3, []
    for key in index.parts(run.ledger, [DAY]):
        body = s3.get_object(Bucket=run.ledger.bucket, Key=key)["Body"].read()
        found.append([json.loads(line) for line in gzip.decompress(body).splitlines()])
    return found


def test_it_has_every_line_of_the_outcomes_and_nothing_else(closed, monkeypatch):
    monkeypatch.setattr(index, "PAGES_IN_A_PART", 2)
    assert index_run(closed.ledger, long) is None
    pages = sorted(closed.ledger.names("outcomes"))
    assert lines_of(closed) == [
        [*closed.ledger.read("outcomes", pages[0]), *closed.ledger.read("outcomes", pages[1])],
        closed.ledger.read("outcomes", pages[2]),
    ]
    assert "s3cret" not in json.dumps(lines_of(closed))
    assert list(index.parts(closed.ledger, [DAY])) == [
        f"index/day={DAY}/run-1.0000.jsonl.gz",
        f"index/day={DAY}/run-1.0001.jsonl.gz",
    ]


def test_a_line_tells_of_itself_without_its_run(run, queues):
    aws.send(run.sqs, queues.source, ["dead-lettered"])
    aws.dead_letter(queues)
    aws.send(run.sqs, queues.dlq, ["put in by hand"])
    run.drain()
    lines = [line for page in run.ledger.names("outcomes") for line in run.ledger.read("outcomes", page)]
    assert {line["run"] for line in lines} == {f"{DAY}/run-1"}
    assert {line["queue"] for line in lines} == {"orders-dlq"}
    assert {line["source"] for line in lines} == {"orders", None}
    assert "key" not in lines[0]


def test_it_is_kept_as_long_as_the_outcomes(closed):
    index_run(closed.ledger, long)
    [key] = index.parts(closed.ledger, [DAY])
    assert closed.ledger.s3.get_object_tagging(Bucket=closed.ledger.bucket, Key=key)["TagSet"] == []


def test_to_repeat_it_changes_nothing(closed):
    index_run(closed.ledger, long)
    first = lines_of(closed)
    assert index_run(closed.ledger, long) is None
    assert lines_of(closed) == first


@pytest.mark.parametrize("body", [b"", b"no gzip", gzip.compress(b'{"id":1}\n')[:-6]], ids=["empty", "text", "cut off"])
def test_a_page_that_is_damaged_costs_no_other(closed, body):
    key = closed.ledger.page_key("outcomes", "0/001-0002")
    closed.ledger.s3.put_object(Bucket=closed.ledger.bucket, Key=key, Body=body)
    note = index_run(closed.ledger, long)
    assert note == "the index has 2 of the 3 pages of this run, and 1 are not in it: 1 could not be read"
    assert [len(part) for part in lines_of(closed)] == [4]


def test_when_there_is_no_more_time_it_says_how_far_it_came(closed, monkeypatch):
    monkeypatch.setattr(index, "PAGES_IN_A_PART", 1)
    left = iter([RESERVE_MS + 1, RESERVE_MS])
    note = index_run(closed.ledger, lambda: next(left))
    assert note == "the index has 1 of the 3 pages of this run, and 2 are not in it: there was no more time"


@pytest.mark.parametrize(
    ("operation", "when"),
    [
        ("PutObject", lambda params: params["Key"].startswith("index/")),
        ("GetObject", of_kind("outcomes")),
        ("ListObjectsV2", lambda _: True),
    ],
)
def test_what_aws_refuses_is_a_note_and_no_failure(closed, operation, when):
    refuse_calls(closed.ledger.s3, operation, "AccessDenied", status=403, when=when)
    note = index_run(closed.ledger, long)
    assert note
    assert note.startswith("the index of this run could not be written (AccessDenied)")


def test_a_run_that_received_nothing_has_none(run):
    assert index_run(run.ledger, long) is None
    assert list(index.parts(run.ledger, [DAY])) == []

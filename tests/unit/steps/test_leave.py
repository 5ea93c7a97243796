"""The report that a run leaves: there for people, in nobody's way."""

import json
import re

import pytest

from redrive.report.history import History
from redrive.steps import leave
from redrive.steps.report import report
from redrive.stores import manifest
from redrive.stores.ledger import OUTCOMES
from support.aws import dead_letter, send
from support.library import BUCKET

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:redrive:run-1"
MOST = 10_000


def plenty():
    return 110_000  # ms, as the step has when it begins


@pytest.fixture
def state(run, queues):
    """What a run knows of itself that has sent three messages."""
    send(run.sqs, queues.source, ["secret-4711"] * 3)
    dead_letter(queues)
    return run.state(run.drain())


def gathered(run, sfn, state, *, most=MOST, remaining=plenty):
    return leave.gather(run.ledger, lambda: sfn, EXECUTION, state, most, remaining)


def left(run):
    found = run.ledger.s3.get_object(Bucket=BUCKET, Key=f"runs/{run.ledger.run}/report.html")
    assert found["ContentType"] == "text/html"
    html = found["Body"].read().decode()
    return json.loads(re.search(r'id="document">(.*?)</script>', html)[1])


def names(run):
    listed = run.ledger.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"runs/{run.ledger.run}/").get("Contents", [])
    return {item["Key"].rsplit("/", 1)[-1] for item in listed} & {"report.html", "history.json"}


def test_a_report_shows_the_messages_and_no_body(run, sfn, state):
    found = gathered(run, sfn, state)
    summary = report(run.ledger, state)
    assert leave.leave(run.ledger, summary, found, manifest.gather(run.ledger, plenty))
    document = left(run)
    assert len(document["messages"]["rows"]) == 3
    assert document["summary"] == summary.to_json()
    assert {file["key"] for file in document["files"]} >= {"summary.json", "outcomes/0/001-0001.jsonl.gz"}
    assert "secret-4711" not in json.dumps(document)


def test_a_history_that_cannot_be_read_leaves_a_report_without_the_way(run, sfn, state):
    """moto knows no such execution."""
    assert leave.leave(run.ledger, report(run.ledger, state), gathered(run, sfn, state), [])
    assert left(run)["history"] is None
    assert names(run) == {"report.html"}


@pytest.mark.parametrize(("most", "remaining"), [(0, plenty), (2, plenty), (MOST, lambda: 20_000)])
def test_there_is_none_of_a_run_that_is_too_large_or_has_no_time_or_is_to_leave_none(run, sfn, state, most, remaining):
    found = gathered(run, sfn, state, most=most, remaining=remaining)
    assert not leave.leave(run.ledger, report(run.ledger, state), found, [])
    assert names(run) == set()


class Broken:
    """An S3 that answers one call with what is no answer at all."""

    def __init__(self, s3, call):
        self._s3, self._call = s3, call

    def __getattr__(self, name):
        if name == self._call:
            raise MemoryError
        return getattr(self._s3, name)


@pytest.mark.parametrize("call", ["get_object", "get_paginator", "get_object_lock_configuration", "put_object"])
def test_whatever_fails_nothing_is_raised(run, sfn, state, call):
    from dataclasses import replace

    summary = report(run.ledger, state)
    broken = replace(run.ledger, s3=Broken(run.ledger.s3, call))
    found = leave.gather(broken, lambda: sfn, EXECUTION, state, MOST, plenty)
    assert not leave.leave(broken, summary, found, [])


def test_outcomes_that_are_none_of_ours_leave_a_report_that_says_so(run, sfn, state):
    key = f"runs/{run.ledger.run}/{OUTCOMES}/0/001-0001.jsonl.gz"
    run.ledger.s3.put_object(Bucket=BUCKET, Key=key, Body=b"\x1f\x8b and no more")
    assert leave.leave(run.ledger, report(run.ledger, state), gathered(run, sfn, state), [])
    assert left(run)["notes"] == ["The outcomes of 1 pages cannot be read: 0/001-0001."]


def test_the_way_is_in_the_ledger_before_its_end_is_known(run, sfn, state, monkeypatch):
    from datetime import UTC, datetime

    from redrive.history.events import Entered

    class Tail:
        def __init__(self, *_, live):
            assert not live

        def events(self):
            yield Entered(datetime(2026, 11, 21, 6, tzinfo=UTC), None, "Write the report", "Task", {})

    monkeypatch.setattr(leave, "Tail", Tail)
    found = gathered(run, sfn, state)
    written = History.from_json(run.ledger.read_document("history"))
    assert [visit["status"] for visit in written.visits] == ["running"]
    assert leave.leave(run.ledger, report(run.ledger, state), found, [])
    states = [visit["state"] for visit in left(run)["history"]["visits"]]
    assert states == ["Write the report", "Did everything arrive?", "Redrive complete"]

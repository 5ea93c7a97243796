"""The document of a run's report, and what it says of its ledger, whatever stands there."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from redrive.history.events import AttemptFailed, Entered, LanesStarted, Left, Retried
from redrive.report.files import hashed, object_lock
from redrive.report.history import MOST_CAUSE, History, read_history
from redrive.report.messages import BY_HAND, COLUMNS, DEAD_LETTERED, UNKNOWN, bodies_of, pack, read_lines
from redrive.report.run import Found, run_document
from redrive.report.words import RUNNING, next_steps, sentence
from redrive.steps.report import report
from redrive.stores.ledger import OUTCOMES, PAGES
from redrive.values import prices
from redrive.values.outcome import no_counts
from redrive.values.summary import Status
from support.library import BUCKET, run_named

AT = datetime(2026, 11, 21, 6, tzinfo=UTC)
LINE = {"id": "id-1", "outcome": "sent", "reason": "", "new_id": "new-1", "destination": "orders", "stamped": True}


def after(seconds):
    return AT + timedelta(seconds=seconds)


def events():
    """A run with one lane, whose filter is tried twice and then caught."""
    yield Entered(after(0), None, "Check the request", "Task", {})
    yield Left(after(1), None, "Check the request", "Task", {})
    yield Entered(after(1), None, "Drain the queue", "Map", {})
    yield LanesStarted(after(1), None, "arn:map-run", 1)
    yield Entered(after(2), 1, "Filter the page", "Task", {})
    yield AttemptFailed(after(3), 1, "Filter the page", "Sandbox.Timedout", "slow")
    yield Retried(after(4), 1, "Filter the page", 2)
    yield AttemptFailed(after(5), 1, "Filter the page", "PageGone", "c" * 5000)
    yield Left(after(6), 1, "Filter the page", "Task", {})
    yield Entered(after(6), 1, "Lane stopped", "Succeed", {})
    yield Left(after(7), None, "Drain the queue", "Map", {})
    yield Entered(after(8), None, "Write the report", "Task", {})


def rows_of(table):
    at = {name: n for n, name in enumerate(table["columns"])}
    words = table["words"]
    return [
        {name: words[row[n]] if name in table["worded"] and row[n] is not None else row[n] for name, n in at.items()}
        for row in table["rows"]
    ]


def a_summary(run, **counts):
    lane = run.drain()
    return report(run.ledger, run.state(lane))


def test_a_history_tells_what_was_tried_again_and_what_was_caught():
    history = read_history(events())
    assert [visit["state"] for visit in history.visits] == [
        "Check the request",
        "Drain the queue",
        "Filter the page",
        "Lane stopped",
        "Write the report",
    ]
    filtered = history.visits[2]
    assert (filtered["lane"], filtered["status"], filtered["attempts"]) == (1, "caught", 2)
    assert (filtered["retried"], filtered["error"], len(filtered["cause"])) == (
        ["Sandbox.Timedout"],
        "PageGone",
        MOST_CAUSE,
    )
    assert filtered["entered"] == AT.timestamp() * 1000 + 2000
    assert (history.end, history.complete) == (None, True)
    assert History.from_json(json.loads(json.dumps(history.to_json()))) == history


def test_a_history_is_cut_where_there_is_too_much_of_it_or_no_time():
    assert not read_history(events(), most=3).complete
    assert not read_history(events(), seconds=-1).complete
    assert read_history(events(), most=12, seconds=60).complete


@pytest.mark.parametrize("status", list(Status))
def test_what_follows_the_report_is_foretold_as_the_machine_has_it(status):
    from pathlib import Path

    machine = json.loads((Path(__file__).parents[3] / "statemachine" / "redrive.asl.json").read_text())["States"]
    question = machine["Did everything arrive?"]
    leads = {rule["StringEquals"]: rule["Next"] for rule in question["Choices"]}
    *_, asked, end = read_history(events()).foretold(status).visits
    assert machine["Write the report"]["Next"] == asked["state"]
    assert end["state"] == leads.get(status, question["Default"])
    assert machine[end["state"]]["Type"] == end["kind"]
    assert end["foretold"]


def test_nothing_is_foretold_of_a_run_that_did_not_come_so_far():
    history = History(read_history(events()).visits[:2])
    assert history.foretold(Status.COMPLETE) == history


def test_a_real_run_conserves_its_messages_in_the_report(run, queues):
    from support.aws import dead_letter, send

    send(run.sqs, queues.source, [f"body {n}" for n in range(7)])
    dead_letter(queues)
    summary = a_summary(run)
    outcomes = list(read_lines(run.ledger, ["0/001-0001"]))
    document = run_document(Found(run.ledger.run, summary, outcomes=outcomes, files=hashed(run.ledger)))
    rows = rows_of(document["messages"])
    assert len(rows) == summary.counts["received"] == 7
    assert {row["outcome"] for row in rows} == {"sent"}
    assert document["sentence"] == "7 of 7 messages went from orders-dlq back where they came from."
    assert "body 3" not in json.dumps(document)
    assert all(file["sha256"] and file["bytes"] for file in document["files"])
    assert {file["key"] for file in document["files"]} >= {"summary.json", "outcomes/0/001-0001.jsonl.gz"}
    bodies = bodies_of(run.ledger, ["0/001-0001"])
    with_bodies = run_document(Found(run.ledger.run, summary, outcomes=outcomes, bodies=bodies))
    assert sorted(with_bodies["messages"]["bodies"]) == [f"body {n}" for n in range(7)]


def test_lines_that_are_none_of_ours_are_shown_as_far_as_they_can_be(ledger):
    ledger.s3.put_object(Bucket=BUCKET, Key=f"runs/{ledger.run}/{OUTCOMES}/0/001-0001.jsonl.gz", Body=b"no gzip")
    ledger.write(OUTCOMES, "0/001-0002", [LINE | {"at": "soon", "first_sent": "x", "id": 7}, ["a list"], {}])
    outcomes = list(read_lines(ledger, ["0/001-0001", "0/001-0002"]))
    document = run_document(Found(ledger.run, None, outcomes=outcomes))
    first, *rest = rows_of(document["messages"])
    assert (first["id"], first["at"], first["first_sent"]) == ("7", None, None)
    assert [row["id"] for row in rest] == [None, None]
    assert document["notes"] == ["The outcomes of 1 pages cannot be read: 0/001-0001."]
    assert document["sentence"] == RUNNING


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({}, UNKNOWN),
        ({"source": "orders"}, DEAD_LETTERED),
        ({"source": None}, BY_HAND),
        ({"source": "o", "kind": "k"}, "k"),
    ],
)
def test_the_kind_of_a_dead_letter_is_as_far_known_as_its_ledger_tells(told, kind):
    (row,) = rows_of(pack([("0/001-0001", LINE | told)]))
    assert row["kind"] == kind


def test_a_hundred_thousand_lines_are_packed_small():
    lines = [
        ("0/001-0001", LINE | {"id": f"id-{n}", "reason": "the same for all of them", "key": f"k-{n}"})
        for n in range(1000)
    ]
    table = pack(lines)
    assert table["columns"] == list(COLUMNS)
    assert len(json.dumps(table)) / 1000 < 100


def test_a_report_does_not_tell_the_sum_of_itself(ledger):
    ledger.write_document("summary", {})
    ledger.s3.put_object(Bucket=BUCKET, Key=f"runs/{ledger.run}/report.html", Body=b"x")
    assert [file["key"] for file in hashed(ledger)] == ["summary.json"]


def test_object_lock_is_told_as_it_is(ledger, s3):
    assert object_lock(ledger) == {"on": False, "mode": None, "days": None, "years": None}
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 400}}
    s3.put_object_lock_configuration(
        Bucket="locked", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    from dataclasses import replace

    told = object_lock(replace(ledger, bucket="locked"))
    assert told == {"on": True, "mode": "COMPLIANCE", "days": 400, "years": None}
    assert object_lock(replace(ledger, bucket="nobodys")) is None


def test_bodies_stand_in_a_report_only_as_the_backup_has_them(ledger):
    ledger.write(PAGES, "0/001-0001", [{"id": "id-1", "body": "one"}, {"id": "id-2", "body": 2}, "a text"])
    assert bodies_of(ledger, ["0/001-0001", "0/001-0002"]) == {"id-1": "one"}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("received", [0, 3])
def test_every_end_has_its_sentence_and_none_quotes_what_it_should_not(run, status, received):
    from dataclasses import replace

    summary = report(run.ledger, run.state())
    counts = no_counts() | {"received": received, "sent": received}
    said = sentence(replace(summary, status=status, counts=counts))
    assert not said[0].islower()
    assert said.endswith(".")
    for step in next_steps(replace(summary, status=status, counts=counts | {"failed": 1}), run_named("run-1")):
        assert step["say"].endswith(".")


def test_what_was_deleted_is_not_said_to_be_sent(run):
    from dataclasses import replace

    summary = replace(report(run.ledger, run.state()), status=Status.COMPLETE)
    counts = no_counts() | {"received": 5, "held": 3, "discarded": 2}
    said = sentence(replace(summary, counts=counts))
    assert said == f"2 of 5 messages in {run.queue.name} were archived, and deleted for good, 3 stayed."
    steps = [step["command"] for step in next_steps(replace(summary, counts=counts), "r") if "command" in step]
    assert steps == [f"redrive restore {summary.run} --outcome discarded --to {run.queue.name}"]


def test_a_request_that_was_refused_has_a_report():
    from redrive.values.plan import RunState
    from support.library import STARTED

    class Nowhere:
        run, bucket, address, s3 = run_named("run-1"), "b", "s3://b/", None

        def write_document(self, *_):
            pass

    summary = report(Nowhere(), RunState.from_json({"failure": {"Error": "InvalidRequest", "Cause": "no"}}, STARTED))
    document = run_document(Found(run_named("run-1"), summary))
    assert document["sentence"] == "The run failed before it received anything."
    assert document["messages"]["rows"] == []


def test_prices_are_of_what_is_billed():
    from redrive.values.bill import BILLED

    assert set(prices.EACH) == set(BILLED)
    assert prices.dollars({"transitions": 1000, "sqs": 1_000_000})["transitions"] == pytest.approx(0.025)
    assert prices.dollars_of_time({"Filter the page": 1.0}) == pytest.approx(1769 / 1024 * 13.3334e-6)


def test_the_memory_that_is_priced_is_that_of_the_template():
    import re
    from pathlib import Path

    root = Path(__file__).parents[3]
    template = (root / "template.yaml").read_text()
    usual = int(re.search(r"^    MemorySize: (\d+)", template, re.MULTILINE)[1])
    machine = json.loads((root / "statemachine" / "redrive.asl.json").read_text())["States"]
    states = machine | machine["Drain the queue"]["ItemProcessor"]["States"]
    found = {}
    for name, state in states.items():
        if function := re.fullmatch(r"\$\{(\w+Function)Arn\}", state.get("Resource", "")):
            block = re.search(rf"^  {function[1]}:\n(.*?)(?=^  \w)", template, re.MULTILINE | re.DOTALL)[1]
            own = re.search(r"^      MemorySize: (\d+)", block, re.MULTILINE)
            found[name] = int(own[1]) if own else usual
    assert found == prices.FUNCTIONS

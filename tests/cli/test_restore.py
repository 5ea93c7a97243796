"""`redrive restore`: what an earlier run received, sent again from this machine, and recorded as a run of its own."""

import json
import re

import pytest

from redrive.stores.ledger import Ledger
from support.aws import count, drain, numbered, where_they_are


@pytest.fixture(scope="module")
def deleted(embedded, on_embedded):
    queues = numbered(embedded.client("sqs"), list(range(5)))
    done = on_embedded("delete", queues.name, "--where", "body.n > 2", "--yes", queues.name, "--json")
    assert done.returncode == 0, done.stderr
    return queues, json.loads(done.stdout)


def test_what_was_deleted_comes_back_and_once(deleted, on_embedded, embedded):
    queues, summary = deleted
    run = summary["ledger"].partition("/runs/")[2].rstrip("/")

    done = on_embedded("restore", run, "--outcome", "discarded", "--to", queues.name, "--json")

    assert done.returncode == 0, done.stderr
    restored = json.loads(done.stdout)
    assert (restored["status"], restored["path"], restored["sent"], restored["received"]) == (
        "complete",
        "restore",
        2,
        2,
    )
    assert restored["request"] == {
        "queue": queues.name,
        "action": "restore",
        "destination": queues.name,
        "run": run,
        "outcomes": ["discarded"],
    }
    assert restored["started_by"].startswith("command line, arn:")
    assert count(queues.sqs, queues.dlq) == (5, 0)
    again = on_embedded("restore", summary["run"], "--outcome", "discarded", "--to", queues.name)  # by its name
    assert again.returncode == 1
    assert "All of them were restored to" in again.stderr
    assert where_they_are(queues, list(range(5)))[0] == list(range(5))
    # It left what every run leaves.
    name = restored["ledger"].partition("/runs/")[2].rstrip("/")
    ledger = Ledger(embedded.client("s3"), embedded.bucket, name)
    assert ledger.read_document("summary") == restored
    assert ledger.read_document("request")["started_by"] == restored["started_by"]
    day, _, name = name.partition("/")
    listed = embedded.client("s3").list_objects_v2(Bucket=embedded.bucket, Prefix=f"index/day={day}/{name}.")
    assert listed["KeyCount"] == 1


def test_one_message_is_restored_by_its_id_and_shown(embedded, on_embedded):
    queues = numbered(embedded.client("sqs"), [1, 2])
    sent = json.loads(on_embedded("run", queues.name, "--record", "--json").stdout)
    [one, _] = drain(queues.sqs, queues.source)
    done = on_embedded("restore", sent["run"], "--id", one["MessageId"], "--to", queues.dlq)
    assert done.returncode == 0, done.stderr
    assert "1 messages of" in done.stderr
    assert "path" in done.stdout
    name = re.search(r"^run +(\S+)$", done.stdout, re.MULTILINE)[1]
    shown = on_embedded("show", name)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(rf"^restore +{one['MessageId']} of \S+/{sent['run']}$", shown.stdout, re.MULTILINE)
    assert "States" not in shown.stdout  # it is no execution
    verified = on_embedded("verify", name)
    assert (verified.returncode, "changed" in verified.stdout) == (0, False), verified.stderr
    assert "1 of 1 message were sent again" in on_embedded("report", name, "-o", "-").stdout
    [back] = drain(queues.sqs, queues.dlq)
    assert back["Body"] == one["Body"]


def test_a_backup_that_is_past_its_days_is_said_to_be(embedded, on_embedded):
    queues = numbered(embedded.client("sqs"), [1])
    summary = json.loads(on_embedded("run", queues.name, "--preview", "--json").stdout)
    run = summary["ledger"].partition("/runs/")[2].rstrip("/")
    s3 = embedded.client("s3")
    for item in s3.list_objects_v2(Bucket=embedded.bucket, Prefix=f"runs/{run}/pages/")["Contents"]:
        s3.delete_object(Bucket=embedded.bucket, Key=item["Key"])
    done = on_embedded("restore", run, "--outcome", "previewed", "--to", queues.name)
    assert done.returncode == 1
    assert "The messages themselves are past their days: their copies are kept for 14 days" in done.stderr


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--to", "x"], "Say by --id or by --outcome what is to be restored."),
        (["--id", "a", "--outcome", "sent", "--to", "x"], "Say by --id or by --outcome what is to be restored."),
        (["--outcome", "sent", "--to", "no-such-queue"], "to: there is no queue 'no-such-queue'"),
        (["--outcome", "sent", "--to", "a b"], "to: 'a b' is no queue"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_sends_nothing(deleted, on_embedded, words, error):
    _, summary = deleted
    done = on_embedded("restore", summary["run"], *words)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert error in done.stderr
    assert "hint: " in done.stderr


def test_an_outcome_that_there_was_not_is_said_so(deleted, on_embedded):
    queues, summary = deleted
    done = on_embedded("restore", summary["run"], "--outcome", "sent", "--to", queues.name)
    assert done.returncode == 1
    assert "has no record of sent." in done.stderr

"""`redrive retry`: what failed in an earlier run, by message id, and nothing else."""

import json
import re

import pytest

from support.aws import count, dead_letter, numbered, send, where_they_are

BREAKS = "body.n < 3 ? $error('no') : body"


@pytest.fixture(scope="module")
def failed(embedded, on_embedded):
    """A run of six messages of which three failed; a seventh came later."""
    queues = numbered(embedded.client("sqs"), list(range(6)))
    run = on_embedded("run", queues.name, "--transform", BREAKS, "--key", "body.n", "--json")
    assert run.returncode == 1, run.stderr
    summary = json.loads(run.stdout)
    assert (summary["sent"], summary["failed"]) == (3, 3)
    send(queues.sqs, queues.source, ['{"n": 6}'])
    queues.sqs.receive_message(QueueUrl=queues.source, MaxNumberOfMessages=10)  # those that were sent fail again
    dead_letter(queues)
    return queues, summary, re.search(r"runs/(.*)/$", summary["ledger"])[1]


def test_it_says_what_there_is_when_nothing_ended_so(failed, on_embedded):
    _, _, run = failed
    done = on_embedded("retry", run, "--outcome", "held")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: No message of {run} ended as held.",
        "hint: Of those that stayed, 3 failed: name them with --outcome.",
    ]


def test_it_sends_what_failed_as_it_was_asked_for_unless_told_otherwise(failed, on_embedded):
    queues, earlier, run = failed
    waiting = count(queues.sqs, queues.dlq)[0]

    preview = on_embedded("retry", earlier["run"], "--preview", "--json")  # by the name alone; it would fail again
    assert preview.returncode == 1, preview.stderr
    assert json.loads(preview.stdout)["failed"] == 3

    done = on_embedded("retry", run, "--transform", "body", "--json")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["request"] == {
        "queue": queues.name,
        "filter": {"of_run": {"run": run, "outcomes": ["failed"]}},
        "transform": "body",
        "key": "body.n",
    }
    assert (summary["sent"], summary["held"]) == (3, waiting - 3)
    assert where_they_are(queues, list(range(7)))[1] == [0, 1, 2]


def test_what_a_preview_would_have_sent_is_sent_and_no_message_more(embedded, on_embedded):
    queues = numbered(embedded.client("sqs"), list(range(4)))
    preview = json.loads(on_embedded("run", queues.name, "--where", "body.n > 1", "--preview", "--json").stdout)
    send(queues.sqs, queues.source, ['{"n": 4}'])
    dead_letter(queues)

    done = on_embedded("retry", preview["run"], "--outcome", "previewed", "--json")

    assert done.returncode == 0, done.stderr
    assert where_they_are(queues, list(range(5))) == ([0, 1, 4], [2, 3])


def test_a_native_run_has_no_record_to_retry_by(embedded, on_embedded):
    queues = numbered(embedded.client("sqs"), [1])
    moved = json.loads(on_embedded("run", queues.name, "--json").stdout)
    assert moved["path"] == "native"
    done = on_embedded("retry", moved["run"])
    assert done.returncode == 1
    error, hint = done.stderr.splitlines()
    assert error.endswith("itself, and the ledger has no record of single ones.")
    assert f"redrive run {queues.name}" in hint
    assert hint.endswith(" --record")


def test_a_run_that_is_not_there_is_said_so(on_embedded):
    done = on_embedded("retry", "2020-01-01/nobody")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: There is no summary of 2020-01-01/nobody.")
    done = on_embedded("retry", "nobody")
    assert done.returncode == 1
    assert "An older run is found by its day as well" in done.stderr


def test_a_run_that_was_refused_has_nothing_to_retry(on_embedded):
    refused = re.search(r"no-such-queue-\w+-\w+", on_embedded("run", "no-such-queue").stderr)[0]
    done = on_embedded("retry", refused)
    assert done.returncode == 1
    assert "was refused before it looked at any message" in done.stderr

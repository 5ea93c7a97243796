"""`redrive report`: of a run that AWS still has, of one that only the ledger has, and of a queue."""

import json
import re

import pytest

from redrive.stores.ledger import OUTCOMES, Ledger
from support.aws import dead_letter, drain, make_queues, send

OLD = "2026-08-01/orders-dlq-of-old"
SECRET = "secret-4711"


def document_in(path):
    return json.loads(re.search(r'id="document">(.*?)</script>', path.read_text())[1])


@pytest.fixture(scope="module")
def queues(embedded):
    queues = make_queues(embedded.client("sqs"))
    send(queues.sqs, queues.source, [json.dumps({"n": n, "secret": SECRET}) for n in range(5)])
    dead_letter(queues)
    return queues


@pytest.fixture(scope="module")
def run(on_embedded, queues):
    """What a run says that sent three of five."""
    return json.loads(on_embedded("run", queues.name, "--where", "body.n < 3", "--json").stdout)


@pytest.fixture(scope="module")
def ledger(embedded, run):
    return Ledger(embedded.client("s3"), embedded.bucket, f"{run['started'][:10]}/{run['run']}")


def test_a_run_is_written_to_a_file_of_its_name(on_embedded, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = on_embedded("report", run["run"])
    assert (done.returncode, done.stderr) == (0, "")
    said, where = done.stdout.splitlines()
    assert said == f"3 of 5 messages went from {run['queue']} back where they came from, 2 stayed."
    path = tmp_path / f"{run['run']}.html"
    assert where.startswith(path.name)
    document = document_in(path)
    assert document["summary"] == run
    assert document["history"]["visits"][-1]["state"] == "Redrive complete"
    assert document["history"]["end"]["status"] == "SUCCEEDED"
    assert not any(visit.get("foretold") for visit in document["history"]["visits"])
    assert {"summary.json", "manifest.json", "history.json"} <= {file["key"] for file in document["files"]}
    assert SECRET not in path.read_text()


def test_bodies_are_in_it_when_they_are_asked_for(on_embedded, run, tmp_path):
    path = tmp_path / "with.html"
    assert on_embedded("report", run["run"], "--with-bodies", "-o", str(path)).returncode == 0
    assert all(SECRET in body for body in document_in(path)["messages"]["bodies"])


def test_stdout_gets_the_page_alone(on_embedded, run):
    done = on_embedded("report", run["run"], "-o", "-")
    assert done.stdout.startswith("<!doctype html>")
    assert done.stdout.rstrip().endswith("</html>")


def test_what_the_run_left_tells_the_same_as_what_is_made_later(embedded, ledger, on_embedded, run, tmp_path):
    """The manifest covers the history, which was there before it; and the bill has what the report cost."""
    body = ledger.s3.get_object(Bucket=embedded.bucket, Key=f"runs/{ledger.run}/report.html")["Body"].read()
    left, later = tmp_path / "left.html", tmp_path / "later.html"
    left.write_bytes(body)
    on_embedded("report", run["run"], "-o", str(later))
    one, other = document_in(left), document_in(later)
    for part in ("summary", "messages", "sentence", "next", "plan"):
        assert one[part] == other[part], part
    states = [[visit["state"] for visit in told["history"]["visits"]] for told in (one, other)]
    assert states[0] == states[1]
    assert "runs/" + ledger.run + "/history.json" in json.dumps(ledger.read_document("manifest"))
    assert on_embedded("verify", run["run"]).returncode == 0


def test_a_run_that_aws_forgot_is_told_from_the_ledger(on_embedded, ledger, run, tmp_path):
    old = ledger.of(OLD)
    old.write_document("summary", run | {"run": "orders-dlq-of-old"})
    old.write_document("history", ledger.read_document("history"))
    old.write(OUTCOMES, "0/001-0001", [{"id": "one", "outcome": "sent", "new_id": "anew"}])
    path = tmp_path / "old.html"
    assert on_embedded("report", OLD, "-o", str(path)).returncode == 0
    visits = document_in(path)["history"]["visits"]
    assert [visit["state"] for visit in visits if visit.get("foretold")] == [
        "Write the report",
        "Did everything arrive?",
        "Redrive complete",
    ]


def test_a_queue_is_told_over_its_runs(on_embedded, queues, run, tmp_path):
    dead_letter(queues)  # what was sent came back
    again = on_embedded("run", queues.name, "--where", "body.n < 2", "--json")
    assert again.returncode == 0, again.stderr
    drain(queues.sqs, queues.source)
    path = tmp_path / "queue.html"
    done = on_embedded("report", "--queue", queues.name, "--since", "2d", "-o", str(path))
    assert done.returncode == 0, done.stderr
    told = document_in(path)
    assert (told["lives"], told["came_back"], told["arrived"]) == (5, 3, 2)
    assert {entry["times"]: entry["messages"] for entry in told["took"]} == {0: 2, 1: 1, 2: 2}
    assert [found["status"] for found in told["runs"]] == ["complete", "complete"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--queue", "q", "run-1"], "--queue is a report of its own"),
        (["--since", "3d"], "--since belongs to --queue"),
        (["no-such-run"], "no-such-run"),
        (["2026-08-01/nothing"], "no execution nothing"),
    ],
)
def test_what_cannot_be_reported_is_said_in_a_sentence(on_embedded, run, words, said):
    done = on_embedded("report", *words)
    assert done.returncode
    assert said in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[1].startswith("hint: ")


def test_a_file_that_cannot_be_written_is_named(on_embedded, run, tmp_path):
    done = on_embedded("report", run["run"], "-o", str(tmp_path / "no" / "such" / "folder.html"))
    assert done.returncode == 1
    assert "cannot be written: No such file or directory." in done.stderr

"""`runs`, `show`, `messages` and `verify`: what there was, from Step Functions, from the ledger, or from either alone."""

import json
import re
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from redrive.stores.ledger import OUTCOMES, Ledger
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.outcomes import Wanted, forms_of, lines_of
from redrive_cli.aws.runs import Run, recent
from redrive_cli.aws.target import Target
from redrive_cli.aws.verify import told_lock
from redrive_cli.errors import CliError
from redrive_cli.view.console import console
from redrive_cli.view.runs import by, show_runs
from support.aws import dead_letter, make_queues, send
from support.library import BUCKET

FORGOTTEN = "2026-08-01/orders-dlq-of-old"


@pytest.fixture(scope="module")
def queue(embedded):
    """The name of a queue with three dead letters to send, and two to hold."""
    queues = make_queues(embedded.client("sqs"))
    send(queues.sqs, queues.source, [json.dumps({"n": n, "code": "TIMEOUT" if n < 3 else "OTHER"}) for n in range(5)])
    dead_letter(queues)
    return queues.name


@pytest.fixture(scope="module")
def summary(on_embedded, queue):
    """What a run says that sent three and held two."""
    return json.loads(on_embedded("run", queue, "--where", 'body.code = "TIMEOUT"', "--json").stdout)


@pytest.fixture(scope="module")
def ledger(embedded, summary):
    return Ledger(embedded.client("s3"), embedded.bucket, f"{summary['started'][:10]}/{summary['run']}")


@pytest.fixture(scope="module")
def forgotten(ledger, summary):
    """A run that Step Functions does not know any more; it is in the ledger."""
    old = ledger.of(FORGOTTEN)
    then = {"run": "orders-dlq-of-old", "started": "2026-08-01T06:00:00Z", "status": "incomplete"}
    old.write_document("summary", summary | then)
    old.write(OUTCOMES, "0/1-10", [{"id": "tenth", "outcome": "sent", "new_id": "anew", "destination": "orders"}])
    old.write_document("history", ledger.read_document("history"))
    old.write(OUTCOMES, "0/1-2", [{"id": "second", "outcome": "failed", "reason": "Too large", "key": "1043"}])
    return old


# runs


def test_runs_of_both_sources_are_listed_the_newest_first(on_embedded, queue, summary, forgotten):
    on_embedded("run", "no-such-queue")
    done = on_embedded("runs", "--since", "2000d", "--limit", "1000")

    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["WHEN", "RUN", "QUEUE", "REQUEST", "BY", "OUTCOME"]
    assert "✘ failed" in rows[0]
    assert "no-such-queue" in rows[0]
    (mine,) = [row for row in rows if summary["run"] in row]
    assert re.search(rf"{queue} +where body.code = \"TIMEOUT\" +root +✔ complete: 3 sent, 2 held$", mine)
    assert rows[-1].startswith("2026-08-01T06:00:00Z  orders-dlq-of-old")
    assert "✘ incomplete" in rows[-1]


def test_they_can_be_narrowed_down_and_read_by_programs(on_embedded, queue, summary, forgotten):
    listed = on_embedded("runs", "--queue", queue, "--since", "2000d", "--limit", "1000", "--json").stdout.splitlines()
    assert [json.loads(run)["run"].partition("/")[2] for run in listed] == [summary["run"], "orders-dlq-of-old"]
    assert json.loads(listed[0])["summary"] == summary

    assert len(on_embedded("runs", "--limit", "1", "--json").stdout.splitlines()) == 1
    assert "orders-dlq-of-old" not in on_embedded("runs", "--since", "1d").stdout


@pytest.mark.parametrize("since", ["soon", "-1d", "2026-13-01", "1.5h"])
def test_a_time_that_is_none_is_refused(redrive, since):
    done = redrive("runs", f"--since={since}")

    assert done.returncode == 2
    assert "is neither a duration such as 30d nor a day" in done.stderr


class Denied:
    """A target of which one source is denied."""

    def __init__(self, embedded, denied):
        self._target = Target("redrive", embedded.endpoint, embedded.aws.region, None)
        self.machine = self._deny if "states" in denied else self._target.machine
        self.ledger = self._deny if "s3" in denied else self._target.ledger

    def _deny(self, *_):
        with aws_errors():
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not for you"}}, "Any")


@pytest.fixture
def as_caller(embedded, monkeypatch):
    for name, value in embedded.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("denied", "missing", "there"),
    [("states", "what is running", FORGOTTEN), ("s3", "older runs", "")],
)
def test_a_source_that_is_denied_is_named_and_the_other_tells(
    embedded, as_caller, summary, forgotten, denied, missing, there
):
    from datetime import UTC, datetime

    listed = recent(Denied(embedded, [denied]), datetime(2026, 1, 1, tzinfo=UTC), 100, None)

    (run,) = [run for run in listed.runs if run.name == summary["run"]]
    assert run.summary == summary
    assert any(run.id == FORGOTTEN for run in listed.runs) == bool(there)
    (trouble,) = listed.troubles
    assert trouble.startswith("AWS denies it: not for you: ")
    assert missing in trouble


def test_where_both_are_denied_there_is_an_error(embedded, as_caller):
    from datetime import UTC, datetime

    with pytest.raises(CliError, match="AWS denies it"):
        recent(Denied(embedded, ["states", "s3"]), datetime(2026, 1, 1, tzinfo=UTC), 100, None)


@pytest.mark.parametrize(
    ("who", "short"),
    [
        ("command line, arn:aws:sts::123456789012:assumed-role/Ops/ann", "ann"),
        ("schedule arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly", "schedule nightly"),
        ("the runbook of orders", "the runbook of orders"),
    ],
)
def test_who_started_it_in_short(who, short):
    assert by(Run("2026-11-21/run-1", request={"started_by": who})) == short


@pytest.mark.parametrize(
    "request_", [{"queue": 3}, {"filter": []}, {"filter": {"sent": 5}}, {"queue": "\x1b[2J", "transform": ["x"]}, {}]
)
def test_what_somebody_started_that_is_no_request_is_listed_all_the_same(capsys, request_):
    show_runs(console(), [Run("2026-11-21/run-1", "arn", "FAILED", None, request_, {"status": ["odd"]})])

    assert "run-1" in capsys.readouterr().out


# show


def test_the_exit_status_is_the_runs(on_embedded, summary, forgotten):
    assert on_embedded("show", summary["run"], "--exit-status").returncode == 0
    assert on_embedded("show", "orders-dlq-of-old", "--exit-status").returncode == 1
    assert on_embedded("show", "orders-dlq-of-old").returncode == 0


def test_what_aws_has_forgotten_is_shown_from_the_ledger_and_says_so(on_embedded, ledger, summary):
    then = {"run": "of-before-there-were-states", "started": "2026-08-02T06:00:00Z", "status": "incomplete"}
    ledger.of(f"2026-08-02/{then['run']}").write_document("summary", summary | then)
    for named in (then["run"], f"2026-08-02/{then['run']}"):
        done = on_embedded("show", named)
        assert done.returncode == 0, done.stderr
        assert "status    incomplete" in done.stdout
        assert "States" not in done.stdout
        assert "90 days" in done.stderr


def test_a_run_that_nobody_knows_is_one_sentence(on_embedded, summary):
    for named in ("2026-08-01/nobodys", f"2025-01-01/{summary['run']}"):
        done = on_embedded("show", named)
        assert done.returncode == 1
        assert done.stderr.startswith("error: There is no ")


# messages


def test_each_message_has_a_line_in_the_order_of_the_pages(on_embedded, forgotten):
    done = on_embedded("messages", FORGOTTEN)

    assert done.returncode == 0, done.stderr
    assert [re.split(" {2,}", line) for line in done.stdout.splitlines()] == [
        ["second", "✘ failed", "1043", "Too large"],
        ["tenth", "✔ sent", "to orders as anew"],
    ]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--outcome", "failed"], ["second"]),
        (["--outcome", "failed", "--outcome", "sent"], ["second", "tenth"]),
        (["--id", "anew"], ["tenth"]),
        (["--key", "1043"], ["second"]),
        (["--reason", "too LARGE"], ["second"]),
        (["--reason", "large", "--outcome", "sent"], []),
    ],
)
def test_they_can_be_chosen(on_embedded, forgotten, options, found):
    done = on_embedded("messages", FORGOTTEN, "--json", *options)

    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == found
    assert bool(done.stderr) == (not found)


def test_a_key_may_be_hashed_in_the_ledger():
    assert all(Wanted(key="1043")({"key": form}) for form in forms_of("1043"))
    assert not Wanted(key="1043")({"key": None})


def test_only_a_few_pages_are_in_memory_and_one_that_is_broken_is_named():
    asked = []

    class Pages:
        def names(self, kind):
            return [f"0/1-{n}" for n in range(1, 101)]

        def read(self, kind, name):
            asked.append(name)
            if name == "0/1-3":
                raise ValueError
            return [{"id": name}, "junk"]

    broken = []
    lines = lines_of(Pages(), broken.append)
    assert next(lines) == {"id": "0/1-1"}
    assert len(asked) <= 9
    assert len(list(lines)) == 98
    assert broken == ["0/1-3"]


# verify


def test_a_ledger_as_its_run_left_it_is_verified(on_embedded, summary, ledger):
    done = on_embedded("verify", summary["run"])

    assert done.returncode == 0, done.stdout
    *objects, counts, manifest, lock = done.stdout.splitlines()
    assert {line[:4] for line in objects} == {"✔ ok"}
    assert counts == f"{len(objects)} ok"
    assert re.fullmatch("manifest +sha256 [0-9a-f]{64}", manifest)
    assert lock.startswith("object lock  off")
    assert any("/outcomes/" in line for line in objects)
    assert not any("/pages/" in line or "manifest" in line for line in objects)


def test_what_was_changed_added_or_taken_away_is_said_and_exits_with_1(embedded, on_embedded, summary):
    queues = make_queues(embedded.client("sqs"))
    run = json.loads(on_embedded("run", queues.name, "--record", "--json").stdout)
    folder = f"runs/{run['started'][:10]}/{run['run']}/"
    s3 = embedded.client("s3")
    s3.put_object(Bucket=embedded.bucket, Key=f"{folder}summary.json", Body=b"{}")
    s3.put_object(Bucket=embedded.bucket, Key=f"{folder}outcomes/0/1-9.jsonl.gz", Body=b"")
    s3.delete_object(Bucket=embedded.bucket, Key=f"{folder}request.json")

    done = on_embedded("verify", run["run"], "--json")

    assert done.returncode == 1
    *verdicts, whole = map(json.loads, done.stdout.splitlines())
    assert {each["key"].removeprefix(folder): each["what"] for each in verdicts} == {
        "history.json": "ok",
        "outcomes/0/1-9.jsonl.gz": "added",
        "plan.json": "ok",
        "request.json": "missing",
        "summary.json": "changed",
    }
    assert (whole["changed"], whole["missing"], whole["added"]) == (1, 1, 1)


def test_the_states_of_a_run_that_aws_has_forgotten_are_those_that_it_left(on_embedded, forgotten, summary):
    of_aws = on_embedded("show", summary["run"]).stdout.splitlines()
    kept = on_embedded("show", FORGOTTEN).stdout.splitlines()

    def names(lines):
        return [line.split("  ")[1].strip() for line in lines[lines.index("States") + 1 : -1]]

    # The last of them follows from the status, which was made another one here.
    assert sorted(names(kept)[:-1]) == sorted(names(of_aws)[:-1])
    assert names(kept)[-1] == "Redrive incomplete"
    assert kept[-1].startswith("✘ FAILED")


def test_a_run_without_a_manifest_and_one_with_a_broken_one(on_embedded, embedded, forgotten):
    done = on_embedded("verify", FORGOTTEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no manifest" in done.stderr

    key = f"runs/{FORGOTTEN}/manifest.json"
    embedded.client("s3").put_object(Bucket=embedded.bucket, Key=key, Body=b"[" * 9_999)
    done = on_embedded("verify", FORGOTTEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be read: it is no manifest" in done.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 400}}},
            "on: compliance, 400 days",
        ),
        ({"ObjectLockEnabled": "Enabled"}, "on, without a retention of its own"),
        ("ObjectLockConfigurationNotFoundError", "off"),
        ("AccessDenied", "not known"),
    ],
)
def test_whether_object_lock_is_on(answer, said):
    def get_object_lock_configuration(**_):
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer}}, "GetObjectLockConfiguration")
        return {"ObjectLockConfiguration": answer}

    s3 = SimpleNamespace(get_object_lock_configuration=get_object_lock_configuration)
    assert told_lock(Ledger(s3, BUCKET, FORGOTTEN)).startswith(said)

"""What happened to this message? Its whole life over a year of runs, each fetched once; and what cannot be said."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from redrive.stores.ledger import Ledger
from redrive_cli.aws.index import Index
from redrive_cli.aws.outcomes import forms_of
from redrive_cli.aws.stories import tell
from redrive_cli.errors import CliError
from redrive_cli.view.console import console
from redrive_cli.view.stories import show_story, story_json
from support.index import index_outcomes, line, write_index
from support.library import BUCKET, SESSION

DAYS = [f"{date(2025, 12, 1) + timedelta(days=n)}" for n in range(365)]
RUNS = [f"{day}/nightly" for day in DAYS]


@pytest.fixture
def s3():
    with mock_aws():
        client = SESSION.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def ledger(s3):
    return Ledger(s3, BUCKET, "")


@pytest.fixture
def index(ledger, tmp_path):
    return Index(ledger, tmp_path)


def gets(s3):
    """The keys of the objects that are read from now on."""
    keys = []
    s3.meta.events.register("before-parameter-build.s3.GetObject", lambda params, **_: keys.append(params["Key"]))
    return keys


def stories(index, ledger, text, since=None):
    fetched = index.fetch(since)
    return tell(index.follow(fetched, text), index.moved(fetched), ledger)


def write_move(s3, run, *, ended=None, queue="orders-dlq"):
    day, _, name = run.partition("/")
    move = {"run": run, "queue": queue, "destination": None, "moved": 7}
    move |= {"started": f"{day}T05:59:00Z", "ended": ended or f"{day}T06:01:00Z"}
    s3.put_object(Bucket=BUCKET, Key=f"moves/day={day}/{name}.json", Body=json.dumps(move).encode() + b"\n")


def test_a_year_of_runs_is_fetched_once(s3, ledger, index, tmp_path):
    for run in RUNS[:-5]:
        write_index(s3, BUCKET, run, [line(run, f"id-of-{run}", "held")])
    for run in RUNS[-5:]:
        write_move(s3, run)
    keys = gets(s3)

    (story,) = stories(index, ledger, f"id-of-{RUNS[180]}")
    assert [told["run"] for told in story.lines] == [RUNS[180]]
    assert len(keys) == len(set(keys)) == 365

    assert stories(Index(ledger, tmp_path), ledger, f"id-of-{RUNS[7]}")
    assert len(keys) == 365


def test_a_message_is_followed_from_id_to_id_whichever_of_them_is_known(s3, ledger, index):
    write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], "first", "previewed"), line(RUNS[0], "other", "held")])
    write_index(s3, BUCKET, RUNS[10], [line(RUNS[10], "first", "sent", new_id="second", destination="orders")])
    write_index(s3, BUCKET, RUNS[20], [line(RUNS[20], "second", "failed", reason="too large")])
    write_index(s3, BUCKET, RUNS[30], [line(RUNS[30], "second", "sent", new_id="third", destination="orders-v2")])

    for known in ("first", "second", "third"):
        (story,) = stories(index, ledger, known)
        assert story.ids == ["first", "second", "third"]
        assert [told["outcome"] for told in story.lines] == ["previewed", "sent", "failed", "sent"]
        assert [came_back for _, came_back in story.came_back()] == [False, False, True, False]
        assert story.has_arrived
    assert stories(index, ledger, "fourth") == []


def test_a_key_is_found_plain_or_hashed_and_each_message_of_it_is_a_story(s3, ledger, index):
    _, hashed, prefixed = forms_of("1043")
    keys = {"a": "1043", "b": hashed, "c": prefixed, "d": "10430"}
    write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], id_, "held", key=key) for id_, key in keys.items()])

    assert [story.ids for story in stories(index, ledger, "1043")] == [["a"], ["b"], ["c"]]


def test_since_leaves_older_runs_alone(s3, ledger, index):
    for run in RUNS[:4]:
        write_index(s3, BUCKET, run, [line(run, "first", "held")])
    keys = gets(s3)

    (story,) = stories(index, ledger, "first", datetime(2025, 12, 3, 23, tzinfo=UTC))
    assert [told["run"] for told in story.lines] == RUNS[2:4]
    assert len(keys) == 2


def test_an_object_that_was_written_anew_is_fetched_anew_and_one_that_is_gone_is_forgotten(s3, ledger, index, tmp_path):
    key = write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], "first", "held")])
    gone = write_index(s3, BUCKET, RUNS[1], [line(RUNS[1], "first", "held")])
    assert len(stories(index, ledger, "first")[0].lines) == 2

    s3.delete_object(Bucket=BUCKET, Key=gone)
    assert write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], "first", "sent", new_id="second")]) == key

    (story,) = stories(index, ledger, "first")
    assert [told["outcome"] for told in story.lines] == ["sent"]
    assert len(list(tmp_path.iterdir())) == 1


EVIL = "\x1b]0;PWNED\x07\u202e'; DROP TABLE x; --\"\\"


@pytest.mark.parametrize("key", [EVIL, "\ud800", "💥", "x" * 100_000, "\x00", "", "../../etc/passwd"])
def test_no_key_hides_its_message_or_another(s3, ledger, index, capsys, key):
    write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], "first", "held", key=key), line(RUNS[0], "other", "held")])

    (story,) = stories(index, ledger, "first")
    assert stories(index, ledger, "other")
    assert [found.ids for found in stories(index, ledger, key)] == [["first"]]
    show_story(console(), story)
    assert not [character for character in capsys.readouterr().out if character < " " and character != "\n"]
    assert json.loads(json.dumps(story_json(story)))["ids"] == ["first"]


@pytest.mark.parametrize("name", ["-rf", "a'b", "a\nb", "..%2f..%2fx", "x" * 80, "ㅋ"])
def test_no_name_of_a_run_leads_out_of_the_folder(s3, ledger, index, tmp_path, name):
    run = f"2025-12-01/{name}"
    write_index(s3, BUCKET, run, [line(run, "first", "held")])

    assert stories(index, ledger, "first")
    assert [len(found.name) for found in tmp_path.iterdir()] == [48]


def test_what_is_no_index_is_named_and_the_rest_is_searched(s3, ledger, index, tmp_path):
    bodies = [
        b"\x1f\x8bno gzip",
        b"no json",
        gzip.compress(b'{"run": 3}\n[]\n"x"\n{"run": {"a": 1}, "first_sent": "x"}\n'),
    ]
    for number, body in enumerate(bodies):
        s3.put_object(Bucket=BUCKET, Key=f"index/day=2025-12-01/bad-{number}.0000.jsonl.gz", Body=body)
    write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], "first", "held")])

    fetched = index.fetch(None)
    assert fetched.unreadable == ["index/day=2025-12-01/bad-0.0000.jsonl.gz"]
    assert len(index.follow(fetched, "first")) == 1
    assert not [file for file in tmp_path.iterdir() if file.suffix != ".parquet"]


def test_what_is_kept_and_was_damaged_is_said_with_a_way_out(s3, ledger, index, tmp_path):
    write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], "first", "held")])
    index.fetch(None)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"no parquet")

    with pytest.raises(CliError) as told:
        stories(index, ledger, "first")
    assert "--no-cache" in told.value.hint


def test_only_moves_that_can_have_had_it_are_named(s3, ledger, index):
    write_move(s3, "2025-11-21/when-it-was-first-sent", ended="2025-11-22T00:00:00Z")
    write_move(s3, "2025-12-04/between-two-lines")
    write_move(s3, "2025-12-09/after-the-last")
    write_move(s3, "2025-12-09/of-another-queue", queue="others-dlq")
    sent = int(datetime(2025, 11, 21, 12, tzinfo=UTC).timestamp() * 1000)
    for run in (RUNS[0], RUNS[6]):
        write_index(s3, BUCKET, run, [line(run, "first", "held", first_sent=sent)])

    (story,) = stories(index, ledger, "first")
    assert [move["run"][11:] for move in story.moves] == ["when-it-was-first-sent", "after-the-last"]


def test_where_its_body_is_and_until_when(s3, ledger, index, capsys):
    rule = {
        "ID": "copies",
        "Status": "Enabled",
        "Filter": {"Tag": {"Key": "life", "Value": "short"}},
        "Expiration": {"Days": 14},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})
    for run in RUNS[:2]:
        write_index(s3, BUCKET, run, [line(run, "first", "held")])
    ledger.of(RUNS[1]).write("pages", "0/1-1", [{"id": "first"}])

    (story,) = stories(index, ledger, "first")
    (backup,) = story.backups
    assert backup.address == f"s3://{BUCKET}/runs/{RUNS[1]}/pages/"
    stored = s3.list_objects_v2(Bucket=BUCKET, Prefix="runs/")["Contents"][0]["LastModified"]
    assert timedelta(days=14) < backup.until - stored <= timedelta(days=15)
    assert (backup.until.hour, backup.until.minute) == (0, 0)


def test_what_was_deleted_for_good_is_in_the_archive(s3, ledger, index):
    write_index(s3, BUCKET, RUNS[0], [line(RUNS[0], "first", "discarded")])
    ledger.of(RUNS[0]).write("pages", "0/1-1", [{"id": "first"}])
    ledger.of(RUNS[0]).write("archive", "0/1-1", [{"id": "first"}])

    (story,) = stories(index, ledger, "first")
    assert [backup.address for backup in story.backups] == [f"s3://{BUCKET}/runs/{RUNS[0]}/archive/"]
    assert not story.has_arrived


def test_a_bucket_that_is_not_there_is_refused(s3, tmp_path):
    with pytest.raises(ClientError):
        Index(Ledger(s3, "no-such-bucket", ""), tmp_path).fetch(None)


@pytest.fixture(scope="module")
def redriven_twice(embedded, on_embedded):
    """Two messages that were redriven, died again, and were redriven by SQS itself; the dead-letter queue's name."""
    from support.aws import dead_letter, make_queues, send

    queues = make_queues(embedded.client("sqs"))
    ids = send(queues.sqs, queues.source, ["one", "two"])
    dead_letter(queues)
    done = on_embedded("run", queues.name, "--record", "--json")
    summary = json.loads(done.stdout)
    day = summary["started"][:10]
    own = Ledger(embedded.client("s3"), embedded.bucket, f"{day}/{summary['run']}")
    index_outcomes(own, queue=queues.name, source="orders", key="1043")
    dead_letter(queues)
    assert json.loads(on_embedded("run", queues.name, "--json").stdout)["path"] == "native"
    return queues.name, ids


def test_the_command_tells_it_all_and_what_sqs_moved_itself(on_embedded, redriven_twice, tmp_path):
    name, ids = redriven_twice
    done = on_embedded("find", ids[0], XDG_CACHE_HOME=str(tmp_path))

    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == f"message {ids[0]}, key 1043"
    assert any("✔ sent" in told and " as " in told for told in rest)
    assert any("SQS moved messages itself" in told for told in rest)
    assert any(f"2 of {name}, by run " in told for told in rest)
    assert "its body is in s3://" in done.stdout

    again = on_embedded("find", "1043", "--json", XDG_CACHE_HOME=str(tmp_path))
    assert {json.loads(told)["ids"][0] for told in again.stdout.splitlines()} == set(ids)
    assert "nothing had to be fetched" in again.stderr
    assert [path.stat().st_mode & 0o077 for path in tmp_path.glob("redrive/index/*")] == [0]


def test_what_no_run_has_seen_ends_with_1_and_says_who_may_have(on_embedded, redriven_twice, tmp_path):
    done = on_embedded("find", "nobody", "--no-cache", XDG_CACHE_HOME=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert "No run has a record of 'nobody'" in done.stderr
    assert redriven_twice[0] in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_one_sentence(on_embedded, tmp_path):
    (tmp_path / "file").write_text("")
    done = on_embedded("find", "x", XDG_CACHE_HOME=str(tmp_path / "file"))

    assert done.returncode == 1
    assert done.stderr.splitlines()[1].endswith("--no-cache")

"""`redrive peek`: what is in a queue is shown, nothing is taken, and everything is visible again at once."""

import json
import shlex
import signal
import subprocess
import sys
import time
from uuid import uuid4

import pytest

from support.aws import count, dead_letter, make_queues, send

COMMAND = [sys.executable, "-m", "redrive_cli"]
CODES = ["TIMEOUT"] * 5 + ["DECLINED"] * 3 + ["it's `odd`\x1b[2J"] * 2


@pytest.fixture
def sqs(embedded):
    return embedded.client("sqs")


@pytest.fixture
def dead(sqs):
    """A DLQ with ten dead letters of three kinds."""
    queues = make_queues(sqs)
    send(sqs, queues.source, [json.dumps({"n": n, "error": {"code": code}}) for n, code in enumerate(CODES)])
    dead_letter(queues)
    return queues


def test_groups_are_shown_and_everything_is_visible_again(on_embedded, sqs, dead):
    done = on_embedded("peek", dead.name, COLUMNS="60")

    assert done.returncode == 0, done.stderr
    assert count(sqs, dead.dlq) == (10, 0)
    assert f"{dead.name}: 10 messages, and all were looked at." in done.stdout
    assert "the receive count of each is one higher" in done.stdout
    assert '     5  body.error.code = "TIMEOUT"' in done.stdout
    assert "\x1b" not in done.stdout
    samples = [line for line in done.stdout.splitlines() if line.startswith('        {"n"')]
    assert len(samples) == 3 + 3 + 2
    assert all(len(line) <= 60 for line in samples)


def test_each_condition_pastes_into_a_shell_and_selects_just_its_group(on_embedded, environment, dead, tmp_path):
    file = tmp_path / "all.jsonl"
    on_embedded("peek", dead.name, "--all", str(file))
    shown = on_embedded("peek", dead.name).stdout
    conditions = [line.strip() for line in shown.splitlines() if line.strip().startswith("--where ")]
    chosen = []
    for condition in conditions:
        command = f"{shlex.join([*COMMAND, 'try', '--file', str(file), '--json'])} {condition}"
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
        chosen.append(json.loads(done.stdout.splitlines()[-1])["chosen"])
    assert chosen == [5, 3, 2]


def test_json_has_the_same(on_embedded, dead):
    queue, *groups = map(json.loads, on_embedded("peek", dead.name, "--json").stdout.splitlines())
    assert (queue["visible"], queue["sample"], queue["whole"], queue["by"]) == (10, 10, True, "body.error.code")
    assert [(each["count"], each["estimated"]) for each in groups] == [(5, 5), (3, 3), (2, 2)]


def test_a_sample_says_how_many_of_a_group_there_may_be(on_embedded, sqs):
    queues = make_queues(sqs)
    send(sqs, queues.dlq, [json.dumps({"error": "AB"[n % 2]}) for n in range(40)])

    queue, *groups = map(json.loads, on_embedded("peek", queues.name, "--sample", "20", "--json").stdout.splitlines())

    assert (queue["sample"], queue["whole"]) == (20, False)
    assert sum(each["estimated"] for each in groups) == 40
    assert count(sqs, queues.dlq) == (40, 0)


def test_one_message_is_shown_whole(on_embedded, sqs):
    queues = make_queues(sqs)
    attribute = {"trace": {"DataType": "String", "StringValue": "t\x1b[31m"}}
    body = '{"price": 1.10, "text": "\\u00e9\\u001b"}'
    (wanted,) = send(sqs, queues.dlq, [body], MessageAttributes=attribute)
    send(sqs, queues.dlq, [f"other {n}" for n in range(25)])

    done = on_embedded("peek", queues.name, "--message", wanted)

    assert '  "price": 1.10,' in done.stdout
    assert r'"text": "\u00e9\u001b"' in done.stdout
    assert "\x1b" not in done.stdout
    assert json.loads(on_embedded("peek", queues.name, "--message", wanted, "--json").stdout)["body"] == body
    assert count(sqs, queues.dlq) == (26, 0)


def test_a_message_that_is_not_there_is_said_to_be_so(on_embedded, dead):
    done = on_embedded("peek", dead.name, "--message", str(uuid4()))
    assert done.returncode == 1
    assert "is not among the 10 that" in done.stderr


def test_all_is_written_without_being_taken(on_embedded, sqs, tmp_path):
    queues = make_queues(sqs)
    attributes = {"b": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
    bodies = [f"{n} é" for n in range(130)]
    send(sqs, queues.dlq, bodies, MessageAttributes=attributes)
    path = tmp_path / "all.jsonl"

    done = on_embedded("peek", queues.name, "--all", str(path))

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(line["body"] for line in lines) == sorted(bodies)
    assert lines[0]["attributes"] == {"b": {"DataType": "Binary", "BinaryValue": "AP8="}}
    assert "SentTimestamp" in lines[0]["system"]
    assert count(sqs, queues.dlq) == (130, 0)
    again = on_embedded("peek", queues.name, "--all", str(path))
    assert again.returncode == 1
    assert "is there already" in again.stderr


def test_a_queue_with_a_redrive_policy_is_refused_unless_told(on_embedded, sqs, dead):
    done = on_embedded("peek", dead.source.rsplit("/", 1)[-1])
    assert done.returncode == 1
    assert f"has a dead-letter queue of its own, {dead.name}" in done.stderr

    send(sqs, dead.source, ["x"])
    told = on_embedded("peek", dead.source.rsplit("/", 1)[-1], "--anyway")
    assert told.returncode == 0
    assert "1 message, and all were looked at" in told.stdout


def test_a_fifo_queue_says_what_it_does_not_show(on_embedded, sqs):
    queues = make_queues(sqs, fifo=True)
    send(sqs, queues.dlq, [json.dumps({"n": n}) for n in range(30)], group=lambda n: f"g{n % 2}")

    done = on_embedded("peek", queues.name)

    assert "Their groups were locked while it lasted." in done.stdout
    assert count(sqs, queues.dlq) == (30, 0)


def test_an_empty_queue_and_one_that_is_not_there(on_embedded, sqs):
    queues = make_queues(sqs)
    assert "no message can be received" in on_embedded("peek", queues.name).stdout
    missing = on_embedded("peek", "no-such-queue")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 2)


def test_by_an_expression_and_by_none(on_embedded, dead):
    done = on_embedded("peek", dead.name, "--by", "body.n % 2")
    assert "(body.n % 2) = 0" in done.stdout

    wrong = on_embedded("peek", dead.name, "--by", "body.n == 2")
    assert wrong.returncode == 1
    assert wrong.stderr.splitlines()[:2] == ["  body.n == 2", "         ^"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_gives_everything_back(start, embedded, sqs, tmp_path, ending):
    queues = make_queues(sqs)
    send(sqs, queues.dlq, [str(n) for n in range(400)])
    looking = start("peek", queues.name, "--all", str(tmp_path / "all.jsonl"), **embedded.environment)
    deadline = time.monotonic() + 30
    while not count(sqs, queues.dlq)[1] and time.monotonic() < deadline:
        time.sleep(0.01)

    looking.send_signal(ending)
    _, said = looking.communicate(timeout=60)

    assert looking.returncode == 130, said
    assert "Traceback" not in said
    assert count(sqs, queues.dlq) == (400, 0)

"""`redrive delete`: nothing goes for good without being archived, nor without being asked for twice."""

import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from cli.conftest import COMMAND
from support.aws import count, numbered, where_they_are


@pytest.fixture
def queues(embedded):
    return numbered(embedded.client("sqs"), list(range(5)))


@pytest.fixture
def on_terminal(environment, embedded):
    """Run a command on a terminal, and type an answer when it asks; gives the exit code and all that was shown."""

    def run(*words, answer):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *words], env={**environment, **embedded.environment}, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        shown, asked, until = "", False, time.monotonic() + 60
        while time.monotonic() < until:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                shown += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # the terminal is closed
                break
            if not asked and "Type the queue's name" in shown:
                os.write(ours, f"{answer}\n".encode())
                asked = True
        os.close(ours)
        return process.wait(timeout=10), shown

    return run


def test_without_a_filter_it_is_refused(on_embedded, queues):
    done = on_embedded("delete", queues.name, "--yes", queues.name)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Say by --where, --sent or --older-than what is to be deleted")


def test_without_a_terminal_it_is_refused_unless_the_name_is_said_once_more(on_embedded, queues):
    for more in ([], ["--yes", "orders-dlq"]):
        done = on_embedded("delete", queues.name, "--where", "body.n > 2", *more)
        assert done.returncode in {1, 2}
        assert done.stdout == ""
    assert count(queues.sqs, queues.dlq) == (5, 0)

    done = on_embedded("delete", queues.name, "--where", "body.n > 2", "--yes", queues.name, "--json")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["discarded"], summary["held"], summary["deleted"]) == (2, 3, 2)
    assert summary["request"] == {"queue": queues.name, "action": "delete", "filter": {"where": "body.n > 2"}}
    assert count(queues.sqs, queues.dlq) == (3, 0)
    assert count(queues.sqs, queues.source) == (0, 0)
    again = on_embedded("retry", summary["run"], "--outcome", "held")
    assert "deleted messages, and does not send any" in again.stderr
    listed = on_embedded("messages", summary["run"], "--outcome", "discarded", "--json").stdout.splitlines()
    assert len(listed) == 2
    for words in (["messages", summary["run"]], ["find", json.loads(listed[0])["id"]], ["show"], ["runs"]):
        told = on_embedded(*words)
        assert (told.returncode, "discarded" in told.stdout) == (0, True), told.stderr
    assert on_embedded("report", summary["run"], "-o", "-").stdout.count("were archived, and deleted for good") == 1


def test_a_preview_deletes_nothing_and_asks_nothing(on_embedded, queues):
    done = on_embedded("delete", queues.name, "--where", "body.n > 2", "--preview", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["previewed"] == 2
    assert where_they_are(queues, list(range(5)))[0] == list(range(5))


def test_on_a_terminal_it_shows_what_would_go_and_deletes_when_the_name_is_typed(on_terminal, queues):
    code, shown = on_terminal("delete", queues.name, "--where", "body.n > 2", answer=queues.name)
    assert code == 0, shown
    assert f"2 messages of {queues.name} would be archived and deleted for good." in shown
    assert re.search(r"previewed +2", shown)
    assert re.search(r"discarded +2", shown)
    assert count(queues.sqs, queues.dlq) == (3, 0)


@pytest.mark.parametrize("answer", ["yes", "", "y"])
def test_any_other_answer_deletes_nothing(on_terminal, queues, answer):
    code, shown = on_terminal("delete", queues.name, "--where", "body.n > 2", answer=answer)
    assert code == 1
    assert "nothing was deleted" in shown
    assert count(queues.sqs, queues.dlq) == (5, 0)


def test_where_nothing_is_chosen_nothing_is_asked(on_terminal, queues):
    code, shown = on_terminal("delete", queues.name, "--where", "body.n > 99", answer=queues.name)
    assert code == 1
    assert "Nothing was chosen, and nothing was deleted." in shown
    assert "Type the queue's name" not in shown

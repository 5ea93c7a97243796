"""The commands that the documentation shows: each is one, and those that can be run here are run."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from redrive_cli.app import cli
from support.aws import dead_letter, drain, make_queues, send

# What ends by itself, and asks for nothing that the fixture has not.
ON_EMBEDDED = {"run", "queues", "peek", "try", "runs", "show", "messages", "find", "verify", "report", "watch"}

CODES = ["TIMEOUT", "TIMEOUT", "CARD_DECLINED", "ADDRESS_UNKNOWN"]

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
TYPED = re.compile(r"^ *\$ (?:\.venv/bin/)?redrive (.*)$", re.MULTILINE)
MENTIONED = re.compile(r"`redrive ([^`]+)`")
GROUP = click.Context(cli, info_name="redrive")


def typed(page):
    """The commands in its blocks of a console, each as it is typed there."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    return [line for block in blocks for line in TYPED.findall(block)]


def mentioned(page):
    """The commands in its sentences, which may leave out what they are given."""
    return MENTIONED.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))


def words_of(command):
    return shlex.split(command, comments=True)


def refusals(page):
    """The errors that are shown, by the command that they are shown for."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    shown = [(part, re.search(r"^error: .*$", part, re.MULTILINE)) for block in blocks for part in block.split("\n$ ")]
    return {TYPED.search(f"$ {part.removeprefix('$ ')}")[1]: error[0] for part, error in shown if error}


def there(commands):
    return sorted(set(commands))


SHOWN = there(command for page in PAGES for command in typed(page))
REFUSED = {command: error for page in PAGES for command, error in refusals(page).items()}
RUN_HERE = [command for command in SHOWN if words_of(command)[0] in ON_EMBEDDED]
SPOKEN_OF = there(
    command for page in PAGES if page.name != "CHANGELOG.md" for command in mentioned(page)
)  # which tells of what was


def known(name):
    return cli.get_command(GROUP, name)


def options_of(name):
    return {word for parameter in known(name).get_params(GROUP) for word in parameter.opts}


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_that_is_shown_can_be_typed(command):
    name, *words = words_of(command)
    if name != "--help":
        assert known(name), f"there is no redrive {name}"
        known(name).make_context(name, words, parent=GROUP)


@pytest.mark.parametrize("command", SPOKEN_OF)
def test_a_command_that_is_spoken_of_is_one(command):
    name, *words = words_of(command)
    if not name.startswith("--"):
        assert known(name)
        assert {word for word in words if word.startswith("--")} <= options_of(name)


@pytest.fixture(scope="module")
def shop(embedded):
    """The queues that the documentation speaks of, each emptied and filled again by a call."""
    sqs = embedded.client("sqs")
    queues = make_queues(sqs, name="orders")
    for name in ("orders-v2", "orders-manual"):
        sqs.create_queue(QueueName=name)

    def fill():
        for url in (queues.dlq, queues.source):
            drain(sqs, url)
        bodies = [{"orderId": 1041 + n, "error": {"code": code}, "schemaVersion": 2} for n, code in enumerate(CODES)]
        sent = send(sqs, queues.source, [json.dumps(body) for body in bodies])
        dead_letter(queues)
        return sent

    return fill


@pytest.fixture(scope="module")
def known_run(shop, on_embedded):
    """What stands for RUN and for ID in a command: a run that sent a message, and one that it sent."""
    first, *_ = shop()
    done = on_embedded("run", "orders-dlq", "--key", "body.orderId")
    assert done.returncode == 0, done.stderr
    return {"RUN": re.search(r"^Run (\S+)$", done.stderr, re.MULTILINE)[1], "ID": first}


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN_HERE)
def test_a_command_that_is_shown_does_what_it_is_shown_for(
    command, shop, known_run, on_embedded, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    waiting, *_ = shop()
    words = words_of(command)
    means = known_run | ({"ID": waiting} if words[0] == "peek" else {})

    done = on_embedded(*(means.get(word, word) for word in words))

    if command in REFUSED:
        assert done.returncode == 1
        assert REFUSED[command] in done.stderr.splitlines()
        return
    assert done.returncode == 0, done.stderr
    assert done.stdout or "--all" in words, "what goes into a file is in no pipe"
    assert "nothing matched" not in done.stdout

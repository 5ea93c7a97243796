"""The page about looking, held against the commands."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive_cli.app import cli
from support.aws import send

PAGE = (Path(__file__).parents[2] / "docs" / "see.md").read_text()
COMMANDS = re.findall(r"^\$ redrive (.*?)(?:  +#.*)?$", PAGE, re.MULTILINE)
CODES = ["TIMEOUT", "CARD_DECLINED", "TIMEOUT", "ADDRESS_UNKNOWN", "TIMEOUT"] * 4


@pytest.fixture(scope="module")
def file(on_embedded, embedded, tmp_path_factory):
    """The page's own twenty orders."""
    sqs = embedded.client("sqs")
    dlq = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
    bodies = [
        json.dumps({"order": f"A-{1000 + n}", "amount": 10 * n + 9, "error": {"code": c}}) for n, c in enumerate(CODES)
    ]
    send(sqs, dlq, bodies)
    path = tmp_path_factory.mktemp("page") / "orders.jsonl"
    done = on_embedded("peek", "orders-dlq", "--all", str(path))
    sqs.delete_queue(QueueUrl=dlq)
    assert done.returncode == 0, done.stderr
    return str(path)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_it_is_one(command):
    words = shlex.split(command)
    known = CliRunner().invoke(cli, [words[0], "--help"])
    assert known.exit_code == 0
    assert all(word in known.output for word in words if word.startswith("--"))


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("try ")])
def test_a_trial_prints_what_the_page_says(redrive, file, command):
    shown = PAGE.split(f"$ redrive {command}\n")[1].split("```")[0]
    words = shlex.split(command)
    done = redrive("try", "--file", file, *words[2:])
    for line in filter(lambda line: line.strip("… "), shown.splitlines()):
        assert line.replace(" of orders-dlq", f" of {file}") in (done.stdout + done.stderr).splitlines()

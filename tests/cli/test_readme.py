"""The README, held against what it describes."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive.expressions import Expression
from redrive.request import EXAMPLES, parse
from redrive_cli.app import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MACHINE = json.loads((ROOT / "statemachine" / "redrive.asl.json").read_text())["States"]
LANE = MACHINE["Drain the queue"]["ItemProcessor"]["States"]
REQUESTS = re.search(r"```json\n(.*?)```", README, re.DOTALL)[1].splitlines()
COMMANDS = re.findall(r"^\$ (?:\.venv/bin/)?redrive (.*)$", README, re.MULTILINE)


def test_the_graph_has_the_machines_states_and_transitions():
    graph = re.search(r"```mermaid\n(.*?)```", README, re.DOTALL)[1]
    name_of = {alias: name for name, alias in re.findall(r'state "(.*?)" as (\w+)', graph)}
    name_of["drain"] = "Drain the queue"
    assert sorted(name_of.values()) == sorted([*MACHINE, *LANE])
    drawn = {(name_of[a], name_of[b]) for a, b in re.findall(r"^ *(\w+) --> (\w+)", graph, re.MULTILINE)}
    real = {
        (name, target)
        for states in (MACHINE, LANE)
        for name, state in states.items()
        for target in [state.get("Next"), state.get("Default"), *(rule["Next"] for rule in state.get("Choices", []))]
        if target
    }
    assert real <= drawn
    caught = {
        (name, catcher["Next"])
        for states in (MACHINE, LANE)
        for name, state in states.items()
        for catcher in state.get("Catch", [])
    }
    assert drawn <= real | caught


@pytest.mark.parametrize("text", REQUESTS)
def test_every_request_in_it_is_valid(text):
    request = parse(json.loads(text))
    for field, source in (("filter.where", request.filter.where), ("transform", request.transform)):
        if source:
            Expression(source, field)


def test_its_request_table_has_every_field_and_no_other():
    fields = re.findall(r"^\| `([\w.]+)` \| `", README, re.MULTILINE)
    assert set(fields) == {field for field in EXAMPLES if field != "filter" and not field.startswith("filter.sent.")}


def test_the_options_in_its_request_table_are_those_of_the_command():
    table = set(re.findall(r"`(--[\w-]+)`", README))
    described = CliRunner().invoke(cli, ["run", "--help"]).output
    assert table
    assert all(f" {option}" in described for option in table)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_it_is_one(command):
    words = shlex.split(command)
    known = CliRunner().invoke(cli, [words[0], "--help"])
    assert known.exit_code == 0
    for word in words[1:]:
        if word.startswith("--"):
            assert word in known.output


def test_the_refusal_it_quotes_is_the_real_one():
    from datetime import UTC, datetime

    from redrive.errors import InvalidRequest
    from redrive.request import sent_window

    request = parse({"queue": "q", "filter": {"sent": {"day": "soon"}}})
    with pytest.raises(InvalidRequest) as error:
        sent_window(request, datetime.now(UTC))
    assert f"`{error.value}`" in README


def test_every_file_it_points_to_is_there():
    for target in re.findall(r"\]\(([\w./]+)\)", README):
        assert (ROOT / target).exists(), target

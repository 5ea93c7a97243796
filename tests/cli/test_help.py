"""Every command says in a line what it is for, and shows how it is typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive_cli.app import cli
from redrive_cli.view.progress import TOLD

MACHINE = Path(__file__).parents[2] / "statemachine" / "redrive.asl.json"


def help_of(*words):
    done = CliRunner().invoke(cli, [*words, "--help"])
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("command", ["run", "history", "local", "demo"])
def test_each_command_has_a_purpose_and_an_example(command):
    text = help_of(command)

    assert "Example" in text
    assert f"      redrive {command}" in text or f"    redrive {command}" in text


def test_the_overview_lists_every_command_with_its_whole_purpose():
    text = help_of()

    assert [line.split()[0] for line in text.split("Commands:\n")[1].splitlines()] == [
        "demo",
        "history",
        "local",
        "run",
    ]
    assert "..." not in text.split("Commands:\n")[1]


def test_the_version_is_the_packages():
    assert CliRunner().invoke(cli, ["--version"]).output == "redrive 0.1.0\n"


def test_what_progress_tells_of_a_state_names_a_state_of_the_machine():
    machine = json.loads(MACHINE.read_text())

    assert set(TOLD) <= set(machine["States"])

"""Every command says in a line what it is for, and shows how it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive_cli.app import COMMANDS, cli
from redrive_cli.view.progress import TOLD

MACHINE = Path(__file__).parents[2] / "statemachine" / "redrive.asl.json"


def help_of(*words):
    done = CliRunner().invoke(cli, [*words, "--help"])
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("command", [name for section in COMMANDS.values() for name in section])
def test_each_command_has_a_purpose_and_an_example(command):
    text = help_of(command)

    assert "Example" in text
    assert f"      redrive {command}" in text or f"    redrive {command}" in text


def test_the_overview_lists_every_command_with_its_whole_purpose():
    text = help_of()

    for section, commands in COMMANDS.items():
        listed = text.split(f"{section}:\n")[1].split("\n\n")[0].splitlines()
        assert [tuple(line.strip().split(maxsplit=1)) for line in listed] == list(commands.items())


def test_the_overview_loads_no_command_nor_what_talks_to_aws():
    script = "import sys; from redrive_cli.app import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=True)

    assert "Look back" in done.stdout
    loaded = set(done.stderr.split())
    assert not loaded & {"boto3", "botocore", "pydantic_core", "jsonata", "redrive_cli.commands.run"}


def test_the_version_is_the_packages():
    assert CliRunner().invoke(cli, ["--version"]).output == "redrive 0.1.0\n"


def test_what_progress_tells_of_a_state_names_a_state_of_the_machine():
    machine = json.loads(MACHINE.read_text())

    assert set(TOLD) <= set(machine["States"])

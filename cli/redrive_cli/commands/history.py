"""`redrive history`: the states of a run."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

from typing import Any

import click

from redrive.history.visits import visits
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_target
from redrive_cli.view.console import console, print_json
from redrive_cli.view.history import history_json, show_history


@click.command()
@click.argument("execution", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: one for each state, and one for the end.")
@on_target
def history(execution: str | None, as_json: bool, **where: Any) -> None:
    """Show the states of a run: EXECUTION is its name or ARN, and the most recent run without one.

    \b
    Example:
      redrive history orders-dlq-20261121T060000Z-ab12cd
    """
    machine = Target(**where).machine()
    states, end = visits(machine.events(machine.find(execution), live=False))
    if as_json:
        for line in history_json(states, end):
            print_json(line)
    else:
        show_history(console(), states, end)

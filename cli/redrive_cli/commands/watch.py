"""`redrive watch`: see a run that is under way, to its end."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from redrive.values.queue import name_of
from redrive.values.summary import Summary
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_target
from redrive_cli.commands.starting import end_in, show_end, watch_to_its_end
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, show_hints

if TYPE_CHECKING:
    from redrive.values.run import End
    from redrive_cli.aws.executions import Machine

_DAY = re.compile(r"\d{4}-\d\d-\d\d/")  # before the name, in a run's identity
_OTHERS_NAMED = 3


@click.command()
@click.argument("run", required=False)
@click.option("--exit-status", is_flag=True, help="Exit with 1 if the run ends in red.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@on_target
def watch(run: str | None, exit_status: bool, as_json: bool, **where: Any) -> None:
    """Watch a run that is under way, or see how one has ended.

    RUN is its name or ARN; without one it is the run that started last of those under way. Ctrl-C only ends the
    watching: the run goes on.

    \b
    Example: in a script, wait for the run that is under way, whoever started it
      redrive watch --exit-status --json
    """
    target = Target(**where)
    machine = target.machine()
    execution = machine.find(_DAY.sub("", run, count=1)) if run else _choose(target, machine)
    end = machine.end_of(execution)
    if end.status == "RUNNING":
        status = watch_to_its_end(target, machine, execution, as_json=as_json)
    else:
        status = _show_how_it_ended(target, machine, end, as_json=as_json)
    if exit_status:
        sys.exit(status)


def _choose(target: Target, machine: Machine) -> str:
    """Give the run that started last of those under way; where there is none, of all. Says what else there is."""
    out = console(stderr=True)
    running = machine.running()
    if not running:
        out.line("No run is under way; this is how the last one ended.")
        return machine.find(None)
    others = running[1:]
    if others:
        out.line(f"{len(running):,} runs are under way, and this is the one that started last.")
        show_hints(*(f"See another: {target.redrive('watch', name_of(other))}" for other in others[:_OTHERS_NAMED]))
    return running[0]


def _show_how_it_ended(target: Target, machine: Machine, end: End, *, as_json: bool) -> int:
    name = name_of(end.execution)
    console(stderr=True).line(f"Run {name} has ended.")
    ended, summary = end_in(machine.last_events(end.execution))
    if ended is None:
        raise CliError(f"AWS tells no more of how {name} ended than {end.status}.", "Ask again in a moment.")
    return show_end(target, name, ended, summary or _cleaned_up(target, end), as_json=as_json)


def _cleaned_up(target: Target, end: End) -> Summary | None:
    """Give the summary that the clean-up wrote after a run which could not; None where there is none to be had."""
    try:
        return Summary.from_json(target.ledger(end.run).read_document("summary"))
    except (BotoCoreError, ClientError, CliError, ValueError, LookupError, TypeError):
        return None

"""`redrive stop`: stop a run, and see it cleaned up after."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from redrive.stores.ledger import FOREIGN
from redrive.values.plan import Path, RunRecord
from redrive.values.summary import Summary
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.runs import find_run
from redrive_cli.aws.target import Target
from redrive_cli.commands.complete import complete_run
from redrive_cli.commands.options import on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json
from redrive_cli.view.summary import show_summary

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger

_WAIT = 180  # seconds for the clean-up, which EventBridge starts and which may have hundreds of pages to close
_LOOK_EVERY = 1.0
_ASK_AFTER = 3  # looks; then the clean-up is asked for, should EventBridge not have told it
_CUSTOM = (
    "The clean-up releases what the run held, within seconds; what a step was receiving becomes visible by itself, "
    "within ten minutes. What was sent stays sent."
)
_NATIVE = "The clean-up cancels SQS's move task; what it has moved stays moved."
_BEFORE_PLAN = "It has not planned anything yet, so it has received nothing, and there is nothing to release."


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the clean-up and its summary.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@on_target
def stop(run: str, yes: bool, no_wait: bool, as_json: bool, **where: Any) -> None:
    """Stop a run that is going on, and wait until what it held is visible in its queue again.

    RUN is its name or its ARN.

    \b
    Example: in a script
      redrive stop orders-dlq-20261121T060000Z-ab12cd --yes
    """
    target = Target(**where)
    found = find_run(target, run)
    if found.status != "RUNNING" or not found.execution:
        ended = (found.status or "it ended long ago").lower().replace("_", " ")
        raise CliError(
            f"The run {found.name} is not going on: {ended}.", f"See it with: {target.redrive('show', found.name)}"
        )
    ledger = target.ledger(found.id)
    told = console(stderr=True)
    with aws_errors():
        told.line(f"{found.name}: {_what_comes(ledger)}")
    _must_be_meant(found.name, yes)
    machine = target.machine()
    with aws_errors(found.execution):
        machine.sfn.stop_execution(
            executionArn=found.execution, error="Stopped", cause=f"stopped with redrive stop by {machine.caller}"
        )
        told.line("Stopped.")
        summary = None if no_wait else _wait(target, ledger, found.execution)
    if summary and as_json:
        print_json(summary.to_json())
    elif summary:
        show_summary(console(), summary)


def _what_comes(ledger: Ledger) -> str:
    try:
        record = RunRecord.from_json(ledger.read_document("plan"))
    except FOREIGN:
        return _BEFORE_PLAN
    return _NATIVE if record.plan.path == Path.NATIVE else _CUSTOM


def _must_be_meant(name: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CliError("Nothing was stopped: there is no terminal to ask on.", "Say --yes if you mean it.")
    click.confirm(f"Stop {name}?", abort=True, err=True)


def _wait(target: Target, ledger: Ledger, execution: str) -> Summary | None:
    """Wait for the clean-up's summary; None when there was nothing to clean up."""
    deadline = time.monotonic() + _WAIT
    with console(stderr=True).waiting("Waiting for the clean-up"):
        looks = 0
        while time.monotonic() < deadline:
            try:
                return Summary.from_json(ledger.read_document("summary"))
            except KeyError:
                looks += 1
            if looks == _ASK_AFTER:
                if not ledger.has_document("plan"):
                    return None
                target.clean_up(target.machine().end_of(execution))
            time.sleep(_LOOK_EVERY)
    raise CliError(
        f"The run was stopped, but the clean-up has left no summary after {_WAIT} s.",
        f"It may still come: {target.redrive('show', ledger.run)}; docs/faults.md says what to look at.",
    )

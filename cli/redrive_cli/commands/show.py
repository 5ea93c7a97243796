"""`redrive show`: one run, whole."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from redrive.history.events import Ended
from redrive.history.visits import visits
from redrive.report.history import History
from redrive.stores.ledger import FOREIGN
from redrive.values.summary import Summary
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.runs import find_run, with_documents
from redrive_cli.aws.target import Target
from redrive_cli.commands.complete import complete_run
from redrive_cli.commands.options import on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json
from redrive_cli.view.history import history_json, show_history
from redrive_cli.view.request import request_lines
from redrive_cli.view.runs import RED, outcome, run_json
from redrive_cli.view.summary import show_lines, show_summary

if TYPE_CHECKING:
    from redrive.history.visits import Visit
    from redrive.stores.ledger import Ledger
    from redrive_cli.aws.runs import Run
    from redrive_cli.view.console import Screen

_STILL_RUNNING = 8  # as `gh pr checks` has it


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--exit-status", is_flag=True, help="Exit with 0 if the run ended in green, 1 in red, 8 if it runs.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@on_target
def show(run: str | None, exit_status: bool, as_json: bool, **where: Any) -> None:
    """Show a run: what was asked, what came of it, and the states it went through.

    RUN is its name, its ARN, or <day>/<name>, and the most recent run without one.

    \b
    Example: in a script, what the last run did
      redrive show --exit-status --json
    """
    target = Target(**where)
    found = find_run(target, run)
    told = console(stderr=True)
    try:
        ledger = target.ledger()
        with aws_errors():
            found = with_documents(found, None, ledger)
    except CliError as error:
        if not found.summary:  # else the execution's output has said it all
            told.line(("note: ", "yellow"), f"The ledger could not be read: {error}")
    states: list[Visit] = []
    end = None
    if found.execution:
        states, end = visits(target.machine().events(found.execution, live=False))
    elif (found.request or {}).get("action") != "restore":  # which is no execution
        states, end = _kept(target.ledger(found.id), found)
        if not states:
            told.line(
                ("note: ", "yellow"),
                "AWS keeps an execution's states for 90 days, and these are gone: the ledger has none either.",
            )
    if as_json:
        print_json(_document(found, states, end))
    else:
        _show(console(), found, states, end)
    if exit_status:
        sys.exit(_status(found))


def _kept(ledger: Ledger, run: Run) -> tuple[list[Visit], Ended | None]:
    """Give the states that the run left in its ledger, with the end that its summary tells; none where it left none."""
    summary = _summary(run)
    try:
        with aws_errors():
            history = History.from_json(ledger.read_document("history"))
        states = (history.foretold(summary.status) if summary else history).as_visits()
    except (CliError, *FOREIGN):
        return [], None
    if summary is None:
        return states, None
    status = "FAILED" if summary.status in RED else "SUCCEEDED"
    at = datetime.fromisoformat(summary.ended)
    return states, Ended(at, None, status, summary.error or "", summary.cause or "")


def _document(run: Run, states: list[Visit], end: Ended | None) -> dict[str, Any]:
    *visited, ended = history_json(states, end)
    return {**run_json(run), "states": visited, "end": ended if states else None}


def _show(out: Screen, run: Run, states: list[Visit], end: Ended | None) -> None:
    if run.request:
        out.line(("Request", "bold"))
        show_lines(out, list(request_lines(run.request)))
        out.line()
    out.line(("Summary", "bold"))
    summary = _summary(run)
    if summary:
        show_summary(out, summary)
    else:
        show_lines(out, [("run", run.name), ("status", outcome(run)[0])])
    if states:
        out.line()
        out.line(("States", "bold"))
        show_history(out, states, end)


def _summary(run: Run) -> Summary | None:
    try:
        return Summary.from_json(run.summary) if run.summary else None
    except FOREIGN as error:
        raise CliError(f"The summary of {run.name} is none that this tool can read.", "--json shows it.") from error


def _status(run: Run) -> int:
    if run.status == "RUNNING":
        return _STILL_RUNNING
    if run.status:
        return int(run.status != "SUCCEEDED")
    return int((run.summary or {}).get("status") in {None, *RED})

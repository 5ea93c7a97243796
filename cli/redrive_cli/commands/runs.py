"""`redrive runs`: the runs there were."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from redrive_cli.aws.runs import recent
from redrive_cli.aws.target import Target
from redrive_cli.commands.complete import complete_queue
from redrive_cli.commands.options import SINCE, on_target
from redrive_cli.view.console import console, print_json
from redrive_cli.view.runs import run_json, show_runs

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.option("--queue", metavar="QUEUE", shell_complete=complete_queue, help="Only runs of this dead-letter queue.")
@click.option("--since", type=SINCE, default="30d", show_default=True, help="Only runs that began since then.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="At most N runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, one for each run.")
@on_target
def runs(queue: str | None, since: datetime, limit: int, as_json: bool, **where: Any) -> None:
    """List the runs there were, the newest first: those that Step Functions knows, and those of the ledger.

    \b
    Example: what was done to orders-dlq this year
      redrive runs --queue orders-dlq --since 365d --limit 100
    """
    listed = recent(Target(**where), since, limit, queue)
    told = console(stderr=True)
    for trouble in listed.troubles:
        told.line(("note: ", "yellow"), trouble)
    if as_json:
        for run in listed.runs:
            print_json(run_json(run))
    elif listed.runs:
        show_runs(console(), listed.runs)
    else:
        told.line("No run began since then.")

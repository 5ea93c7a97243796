"""`redrive report`: a run, or a queue over many runs, as one file to look at, to send and to keep."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from redrive.report.page import page
from redrive.report.queue import queue_document
from redrive.report.run import run_document
from redrive_cli.aws.past import found_of, runs_at
from redrive_cli.aws.target import Target
from redrive_cli.commands.complete import complete_queue, complete_run
from redrive_cli.commands.options import SINCE, on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import console

_USUAL = timedelta(days=90)


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option(
    "-o", "--output", metavar="FILE.html", help="Where to write it, - for stdout; named by the run if left out."
)
@click.option("--with-bodies", is_flag=True, help="Put the messages' bodies into it, as far as the backup has them.")
@click.option("--queue", shell_complete=complete_queue, help="Report a dead-letter queue over all of its runs instead.")
@click.option("--since", type=SINCE, help="With --queue: runs since then, as in 30d or 2026-11-20; 90d if left out.")
@on_target
def report(
    run: str | None, output: str | None, with_bodies: bool, queue: str | None, since: datetime | None, **where: Any
) -> None:
    """Write a run's report: one file that opens in any browser and asks nobody for anything.

    RUN is its name, its ARN, or <day>/<name>, and the most recent run without one. AWS keeps the way that a run went
    for 90 days; after that the report has it from the ledger, where the run left it.

    \b
    Examples:
      redrive report 2026-11-21/orders-dlq-20261121T060000Z-ab12cd -o order-1043.html
      redrive report --queue orders-dlq --since 90d
    """
    if queue and (run or with_bodies):
        raise click.UsageError("--queue is a report of its own: without RUN and --with-bodies.")
    if since and not queue:
        raise click.UsageError("--since belongs to --queue.")
    target = Target(**where)
    with console(stderr=True).waiting("Reading the ledger"):
        if queue:
            document = _of_queue(target, queue, since)
            name = f"{queue}-report"
        else:
            document = run_document(found_of(target, run, with_bodies=with_bodies))
            name = document["name"]
    _write(page(document), output, f"{name}.html", document["sentence"])


def _of_queue(target: Target, queue: str, since: datetime | None) -> dict[str, Any]:
    now = datetime.now(UTC)
    begins = since or now - _USUAL
    runs, troubles = runs_at(target, queue, begins)
    return queue_document(queue, max(1, round((now - begins).total_seconds() / 86_400)), runs, troubles)


def _write(html: bytes, output: str | None, default: str, sentence: str) -> None:
    if output == "-":
        sys.stdout.buffer.write(html)
        sys.stdout.buffer.flush()
        return
    path = Path(output or default)
    try:
        path.write_bytes(html)
    except OSError as error:
        raise CliError(
            f"{path} cannot be written: {error.strerror}.", "Name another with -o, or - for stdout."
        ) from error
    out = console()
    out.line(sentence)
    out.line(f"{path}  {len(html) / 1024:,.0f} KiB")

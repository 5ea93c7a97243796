"""`redrive report`: a run, or a queue over many runs, as one file to look at, to send and to keep."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from redrive.report.page import page
from redrive.report.run import run_document
from redrive.values.run import name_in
from redrive_cli.aws.past import find_run, found_of
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import console


@click.command()
@click.argument("run", required=False)
@click.option(
    "-o", "--output", metavar="FILE.html", help="Where to write it; - for stdout. Named after the run if not given."
)
@click.option("--with-bodies", is_flag=True, help="Put the messages' bodies into it, as far as the backup has them.")
@on_target
def report(run: str | None, output: str | None, with_bodies: bool, **where: Any) -> None:
    """Write a run's report: one file that opens in any browser and asks nobody for anything.

    RUN is its name, its ARN, or <day>/<name>; the most recent run without one. AWS keeps a run's history for 90 days;
    after that the way it went is in the report if its last step could leave it in the ledger.

    \b
    Examples:
      redrive report orders-dlq-20261121T060000Z-ab12cd
      redrive report 2026-11-21/orders-dlq-20261121T060000Z-ab12cd -o order-1043.html
    """
    target = Target(**where)
    with console(stderr=True).waiting("Reading the ledger"):
        machine = target.machine()
        past = find_run(target, machine, run)
        document = run_document(found_of(target, machine, past, with_bodies=with_bodies))
    _write(page(document), output, f"{name_in(past.run)}.html", document["sentence"])


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
            f"{path} cannot be written: {error.strerror}.", "Name another file with -o, or - for stdout."
        ) from error
    out = console()
    out.line(sentence)
    out.line(f"{path}  {len(html) / 1024:,.0f} KiB")

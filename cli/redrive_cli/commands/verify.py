"""`redrive verify`: whether a run's ledger is as the run left it."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from typing import Any

import click

from redrive.stores import manifest
from redrive.stores.ledger import get
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.runs import find_run
from redrive_cli.aws.target import Target
from redrive_cli.aws.verify import DIFFERENT, OK, UNRECORDED, Verdict, told_lock
from redrive_cli.aws.verify import verify as verify_ledger
from redrive_cli.commands.complete import complete_run
from redrive_cli.commands.options import on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import SIGNS, Screen, console, print_json


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: one for each object, and one for the whole.")
@on_target
def verify(run: str | None, as_json: bool, **where: Any) -> None:
    """Compare a run's ledger with the SHA-256 of each object that the run recorded when it ended.

    RUN is its name, its ARN, or <day>/<name>, and the most recent run without one. Exits with 1 on a difference.

    \b
    Example: is the record of that run as it was?
      redrive verify orders-dlq-20261121T060000Z-ab12cd
    """
    target = Target(**where)
    found = find_run(target, run)
    ledger = target.ledger(found.id)
    with aws_errors():
        try:
            text = get(ledger.s3, ledger.bucket, f"runs/{ledger.run}/{manifest.NAME}.json")
            recorded = manifest.parse(text)
        except KeyError as error:
            raise CliError(
                f"The run {found.id} has no manifest, so there is nothing to compare with.",
                "It is written when the run ends; runs of version 0.1 and before have none.",
            ) from error
        except ValueError as error:
            raise CliError(
                f"The manifest of {found.id} cannot be read: {error}.", "It is not as the run left it."
            ) from error
        verdicts = verify_ledger(ledger, recorded)
        lock = told_lock(ledger)
    counts = Counter(verdict.what for verdict in verdicts)
    whole = {"run": found.id, "manifest_sha256": hashlib.sha256(text).hexdigest(), "object_lock": lock, **counts}
    if as_json:
        for verdict in verdicts:
            print_json(vars(verdict))
        print_json(whole)
    else:
        _show(console(), verdicts, counts, whole)
    if counts.keys() & DIFFERENT:
        sys.exit(1)


def _show(out: Screen, verdicts: list[Verdict], counts: Counter[str], whole: dict[str, Any]) -> None:
    for verdict in verdicts:
        word = {OK: "ok", UNRECORDED: "caught"}.get(verdict.what, "failed")
        symbol, colour = SIGNS[word]
        out.line((f"{symbol} {verdict.what:<10}", colour), f"  {verdict.key}")
    out.line(", ".join(f"{number:,} {what}" for what, number in counts.items()) or "nothing is recorded")
    out.line(f"manifest     sha256 {whole['manifest_sha256']}")
    out.line(f"object lock  {whole['object_lock']}")

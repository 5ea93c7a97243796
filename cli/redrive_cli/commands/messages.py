"""`redrive messages`: what became of each message of a run."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

from typing import Any

import click

from redrive.values.outcome import Outcome
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.outcomes import Wanted, lines_of
from redrive_cli.aws.runs import find_run
from redrive_cli.aws.target import Target
from redrive_cli.commands.complete import complete_run
from redrive_cli.commands.options import on_target
from redrive_cli.view.console import console, print_json
from redrive_cli.view.messages import show_messages


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option(
    "--outcome",
    "outcomes",
    type=click.Choice([str(outcome) for outcome in Outcome]),
    multiple=True,
    help="Only these; may be repeated.",
)
@click.option("--id", "id_", metavar="ID", help="Only the message that has this id, or got it.")
@click.option("--key", metavar="KEY", help="Only messages with this key, or with its SHA-256.")
@click.option("--reason", metavar="TEXT", help="Only messages whose reason has this text in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, as the ledger has them.")
@on_target
def messages(
    run: str | None,
    outcomes: tuple[str, ...],
    id_: str | None,
    key: str | None,
    reason: str | None,
    as_json: bool,
    **where: Any,
) -> None:
    """Show what became of each message of a run, a line for each; bodies are not in the ledger's outcomes.

    RUN is its name, its ARN, or <day>/<name>, and the most recent run without one.

    \b
    Example: what failed in it, and why
      redrive messages orders-dlq-20261121T060000Z-ab12cd --outcome failed
    """
    target = Target(**where)
    found = find_run(target, run)
    ledger = target.ledger(found.id)
    told = console(stderr=True)

    def unreadable(page: str) -> None:
        told.line(("note: ", "yellow"), f"The outcomes of page {page} cannot be read, and are missing here.")

    wanted = Wanted(frozenset(outcomes), id_, key, reason)
    with aws_errors():
        lines = filter(wanted, lines_of(ledger, unreadable))
        if as_json:
            number = 0
            for number, line in enumerate(lines, 1):  # noqa: B007
                print_json(line)
        else:
            number = show_messages(console(), lines)
    if not number:
        told.line("No message of this run is recorded so; where SQS moved them itself, there is no record.")

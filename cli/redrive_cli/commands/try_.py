"""`redrive try`: a request tried on a sample, on this machine, with the code of the functions."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redrive.steps.check import understand
from redrive.values.errors import InvalidRequest, RedriveError
from redrive.values.outcome import Outcome
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.looking import find_queue, take_sample
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_sample, on_target
from redrive_cli.commands.run import build_request
from redrive_cli.errors import CliError
from redrive_cli.sample.file import is_fifo, read_file
from redrive_cli.sample.pointing import pointed
from redrive_cli.sample.trial import tried
from redrive_cli.view.console import console, print_json
from redrive_cli.view.pointing import show_pointed
from redrive_cli.view.trial import show_trial, trial_json

if TYPE_CHECKING:
    from redrive.values.criteria import Criteria
    from redrive.values.message import Message
    from redrive.values.request import Request

_ANY = "any-queue"  # stands for the queue of a file, which nobody is asked about


@click.command("try")
@click.argument("queue", required=False)
@click.option("--where", metavar="EXPR", help="A JSONata condition that chooses messages.")
@click.option("--transform", metavar="EXPR", help="A JSONata expression that gives the new body.")
@click.option("--sent", metavar="DAY|FROM..TO", help="Only messages first sent then, as in `redrive run`.")
@click.option("--older-than", metavar="DURATION", help="Only messages first sent this long ago, as in 2h or 3d.")
@click.option("--max-redrives", metavar="N", type=click.IntRange(min=0), help="Leave those that were redriven N times.")
@click.option("--timezone", metavar="TZ", help="Where yesterday is: an IANA time zone, as in Asia/Seoul.")
@click.option("--as-of", metavar="DAY|TIME", help="Reckon yesterday, today and ages from then.")
@click.option(
    "--file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Try it on a file that `redrive peek --all` wrote; no AWS is asked.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: one for each message, and one for all.")
@on_sample
@on_target
def try_(queue: str | None, file: Path | None, as_json: bool, sample: int, anyway: bool, **options: Any) -> None:
    """Try a request on a sample of QUEUE (name, URL or ARN): which messages it chooses, and what it makes of them.

    \b
    Example:
      redrive try orders-dlq --where 'body.error.code = "TIMEOUT"'

    Nothing is sent or deleted. The exit code is 0 also when nothing matches, and 1 when an expression fails.
    """
    if (queue is None) == (file is None):
        raise click.UsageError("Name a QUEUE, or a file with --file; one of the two.")
    target = Target(*(options.pop(name) for name in Target.__dataclass_fields__))
    document = build_request(queue or _ANY, **options)
    if len(document) == 1:
        raise click.UsageError("There is nothing to try; say --where or --transform.")
    request, _ = _understood(document)
    messages, in_order = (read_file(file), None) if file else _looked_at(target, queue or "", sample, anyway=anyway)
    in_order = is_fifo(messages) if in_order is None else in_order
    # Only now: what came while the queue was looked into is not newer than the run that this stands for.
    _, criteria = _understood(document)
    try:
        trial = tried(messages, criteria, in_order=in_order)
    except RedriveError as error:
        raise CliError(str(error), "Simplify it.") from error
    if as_json:
        for line in trial_json(trial):
            print_json(line)
    else:
        show_trial(console(), trial, request.expressions, str(file or queue))
    if any(verdict.outcome == Outcome.FAILED for verdict in trial.verdicts):
        sys.exit(1)


def _understood(document: dict[str, Any]) -> tuple[Request, Criteria]:
    """Read the request as a run's first state does; a place in an expression is pointed at. Raises CliError."""
    try:
        return understand(document, datetime.now(UTC).isoformat())
    except InvalidRequest as error:
        sources = {"filter.where": document.get("filter", {}).get("where"), "transform": document.get("transform")}
        field = str(error).partition(":")[0]
        show_pointed(console(stderr=True), pointed(str(error), sources.get(field) or ""))
        raise CliError(str(error), f"Correct --{field.rpartition('.')[2]}.") from error


def _looked_at(target: Target, queue: str, most: int, *, anyway: bool) -> tuple[list[Message], bool]:
    with aws_errors():
        sqs = target.client("sqs")
        found = find_queue(sqs, queue, anyway=anyway)
        with console(stderr=True).waiting(f"Looking into {found.name} ..."):
            return take_sample(sqs, found, most).messages, found.fifo

"""`redrive retry`: send what failed in an earlier run, and nothing else."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import click

from redrive.values.lane import MOST_LANES
from redrive.values.outcome import STAYS
from redrive.values.plan import Path
from redrive.values.request import DELETE
from redrive_cli.aws.ledgers import ledger_of, summary_of
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_target
from redrive_cli.commands.run import redrive
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive.values.summary import Summary

Json: TypeAlias = dict[str, Any]  # a request document

# What of the earlier request holds for the same messages; its filter, its limit and its path do not.
_KEPT = ("queue", "destination", "transform", "key", "rate", "lanes", "timezone")


@click.command()
@click.argument("run")
@click.option(
    "--outcome",
    "outcomes",
    type=click.Choice([str(outcome) for outcome in STAYS]),
    multiple=True,
    default=["failed"],
    show_default=True,
    help="Those that ended so; may be given several times.",
)
@click.option("--where", metavar="EXPR", help="Of these, only messages for which this JSONata condition is true.")
@click.option("--destination", metavar="QUEUE", help="Send to this queue instead.")
@click.option("--transform", metavar="EXPR", help="A JSONata expression that gives the new body instead.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Stop after N messages.")
@click.option("--rate", metavar="N", type=click.IntRange(min=1), help="At most N messages a second.")
@click.option("--lanes", metavar="N", type=click.IntRange(1, MOST_LANES), help="Drain in N lanes side by side.")
@click.option("--preview", "--dry-run", is_flag=True, help="Filter and report, but send and delete nothing.")
@click.option("--alone", is_flag=True, help="Step back when another run is working on the queue.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@on_target
def retry(run: str, outcomes: Sequence[str], as_json: bool, **options: Any) -> None:
    """Redrive what failed in RUN: its name, its ARN, or <day>/<name>.

    The queue, the destination, the transform, the key and the rate are that run's, unless you say otherwise. Messages
    are chosen by their ids, as its ledger has them; what has left the queue since is not there any more.

    \b
    Example: what a preview would have sent, and no message more
      redrive retry 2026-11-20/orders-dlq-20261120T060000Z-ab12cd --outcome previewed
    """
    target = Target(*(options.pop(name) for name in Target.__dataclass_fields__))
    ledger = ledger_of(target, run)
    document = retry_of(ledger.run, summary_of(ledger), outcomes, target, **options)
    redrive(target, document, sure=True, as_json=as_json)


def retry_of(
    run: str, earlier: Summary, outcomes: Sequence[str], target: Target, *, where: str | None = None, **options: Any
) -> Json:
    """Build the request that retries a run, `<day>/<name>`. Raises CliError when there is nothing to retry."""
    request = earlier.request
    if request is None:
        raise CliError(
            f"{run} was refused before it looked at any message.",
            f"See why with: {target.redrive('show', earlier.run)}",
        )
    queue = request["queue"]
    if request.get("action") == DELETE:
        raise CliError(
            f"{run} deleted messages, and does not send any.",
            f"What it left in the queue is deleted by: {target.redrive('delete', queue)}",
        )
    if "action" in request:
        raise CliError(f"{run} restored messages.", "Repeat it as it was typed: what it sent is not sent again.")
    if earlier.path == Path.NATIVE:
        raise CliError(
            f"SQS moved the messages of {run} itself, and the ledger has no record of single ones.",
            f"What is still in the queue is redriven by: {target.redrive('run', queue)} --record",
        )
    if not sum(earlier.counts[outcome] for outcome in outcomes):
        ended = {outcome.replace("_", " "): earlier.counts[outcome] for outcome in STAYS if earlier.counts[outcome]}
        others = ", ".join(f"{number:,} {outcome}" for outcome, number in ended.items())
        raise CliError(
            f"No message of {run} ended as {' or '.join(outcomes)}.",
            f"Of those that stayed, {others}: name them with --outcome." if others else "None stayed in the queue.",
        )
    document = {name: request[name] for name in _KEPT if name in request}
    chosen: Json = {"of_run": {"run": run, "outcomes": list(dict.fromkeys(outcomes))}}
    if where is not None:
        chosen["where"] = where
    return (
        document | {"filter": chosen} | {name: value for name, value in options.items() if value not in {None, False}}
    )

"""`redrive run`: start a run, and watch it to its end."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from redrive.steps.check import understand
from redrive.values.errors import InvalidRequest, NativePathUnavailable
from redrive.values.lane import MOST_LANES
from redrive_cli.aws.ahead import look_ahead
from redrive_cli.aws.target import Target
from redrive_cli.commands.complete import complete_queue
from redrive_cli.commands.options import on_target
from redrive_cli.commands.starting import start_and_watch
from redrive_cli.errors import CliError
from redrive_cli.view.ahead import show_ahead
from redrive_cli.view.asking import confirmed
from redrive_cli.view.console import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive_cli.aws.executions import Machine

Json: TypeAlias = dict[str, Any]  # a request document

# Where a field is typed, unless it is in the option of its own name.
_OPTIONS = {
    "queue": "QUEUE",
    "filter.of_run": "RUN",
    **dict.fromkeys(("filter.sent", "filter.sent.day", "filter.sent.from", "filter.sent.to"), "--sent"),
}


@click.command()
@click.argument("queue", shell_complete=complete_queue)
@click.option("--where", metavar="EXPR", help="Only messages for which this JSONata condition is true.")
@click.option(
    "--sent",
    metavar="DAY|FROM..TO",
    help="Only messages first sent then: yesterday, today, 2026-11-20, or 2026-11-18..2026-11-20 "
    "(either end may be left out, and may be a time).",
)
@click.option("--older-than", metavar="DURATION", help="Only messages first sent this long ago, as in 2h or 3d.")
@click.option(
    "--max-redrives",
    metavar="N",
    type=click.IntRange(min=0),
    help="Leave messages alone that were redriven N times.",
)
@click.option("--destination", metavar="QUEUE", help="Send to this queue, not back to where each came from.")
@click.option("--transform", metavar="EXPR", help="A JSONata expression that gives the new body.")
@click.option("--key", metavar="EXPR", help="Record of each message what you know it by, as in body.orderId.")
@click.option("--hash-key", is_flag=True, help="Record the key's SHA-256, and not the key itself.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Stop after N messages.")
@click.option("--rate", metavar="N", type=click.IntRange(min=1), help="At most N messages a second.")
@click.option(
    "--lanes",
    metavar="N",
    type=click.IntRange(1, MOST_LANES),
    help="Drain in N lanes side by side; without it, as many as the messages are worth.",
)
@click.option(
    "--path",
    type=click.Choice(["auto", "native", "custom"]),
    help="Let SQS move them itself (native), or not (custom); auto chooses, and says why.",
)
@click.option("--record", is_flag=True, help="Keep a record of every message, which SQS's own move does not.")
@click.option("--timezone", metavar="TZ", help="Where yesterday is: an IANA time zone, as in Asia/Seoul.")
@click.option(
    "--as-of",
    metavar="DAY|TIME",
    help="Reckon yesterday, today and ages from then, to run a day again: 2026-11-20, or a time.",
)
@click.option("--preview", "--dry-run", is_flag=True, help="Filter and report, but send and delete nothing.")
@click.option("--alone", is_flag=True, help="Step back when another run is working on the queue.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask, not even when all that is there would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@on_target
def run(queue: str, yes: bool, as_json: bool, **options: Any) -> None:
    """Redrive the messages you choose out of QUEUE, a dead-letter queue (name, URL or ARN).

    \b
    Example: what timed out yesterday, in Korean time
      redrive run orders-dlq --sent yesterday --timezone Asia/Seoul --where 'body.error.code = "TIMEOUT"'

    It says first what it is about to do and, on a terminal, asks when nothing narrows that down. This and the progress
    go to stderr, the summary to stdout. The exit code is 0 when everything chosen has arrived.
    """
    target = Target(*(options.pop(name) for name in Target.__dataclass_fields__))
    redrive(target, build_request(queue, **options), sure=yes, as_json=as_json)


def redrive(target: Target, document: Json, *, sure: bool, as_json: bool) -> None:
    """Show what a run of this request is about to do, start it, watch it, and show what came of it.

    On a terminal it asks first where nothing narrows the request down, unless somebody is `sure`. Ends the process
    with 1 when the run ends in red. Raises CliError.
    """
    machine = ready(target, document)
    if not (_shown_ahead(target, document) or sure or confirmed(f"Redrive all of {document['queue']}?")):
        console(stderr=True).line("No run was started.")
        sys.exit(1)
    start_and_watch(target, machine, document, as_json=as_json)


def ready(target: Target, document: Json) -> Machine:
    """Refuse what the run would refuse in its first state, so that no run ends in red for it; give the machine.

    Raises CliError.
    """
    with _refusing():
        understand(document, datetime.now(UTC).isoformat())
    machine = target.machine()
    with _refusing():
        machine.must_be_near(document)
    machine.must_be_there()
    return machine


def _shown_ahead(target: Target, document: Json) -> bool:
    """Show what the run is about to do; tells whether something narrows it down. Raises CliError."""
    out = console(stderr=True)
    with _refusing(), out.waiting(f"Looking at {document['queue']} ..."):
        ahead = look_ahead(target, document)
    show_ahead(out, ahead)
    out.line()
    return not ahead.takes_all


def build_request(
    queue: str,
    *,
    where: str | None = None,
    sent: str | None = None,
    older_than: str | None = None,
    max_redrives: int | None = None,
    key: str | None = None,
    hash_key: bool = False,
    **fields: Any,
) -> Json:
    """Build the request document; what was not asked for is not in it. Raises click.UsageError."""
    if sent is not None and older_than is not None:
        raise click.UsageError("--sent and --older-than exclude each other; a message's age is one or the other.")
    if hash_key and key is None:
        raise click.UsageError("--hash-key needs --key, which says what is to be hashed.")
    chosen = {
        # An empty text is somebody's variable that is not set, and no wish for all messages.
        "sent": {"older_than": older_than} if older_than is not None else None if sent is None else _sent(sent),
        "where": where,
        "max_redrives": max_redrives,
    }
    filters = {name: value for name, value in chosen.items() if value is not None}
    fields = {name: value for name, value in fields.items() if value not in {None, False}}
    if key is not None:
        fields["key"] = {"expression": key, "hashed": True} if hash_key else key
    return {"queue": queue, **({"filter": filters} if filters else {}), **fields}


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (InvalidRequest, NativePathUnavailable) as error:
        field = str(error).partition(":")[0]
        raise CliError(str(error), f"No run was started. Correct {_OPTIONS.get(field, _option(field))}.") from error


def _option(field: str) -> str:
    return f"--{field.rpartition('.')[2].replace('_', '-')}"


def _sent(text: str) -> Json:
    start, span, end = text.partition("..")
    if not span:
        return {"day": text}
    ends = {name: value for name, value in (("from", start), ("to", end)) if value}
    if not ends:
        raise click.BadOptionUsage("sent", "--sent needs a day, or a span with at least one end.")
    return ends

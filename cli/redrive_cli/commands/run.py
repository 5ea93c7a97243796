"""`redrive run`: start a run, and watch it to its end."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from redrive.history.events import Ended, Left
from redrive.steps.check import understand
from redrive.values.errors import InvalidRequest, QueueNotFound
from redrive.values.lane import MOST_LANES
from redrive.values.summary import Summary
from redrive_cli.aws.executions import name_execution
from redrive_cli.aws.target import Target
from redrive_cli.commands.complete import complete_queue
from redrive_cli.commands.options import on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json, show_error
from redrive_cli.view.progress import Progress
from redrive_cli.view.summary import show_summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive_cli.aws.executions import Machine

Json: TypeAlias = dict[str, Any]  # a request document

# Where a field is typed, unless it is in the option of its own name.
_OPTIONS = {
    "queue": "QUEUE",
    **dict.fromkeys(("filter.sent", "filter.sent.day", "filter.sent.from", "filter.sent.to"), "--sent"),
}
_INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended


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
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@on_target
def run(queue: str, as_json: bool, **options: Any) -> None:
    """Redrive the messages you choose out of QUEUE, a dead-letter queue (name, URL or ARN).

    \b
    Example: what timed out yesterday, in Korean time
      redrive run orders-dlq --sent yesterday --timezone Asia/Seoul --where 'body.error.code = "TIMEOUT"'

    Progress goes to stderr, the summary to stdout. The exit code is 0 when everything chosen has arrived.
    """
    target = Target(*(options.pop(name) for name in Target.__dataclass_fields__))
    document = build_request(queue, **options)
    _must_be_understood(document)
    machine = target.machine()
    with _refusing():
        machine.must_be_near(document)
    document["started_by"] = f"command line, {machine.caller}"
    name = name_execution(queue)
    execution = machine.find(name)
    try:
        machine.start(document, name)
        try:
            end, summary = _watch(machine, execution)
        except CliError as error:
            again = f"The run goes on; see it with: {target.redrive('show', name)}"
            raise CliError(str(error), f"{error.hint} {again}") from error
    except KeyboardInterrupt:  # also while it is being started: it may have been
        _tell_it_goes_on(target, execution)
        sys.exit(_INTERRUPTED)
    if summary is None and end.status != "SUCCEEDED":
        target.clean_up(machine.end_of(execution))
    if summary and as_json:
        print_json(summary.to_json())
    elif summary:
        show_summary(console(), summary)
    if end.status != "SUCCEEDED":
        why = end.cause or f"the execution ended as {end.status}"
        show_error(why, f"{_suggestion(target, document, end)}See every step with: {target.redrive('show', name)}")
        sys.exit(1)


def build_request(
    queue: str,
    *,
    where: str | None = None,
    sent: str | None = None,
    older_than: str | None = None,
    max_redrives: int | None = None,
    **fields: Any,
) -> Json:
    """Build the request document; what was not asked for is not in it. Raises click.UsageError."""
    if sent is not None and older_than is not None:
        raise click.UsageError("--sent and --older-than exclude each other; a message's age is one or the other.")
    chosen = {
        # An empty text is somebody's variable that is not set, and no wish for all messages.
        "sent": {"older_than": older_than} if older_than is not None else None if sent is None else _sent(sent),
        "where": where,
        "max_redrives": max_redrives,
    }
    filters = {name: value for name, value in chosen.items() if value is not None}
    fields = {name: value for name, value in fields.items() if value not in {None, False}}
    return {"queue": queue, **({"filter": filters} if filters else {}), **fields}


def _must_be_understood(document: Json) -> None:
    """Refuse here what the run would refuse in its first state, so that no run ends in red for it. Raises CliError."""
    with _refusing():
        understand(document, datetime.now(UTC).isoformat())


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except InvalidRequest as error:
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


def _watch(machine: Machine, execution: str) -> tuple[Ended, Summary | None]:
    """Show a run until it ends; gives its end and the summary, which a run that failed has too."""
    out = console(stderr=True)
    out.line(f"Run {execution.rsplit(':', 1)[-1]}")
    progress = Progress(out)
    summary: Summary | None = None
    for event in machine.events(execution, live=True):
        progress.show(event)
        if isinstance(event, Left) and isinstance(event.output, dict):
            written = event.output.get("summary")
            summary = Summary.from_json(written) if written else summary
        if isinstance(event, Ended) and event.lane is None:
            return event, summary
    raise AssertionError("a live execution is told until it ends")


def _suggestion(target: Target, document: Json, end: Ended) -> str:
    """The queue that a misspelt one may mean, in words. The cause begins with the request's field that is wrong."""
    wrong = document.get(end.cause.partition(":")[0]) if end.error == QueueNotFound.__name__ else None
    near = target.queue_like(re.split("[/:]", wrong)[-1]) if wrong else None
    return f"Did you mean {near}? " if near else ""


def _tell_it_goes_on(target: Target, execution: str) -> None:
    out = console(stderr=True)
    out.line()
    out.line("No longer watching; the run goes on.")
    name = execution.rsplit(":", 1)[-1]
    out.line(f"hint: See it with: {target.redrive('show', name)}")
    out.line(f"hint: Stop it with: {target.redrive('stop', name)}")

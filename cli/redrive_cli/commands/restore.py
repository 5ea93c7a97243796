"""`redrive restore`: send messages of an earlier run again, as they were received."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from redrive.sqs import queues
from redrive.steps import restore as library
from redrive.steps.index import index_run
from redrive.stores import manifest, restores
from redrive.values.bill import add
from redrive.values.errors import InvalidRequest, QueueNotFound
from redrive.values.outcome import Outcome, first_reasons, no_counts, reasons_of, tally
from redrive.values.run import run_of
from redrive.values.summary import Status, Summary
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.executions import name_execution
from redrive_cli.aws.ledgers import ledger_of, summary_of
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json, show_error
from redrive_cli.view.summary import show_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from redrive.steps.restore import Chosen
    from redrive.stores.ledger import Ledger
    from redrive.values.outcome import Counts
    from redrive.values.queue import Queue

_INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended
_PATH = "restore"  # in the summary, where other runs have the path that their messages took
_EVERY = 2.0  # seconds from one line of progress to the next
_FOREVER_MS = 10**9
_PAST = "The messages themselves are past their days: their copies are kept for 14 days, and in the archive for 90,"


@click.command()
@click.argument("run")
@click.option("--id", "ids", metavar="ID", multiple=True, help="A message by its id, before or after that run.")
@click.option(
    "--outcome",
    "outcomes",
    type=click.Choice([str(outcome) for outcome in Outcome]),
    multiple=True,
    help="All that ended so, as in discarded.",
)
@click.option("--to", metavar="QUEUE", required=True, help="The queue to send them to: name, URL or ARN.")
@click.option("--again", is_flag=True, help="Also what was restored to that queue before.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@on_target
def restore(
    run: str, ids: Sequence[str], outcomes: Sequence[str], to: str, again: bool, as_json: bool, **where: Any
) -> None:
    """Send messages of RUN again, as it received them: body, attributes, group and trace header.

    RUN is its name, its ARN, or <day>/<name>. The messages come from its backup, which is kept for 14 days, or, if they
    were deleted for good, from its archive. They are sent from this machine, and recorded as a run of its own.

    \b
    Example: bring back what was deleted
      redrive restore 2026-11-20/orders-dlq-20261120T060000Z-ab12cd --outcome discarded --to orders-dlq

    It may be repeated: what is recorded as sent is not sent again. If it is killed in the middle, nobody can say of at
    most a hundred messages whether they were sent, and a repeat sends these again.
    """
    if bool(ids) == bool(outcomes):
        raise click.UsageError("Say by --id or by --outcome what is to be restored.")
    target = Target(**where)
    ledger = ledger_of(target, run)
    earlier = summary_of(ledger)
    if earlier.path == _PATH:
        asked = (earlier.request or {}).get("run", "that run")
        raise CliError(f"{ledger.run} restored messages, and received none.", f"Restore {asked}, which received them.")
    with aws_errors():
        sqs = target.client("sqs")
    with aws_errors():
        queue = _queue(sqs, to)
        chosen = library.choose(ledger, ids, outcomes)
        if not chosen:
            raise CliError(
                f"{ledger.run} has no record of {'such a message' if ids else ' or '.join(outcomes)}.",
                "What SQS moved itself has none; `--outcome` takes another end, and `--id` either id of a message.",
            )
        before = restores.earlier(ledger, queue.arn)
    out = console(stderr=True)
    if before.sent and not again:
        total = _number(chosen)
        chosen = library.without(chosen, before.sent)
        out.line(
            f"{total - _number(chosen):,} were restored to {queue.name} before, and are left out; --again sends them"
        )
    if not chosen:
        raise CliError(f"All of them were restored to {queue.name} before.", "--again sends them once more.")
    if maybe := sum(line["id"] in before.unsure for each in chosen for line in each.lines):
        out.line(
            f"{maybe:,} of them may have been sent to {queue.name} by a restore that was killed, and are sent again"
        )
    request: dict[str, Any] = {"queue": earlier.queue, "action": "restore", "destination": to, "run": ledger.run}
    request |= {"ids": list(ids)} if ids else {"outcomes": list(outcomes)}
    summary, stopped = _restored(target, sqs, ledger, queue, chosen, request, again=again)
    if as_json:
        print_json(summary.to_json())
    else:
        show_summary(console(), summary)
    if stopped:
        sys.exit(_INTERRUPTED)
    if summary.status != Status.COMPLETE:
        show_error(summary.cause or "", "Repeat it: what was sent is not sent again.")
        sys.exit(1)


def _restored(
    target: Target,
    sqs: Any,
    ledger: Ledger,
    queue: Queue,
    chosen: list[Chosen],
    request: dict[str, Any],
    *,
    again: bool,
) -> tuple[Summary, bool]:
    """Send what was chosen, as a run of its own; give its summary, and whether it was stopped by Ctrl-C."""
    began = datetime.now(UTC)
    name = name_execution(f"restore-{queue.name}")
    into = ledger.of(run_of(name, began))
    caller = target.machine().caller
    out, total = console(stderr=True), _number(chosen)
    out.line(f"Run {name}: {total:,} messages of {ledger.run} to {queue.name}")
    counts: Counts = no_counts()
    reasons: dict[str, int] = {}
    with aws_errors(), _until_interrupted() as goes_on:
        into.write_document("request", request | {"started_by": f"command line, {caller}"})
        restores.begin(ledger, into, queue.arn)
        told = time.monotonic()
        for outcomes in library.restore(sqs, ledger, into, queue, chosen, goes_on, into.run if again else ""):
            counts = add(counts, tally(outcomes))
            reasons = first_reasons(add(reasons, reasons_of(outcomes)))
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                out.line((f"{counts['received']:,} of {total:,}, {counts['failed']:,} failed", "dim"))
        stopped = not goes_on() and counts["received"] < total
        note = index_run(into, lambda: _FOREVER_MS)
        ended = datetime.now(UTC)
        cause = _cause(counts, reasons, total)
        summary = Summary(
            run=name,
            status=Status.INCOMPLETE if cause else Status.COMPLETE,
            queue=request["queue"],
            destination=queue.name,
            path=_PATH,
            because=[f"messages of {ledger.run} were asked for again"],
            counted=total,
            counts=counts,
            rounds=None,
            lanes=None,
            lanes_because=[],
            started=_iso(began),
            ended=_iso(ended),
            seconds=round((ended - began).total_seconds(), 1),
            ledger=into.address,
            requests=None,
            request=request,
            started_by=f"command line, {caller}",
            reasons=reasons,
            notes=[note] if note else [],
            error="RestoreIncomplete" if cause else None,
            cause=cause,
        )
        gathered = manifest.gather(into, lambda: _FOREVER_MS)
        into.write_document("summary", summary.to_json())
        manifest.write(into, gathered)
    return summary, stopped


def _cause(counts: Counts, reasons: dict[str, int], total: int) -> str | None:
    why = []
    if counts["received"] < total:
        why.append(f"{total - counts['received']:,} of {total:,} messages were not reached before it was stopped")
    if reasons.get(library.PAST_ITS_DAYS) == total:
        return f"{_PAST} unless the stack says otherwise."
    if unsent := counts["failed"] + counts["held"]:
        worst = max(reasons, key=lambda reason: reasons[reason], default="behind others of their group").rstrip(".")
        why.append(f"{unsent:,} of {total:,} messages were not sent ({worst})")
    return f"{'; '.join(why)}." if why else None


def _queue(sqs: Any, to: str) -> Queue:
    try:
        return queues.resolve(sqs, to, "to")
    except (InvalidRequest, QueueNotFound) as error:
        raise CliError(str(error), "Nothing was sent. Correct --to.") from error


def _number(chosen: Sequence[Chosen]) -> int:
    return sum(len(each.lines) for each in chosen)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _until_interrupted() -> Iterator[Callable[[], bool]]:
    """Give what tells whether Ctrl-C was pressed: the wave that is on its way is recorded first. A second one kills."""
    pressed = []

    def note(_number: int, _frame: Any) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, heeded)

    heeded = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: not pressed
    finally:
        signal.signal(signal.SIGINT, heeded)

"""`redrive peek`: what is in a queue, without taking it."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redrive.values.errors import RedriveError
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.looking import LONG, Look, find_queue, take_sample
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_sample, on_target
from redrive_cli.errors import CliError
from redrive_cli.sample.file import line_of
from redrive_cli.sample.groups import group
from redrive_cli.sample.pointing import pointed
from redrive_cli.view.console import console, print_json
from redrive_cli.view.peek import message_json, peek_json, show_message, show_peek
from redrive_cli.view.pointing import show_pointed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from redrive.values.message import Message
    from redrive.values.queue import Queue


@click.command()
@click.argument("queue")
@click.option("--by", metavar="EXPR", help="Group by what this JSONata expression gives, as in body.tenant.")
@click.option("--message", "message_id", metavar="ID", help="Show this message, whole.")
@click.option(
    "--all",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write every message into FILE, a line of JSON each with all that SQS gives, and take none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: one for the queue, and one for each group.")
@on_sample
@on_target
def peek(
    queue: str,
    by: str | None,
    message_id: str | None,
    file: Path | None,
    as_json: bool,
    sample: int,
    anyway: bool,
    **where: Any,
) -> None:
    """Look into QUEUE (name, URL or ARN) without taking anything: groups, and the condition for each.

    \b
    Example:
      redrive peek orders-dlq

    A sample is received and made visible again at once, which raises the receive count of each message by one.
    """
    if sum(asked is not None for asked in (by, message_id, file)) > 1:
        raise click.UsageError("--by, --message and --all exclude each other; each is a look of its own.")
    _must_be_read(by)
    target = Target(**where)
    with aws_errors():
        sqs = target.client("sqs")
        found = find_queue(sqs, queue, anyway=anyway)
        if message_id is not None:
            message = _find(sqs, found, message_id)
            print_json(message_json(message)) if as_json else show_message(console(), message)
        elif file is not None:
            _write_all(sqs, found, file)
        else:
            _show_groups(target, sqs, found, sample, by=by, as_json=as_json)


def _show_groups(target: Target, sqs: SQSClient, queue: Queue, most: int, *, by: str | None, as_json: bool) -> None:
    with console(stderr=True).waiting(f"Looking into {queue.name} ..."):
        looked_at = take_sample(sqs, queue, most)
        try:
            grouping = group(looked_at.messages, by)
        except RedriveError as error:
            raise CliError(str(error), "Correct --by.") from error
    if as_json:
        for document in peek_json(looked_at, grouping):
            print_json(document)
    else:
        show_peek(console(), looked_at, grouping, target.redrive("try", queue.name))


def _must_be_read(by: str | None) -> None:
    """Refuse an expression that is none before anything is received."""
    if by is None:
        return
    try:
        group([], by)
    except RedriveError as error:
        show_pointed(console(stderr=True), pointed(str(error), by))
        raise CliError(str(error), "Correct --by; nothing was received.") from error


def _find(sqs: SQSClient, queue: Queue, message_id: str) -> Message:
    seen = 0
    with console(stderr=True).waiting(f"Looking for it in {queue.name} ..."), Look(sqs, queue, LONG) as look:
        for messages in look.batches():
            seen += len(messages)
            for message in messages:
                if message.id == message_id:
                    return message
    raise CliError(
        f"The message {message_id} is not among the {seen:,} that {queue.name} gives.",
        "Somebody may have received it just now, or it may be in another queue; ids are those of SQS.",
    )


def _write_all(sqs: SQSClient, queue: Queue, path: Path) -> None:
    out = console(stderr=True)
    written = 0
    try:
        with path.open("x", encoding="ascii") as file, Look(sqs, queue, LONG) as look:
            with out.waiting(f"Reading {queue.name} ..."):
                for messages in look.batches():
                    file.writelines(map(line_of, messages))
                    written += len(messages)
            file.flush()
    except FileExistsError as error:
        raise CliError(f"{path} is there already.", "Name another file, or remove this one.") from error
    except KeyboardInterrupt:
        out.line(f"Stopped: {path} has {written:,} messages, and all are visible again.")
        raise
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}.", "Name another file.") from error
    out.line(
        f"{path} has {written:,} messages of {queue.name}; all are visible again, their receive counts one higher."
    )
    if look.full:
        out.line("SQS gives no more while so many are in flight: there are others in the queue.")
    elif queue.fifo:
        out.line("A FIFO queue shows only the first messages of each group, until these are deleted.")
    out.line(("hint: ", "cyan"), f"Try a request on it with: redrive try --file {path} --where 'EXPR'")

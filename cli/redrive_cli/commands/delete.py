"""`redrive delete`: archive what nobody will ever want, and delete it for good."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from redrive.values.outcome import Outcome
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_target
from redrive_cli.commands.run import build_request, ready, redrive
from redrive_cli.commands.starting import start, watched
from redrive_cli.errors import CliError
from redrive_cli.view.console import console
from redrive_cli.view.summary import show_summary

if TYPE_CHECKING:
    from redrive_cli.commands.run import Json


@click.command()
@click.argument("queue")
@click.option(
    "--where", metavar="EXPR", help="Only messages for which this JSONata condition is true; true is every message."
)
@click.option("--sent", metavar="DAY|FROM..TO", help="Only messages first sent then, as in `redrive run`.")
@click.option("--older-than", metavar="DURATION", help="Only messages first sent this long ago, as in 30d.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Stop after N messages.")
@click.option("--key", metavar="EXPR", help="Record of each message what you know it by, as in body.orderId.")
@click.option("--hash-key", is_flag=True, help="Record the key's SHA-256, and not the key itself.")
@click.option("--timezone", metavar="TZ", help="Where yesterday is: an IANA time zone, as in Asia/Seoul.")
@click.option("--preview", "--dry-run", is_flag=True, help="Filter and report, but delete nothing.")
@click.option("--yes", metavar="QUEUE", help="Do not ask; the queue's name once more, for scripts.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@on_target
def delete(queue: str, preview: bool, yes: str | None, as_json: bool, **options: Any) -> None:
    """Delete the messages you choose from QUEUE, a dead-letter queue, for good.

    They are archived first: `redrive restore` brings them back as long as the archive is kept (90 days, unless the
    stack says otherwise). It asks twice: a preview shows how many they are, and then you type the queue's name.

    \b
    Example: what a bug wrote before it was mended
      redrive delete orders-dlq --where 'body.version = 3'
    """
    target = Target(*(options.pop(name) for name in Target.__dataclass_fields__))
    document = build_request(queue, action="delete", **options)
    if "filter" not in document:
        raise click.UsageError("Say by --where, --sent or --older-than what is to be deleted; --where true is all.")
    if preview:
        redrive(target, document | {"preview": True}, sure=True, as_json=as_json)
        return
    name = re.split("[/:]", queue)[-1]
    if yes is None:
        _ask(target, document, name)
    elif yes != name:
        raise click.BadOptionUsage("yes", f"--yes names {yes!r}, and the queue is {name!r}; nothing was deleted.")
    redrive(target, document, sure=True, as_json=as_json)


def _ask(target: Target, document: Json, name: str) -> None:
    """Show what would be deleted, and go on only where the queue's name is typed. Raises CliError."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CliError(
            "Nothing is deleted for good without a question, and nobody is there to ask.",
            f"Run it on a terminal, look with --preview, or say --yes {name} in a script.",
        )
    preview = document | {"preview": True}
    machine = ready(target, preview)
    end, summary = watched(target, machine, start(target, machine, preview))
    if end.status != "SUCCEEDED" or summary is None:
        raise CliError(
            f"The preview did not succeed, and nothing was deleted: {(end.cause or end.status).rstrip('.')}.",
            "Correct that, and run it again.",
        )
    out = console(stderr=True)
    show_summary(out, summary)
    number = summary.counts[Outcome.PREVIEWED]
    if not number:
        raise CliError("Nothing was chosen, and nothing was deleted.", "See what is there with --where true --preview.")
    out.line()
    out.line((f"{number:,} messages of {name} would be archived and deleted for good.", "bold"))
    typed = click.prompt("Type the queue's name to delete them", default="", show_default=False, err=True)
    if typed.strip() != name:
        raise CliError("That is not the queue's name, and nothing was deleted.", f"The queue is {name}.")

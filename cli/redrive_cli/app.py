"""The command line: the group of its commands, and the one place where an error becomes a sentence and a hint."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import sys
from typing import Any

import click

from redrive_cli.commands.demo import demo
from redrive_cli.commands.history import history
from redrive_cli.commands.local import local
from redrive_cli.commands.run import run
from redrive_cli.errors import CliError
from redrive_cli.view.console import show_error
from redrive_embedded import EmbeddedAwsError


class _Commands(click.Group):
    """Tells expected errors in one sentence and a hint."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (CliError, EmbeddedAwsError) as error:
            show_error(str(error), error.hint)
            ctx.exit(1)


@click.group(
    name="redrive", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="redrive", prog_name="redrive", message="%(prog)s %(version)s")
def cli() -> None:
    """Move the messages you choose out of an SQS dead-letter queue and back to where they belong.

    \b
    redrive local                                      an AWS on this machine, to try it on
    redrive run orders-dlq --preview                   what would be redriven
    redrive run orders-dlq --sent yesterday            redrive it
    redrive history                                    what the last run did
    """


for command in (run, history, local, demo):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without our symbols
    cli(prog_name="redrive")

"""`redrive queues`: the dead-letter queues of the account and Region."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

from typing import Any

import click

from redrive_cli.aws.dead_letters import dead_letter_queues
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import on_target
from redrive_cli.view.console import console, print_json
from redrive_cli.view.queues import queue_json, show_queues


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: one for each queue.")
@on_target
def queues(as_json: bool, **where: Any) -> None:
    """List every dead-letter queue of the account and Region, what hurts most first.

    \b
    Example:
      redrive queues --region ap-northeast-2

    What you may not ask AWS is "denied" in its column, and what nobody tells is "unknown". A queue that nothing is
    known to feed is listed for its name, as in orders-dlq.
    """
    with console(stderr=True).waiting("Asking AWS ..."):
        found, dark = dead_letter_queues(Target(**where))
    if as_json:
        for queue in found:
            print_json(queue_json(queue))
    else:
        show_queues(console(), found, dark)

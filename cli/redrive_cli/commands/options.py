"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from redrive_cli.stack.product import STACK

if TYPE_CHECKING:
    from collections.abc import Callable


def on_target(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which stack, and where."""
    for option in reversed(
        (
            click.option("--stack", envvar="REDRIVE_STACK", default=STACK, show_default=True, help="The stack's name."),
            click.option(
                "--endpoint-url",
                metavar="URL",
                help="An AWS that is not the real one, as `redrive local` prints it.",
            ),
            click.option("--region", help="The stack's AWS Region, as in ap-northeast-2."),
            click.option("--profile", help="A profile of your AWS configuration."),
        )
    ):
        command = option(command)
    return command


def on_sample(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how a queue is looked into."""
    for option in (
        click.option("--anyway", is_flag=True, help="Look also into a queue that has a dead-letter queue of its own."),
        click.option(
            "--sample",
            metavar="N",
            type=click.IntRange(1, 10_000),
            default=200,
            show_default=True,
            help="Look at no more than N messages.",
        ),
    ):
        command = option(command)
    return command

"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from redrive.values.errors import InvalidRequest
from redrive.values.request import Window
from redrive.values.window import span_of
from redrive_cli.stack.product import STACK

if TYPE_CHECKING:
    from collections.abc import Callable


class _Since(click.ParamType[datetime]):
    """A time in the past: how long ago, or a day or a time (UTC), written as in a request."""

    name = "DURATION|DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC)
        for window, end in ((Window(older_than=value), 1), (Window(from_=value), 0)):
            try:
                return datetime.fromtimestamp((span_of(window, now)[end] or 0) / 1000, UTC)
            except InvalidRequest:
                continue
        raise click.BadParameter(
            f"{value!r} is neither a duration such as 30d nor a day such as 2026-11-20.", ctx, param
        )


SINCE = _Since()


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

"""`redrive local`: an AWS on this machine, with Redrive deployed on it."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import json
import signal

import click

from redrive_cli.stack.local import local_stack


@click.command()
@click.option(
    "--port",
    default=4566,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port; 0 for any free one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print where it is as JSON.")
def local(port: int, as_json: bool) -> None:
    """Run an AWS on this machine, with Redrive deployed on it, until Ctrl-C.

    \b
    Example:
      redrive local --port 4567
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)  # also where a shell has its children ignore Ctrl-C
    try:
        with local_stack(port) as stack:
            if as_json:
                click.echo(json.dumps(stack.to_json()))
            else:
                click.echo(f"Redrive is ready on an AWS of your own: {stack.endpoint}")
                exports = " ".join(f"{name}={value}" for name, value in stack.environment.items())
                click.echo(
                    f"hint: In another terminal: export {exports}\n"
                    "      then, as on AWS: redrive run orders-dlq (any SQS client makes the queues). Ctrl-C ends it.",
                    err=True,
                )
            stack.aws.wait()
    except KeyboardInterrupt:
        pass

"""`redrive completion`: what makes a shell complete commands, options, queues and runs."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes your shell complete commands, options, queues and runs.

    \b
    Example: in ~/.bashrc (for zsh, in ~/.zshrc; for fish, redrive completion fish | source)
      eval "$(redrive completion bash)"
    Or to see it:
      redrive completion zsh
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    root = context.find_root()
    click.echo(kind(root.command, {}, "redrive", "_REDRIVE_COMPLETE").source())

"""The command line: the group of its commands, and the one place where an error becomes a sentence and a hint."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import contextlib
import errno
import importlib
import keyword
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from redrive_cli.errors import CliError
from redrive_cli.interrupt import ending_without_a_word
from redrive_cli.view.console import show_error

if TYPE_CHECKING:
    from redrive_embedded import EmbeddedAwsError

# Each command, by the section of the overview that it stands in, and what it is for. `commands/<name>.py` has it under
# its name; it is imported when it is asked for, so that `redrive --help` need not load boto3.
COMMANDS = {
    "See": {
        "queues": "List the dead-letter queues, what hurts most first.",
        "peek": "Look into a queue, and take nothing.",
        "try": "Try a request on a sample, and send nothing.",
    },
    "Move": {
        "run": "Redrive messages out of a dead-letter queue.",
        "watch": "Watch a run that is under way.",
        "stop": "Stop a run, and see it cleaned up after.",
        "retry": "Redrive what failed in an earlier run.",
        "delete": "Archive what nobody wants, and delete it for good.",
        "restore": "Send messages of an earlier run again, as they were.",
    },
    "Look back": {
        "runs": "List the runs there were.",
        "show": "Show a run: what was asked, what came of it, its states.",
        "messages": "Show what became of each message of a run.",
        "find": "Tell what happened to a message, over all runs.",
        "verify": "Compare a run's ledger with what it recorded.",
        "report": "Write a run's report, or a queue's, as one file.",
    },
    "Try": {
        "check": "Check a request document, and say what it means.",
        "local": "Run an AWS on this machine.",
        "demo": "Play the whole story, on an AWS of its own.",
        "completion": "Print what makes your shell complete.",
    },
}

_INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def _debug(context: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from redrive_cli.view.debug import show_attempts  # noqa: PLC0415  it loads botocore

        context.meta[_DEBUGGING] = True
        show_attempts()


_DEBUGGING = "redrive_cli.debugging"
_DEBUG = click.Option(
    ["--debug"],
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_debug,
    help="Show on stderr where an error comes from, and what the AWS SDK does.",
)


class _Commands(click.Group):
    """Loads a command when it is asked for. Tells expected errors, and click's own, in one sentence and a hint."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name  # as Python names what it cannot name
        with ending_without_a_word():
            module = importlib.import_module(f"redrive_cli.commands.{name}")
        command: click.Command = getattr(module, name)
        if _DEBUG not in command.params:
            command.params.append(_DEBUG)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # click knows the names of loaded commands alone
            names = self.list_commands(ctx)
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=names, ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl(list(commands.items()))

    def main(self, *arguments: Any, **options: Any) -> Any:
        try:
            sys.exit(super().main(*arguments, **{**options, "standalone_mode": False}))
        except click.exceptions.NoArgsIsHelpError as nothing:
            nothing.show()
            sys.exit(nothing.exit_code)
        except click.UsageError as error:
            show_error(f"{_sentence(error).rstrip('.')}.", _hint(error))
            sys.exit(error.exit_code)
        except (CliError, _embedded_aws_error()) as error:
            show_error(str(error), error.hint)
            sys.exit(1)
        except click.Abort:
            sys.exit(_INTERRUPTED)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            # Its parser does not always say which command it was reading.
            command = self.get_command(ctx, ctx.invoked_subcommand or "") or self
            error.ctx = error.ctx or click.Context(command, ctx, ctx.invoked_subcommand)
            raise
        except Exception as error:
            if ctx.meta.get(_DEBUGGING):
                from redrive_cli.view.debug import show_way  # noqa: PLC0415  it loads botocore

                show_way(error)
            raise


def _embedded_aws_error() -> type[EmbeddedAwsError]:
    from redrive_embedded import EmbeddedAwsError  # noqa: PLC0415  it loads boto3, and is wanted for an error alone

    return EmbeddedAwsError


def _sentence(error: click.UsageError) -> str:
    """What is wrong, without what click suggests: that is the hint."""
    return error.message if _possible(error) else error.format_message()


def _hint(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "redrive"
    if near := _possible(error):
        return f"Did you mean {' or '.join(sorted(near))}?"
    if isinstance(error, click.NoSuchOption) and error.ctx and error.ctx.parent:
        argument = error.ctx.command.params[0].human_readable_name
        return f"`{command} --help` lists them; a name that begins with - follows --: {command} -- {argument}"
    return f"`{command} --help` says what there is."


def _possible(error: click.UsageError) -> list[str]:
    return getattr(error, "possibilities", None) or []


@click.group(
    name="redrive", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="redrive", prog_name="redrive", message="%(prog)s %(version)s")
def cli() -> None:
    """Move the messages you choose out of an SQS dead-letter queue and back to where they belong.

    \b
    redrive local                                      an AWS on this machine, to try it on
    redrive peek orders-dlq                            what is in there
    redrive run orders-dlq --preview                   what would be redriven
    redrive run orders-dlq --sent yesterday            redrive it
    redrive show                                       what the last run did
    redrive find 1043                                  what happened to a message
    """


def main() -> None:
    """Run the command line."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without our symbols
    try:
        cli(prog_name="redrive")
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename:
            raise
        with contextlib.suppress(OSError):  # it may be stderr itself
            show_error(
                f"The output cannot be written: {error.strerror}.",
                "Make room where it goes, or send it elsewhere; `redrive show` shows what a run did.",
            )
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  nobody should have to read a traceback, and who wants to, may
        show_error(
            f"This should not happen: {type(error).__name__}: {error}.",
            "Run it again with --debug, and report what that shows, once you have looked it over.",
        )
        sys.exit(1)
    finally:
        _drop_what_cannot_be_written()


def _open_what_is_closed() -> None:
    """Give each standard stream that was closed (`>&-`) the null device, before a file or a socket gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, and so this one
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  for as long as it runs
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _drop_what_cannot_be_written() -> None:
    """Else Python tries once more when it ends, and complains."""
    for number, stream in ((1, sys.__stdout__), (2, sys.__stderr__)):
        try:
            if stream:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)

"""The command line: `redrive run`, `history`, `local` and `demo`. What each does is in a module of its own."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import json
import shlex
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from redrive.lane import MOST_LANES
from redrive_cli import show
from redrive_cli.demo import DemoError, play
from redrive_cli.deploy import DeployError
from redrive_cli.embedded import EmbeddedAwsError
from redrive_cli.executions import AwsError, Ended, Left, Machine, find_machine, name_execution, visits
from redrive_cli.local import STACK, local_stack

if TYPE_CHECKING:
    from collections.abc import Callable

Json: TypeAlias = dict[str, Any]

_INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended


class _Commands(click.Group):
    """Tells expected errors in one sentence and a hint."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (AwsError, EmbeddedAwsError, DeployError, DemoError) as error:
            show.error(str(error), error.hint)
            ctx.exit(1)


@dataclass(frozen=True)
class Target:
    """Which stack, and where. None leaves it to the AWS configuration."""

    stack: str
    endpoint_url: str | None
    region: str | None
    profile: str | None

    def machine(self) -> Machine:
        """Find the stack's state machine. Raises AwsError."""
        return find_machine(self.stack, self.endpoint_url, self.region, self.profile)

    def redrive(self, *words: str) -> str:
        """A `redrive` command on the same target, to type."""
        stack = [] if self.stack == STACK else ["--stack", self.stack]
        return shlex.join(["redrive", *words, *stack, *self._where()])

    def aws(self, *words: str) -> str:
        """A command of the AWS command line on the same target, to type."""
        return shlex.join(["aws", *words, *self._where()])

    def _where(self) -> list[str]:
        options = {"--endpoint-url": self.endpoint_url, "--region": self.region, "--profile": self.profile}
        return [word for flag, value in options.items() if value for word in (flag, value)]


def _on_target(command: Callable[..., None]) -> Callable[..., None]:
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


@cli.command(short_help="Redrive messages out of a dead-letter queue.")
@click.argument("queue")
@click.option("--where", metavar="EXPR", help="Only messages for which this JSONata condition is true.")
@click.option(
    "--sent",
    metavar="DAY|FROM..TO",
    help="Only messages first sent then: yesterday, today, 2026-11-20, or 2026-11-18..2026-11-20 "
    "(either end may be left out, and may be a time).",
)
@click.option("--older-than", metavar="DURATION", help="Only messages first sent this long ago, as in PT2H.")
@click.option(
    "--max-redrives",
    metavar="N",
    type=click.IntRange(min=0),
    help="Leave messages alone that were redriven N times.",
)
@click.option("--destination", metavar="QUEUE", help="Send to this queue, not back to where each came from.")
@click.option("--transform", metavar="EXPR", help="A JSONata expression that gives the new body.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Stop after N messages.")
@click.option("--rate", metavar="N", type=click.IntRange(min=1), help="At most N messages a second.")
@click.option(
    "--lanes",
    metavar="N",
    type=click.IntRange(1, MOST_LANES),
    help="Drain in N lanes side by side; without it, as many as the messages are worth.",
)
@click.option(
    "--path",
    type=click.Choice(["auto", "native", "custom"]),
    help="Let SQS move them itself (native), or not (custom); auto chooses, and says why.",
)
@click.option("--timezone", metavar="TZ", help="Where yesterday is: an IANA time zone, as in Asia/Seoul.")
@click.option("--preview", is_flag=True, help="Filter and report, but send and delete nothing.")
@click.option("--alone", is_flag=True, help="Step back when another run is working on the queue.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@_on_target
def run(queue: str, as_json: bool, **options: Any) -> None:
    """Redrive the messages you choose out of QUEUE, a dead-letter queue (name, URL or ARN).

    \b
    Example: what timed out yesterday, in Korean time
      redrive run orders-dlq --sent yesterday --timezone Asia/Seoul --where 'body.error.code = "TIMEOUT"'

    Progress goes to stderr, the summary to stdout. The exit code is 0 when everything chosen has arrived.
    """
    target = Target(*(options.pop(name) for name in Target.__dataclass_fields__))
    document = build_request(queue, **options)
    machine = target.machine()
    execution = machine.start(document, name_execution(queue))
    name = execution.rsplit(":", 1)[-1]
    try:
        end, summary = _watch(machine, execution)
    except KeyboardInterrupt:
        _tell_it_goes_on(target, execution)
        sys.exit(_INTERRUPTED)
    except AwsError as error:
        again = f"The run goes on; see it with: {target.redrive('history', name)}"
        raise AwsError(str(error), f"{error.hint} {again}") from error
    if summary:
        _print_summary(summary, as_json=as_json)
    if end.status != "SUCCEEDED":
        why = end.cause or f"the execution ended as {end.status}"
        show.error(why, f"See every step with: {target.redrive('history', name)}")
        sys.exit(1)


def build_request(
    queue: str,
    *,
    where: str | None = None,
    sent: str | None = None,
    older_than: str | None = None,
    max_redrives: int | None = None,
    **fields: Any,
) -> Json:
    """Build the request document; what was not asked for is not in it. Raises click.UsageError."""
    if sent and older_than:
        raise click.UsageError("--sent and --older-than exclude each other; a message's age is one or the other.")
    chosen = {
        "sent": _sent(sent) if sent else {"older_than": older_than} if older_than else None,
        "where": where,
        "max_redrives": max_redrives,
    }
    filters = {name: value for name, value in chosen.items() if value is not None}
    fields = {name: value for name, value in fields.items() if value not in {None, False}}
    return {"queue": queue, **({"filter": filters} if filters else {}), **fields}


def _sent(text: str) -> Json:
    start, span, end = text.partition("..")
    if not span:
        return {"day": text}
    ends = {name: value for name, value in (("from", start), ("to", end)) if value}
    if not ends:
        raise click.BadOptionUsage("sent", "--sent needs a day, or a span with at least one end.")
    return ends


def _watch(machine: Machine, execution: str) -> tuple[Ended, Json | None]:
    """Show a run until it ends; gives its end and the summary, which a run that failed has too."""
    out = show.console(stderr=True)
    out.print(f"Run {execution.rsplit(':', 1)[-1]}")
    progress = show.Progress(out)
    summary: Json | None = None
    for event in machine.events(execution, live=True):
        progress.show(event)
        if isinstance(event, Left) and isinstance(event.output, dict):
            summary = event.output.get("summary", summary)
        if isinstance(event, Ended) and event.lane is None:
            return event, summary
    raise AssertionError("a live execution is told until it ends")


def _tell_it_goes_on(target: Target, execution: str) -> None:
    stop = target.aws("stepfunctions", "stop-execution", "--execution-arn", execution)
    out = show.console(stderr=True)
    out.print("\nNo longer watching; the run goes on.")
    out.print(f"hint: See it with: {target.redrive('history', execution.rsplit(':', 1)[-1])}")
    out.print(f"hint: Stop it with: {stop} (what it holds then shows again within the hour)")


def _print_summary(summary: Json, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(summary))
    else:
        show.summary(show.console(), summary)


@cli.command(short_help="Show the states of a run.")
@click.argument("execution", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: one for each state, and one for the end.")
@_on_target
def history(execution: str | None, as_json: bool, **where: Any) -> None:
    """Show the states of a run: EXECUTION is its name or ARN, and the most recent run without one.

    \b
    Example:
      redrive history orders-dlq-20261121T060000Z-ab12cd
    """
    machine = Target(**where).machine()
    states, end = visits(machine.events(machine.find(execution), live=False))
    if as_json:
        for line in show.history_json(states, end):
            click.echo(line)
    else:
        show.history(show.console(), states, end)


@cli.command(short_help="Run an AWS on this machine.")
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
            signal.pause()
    except KeyboardInterrupt:
        pass


@cli.command(short_help="Play the whole story, on an AWS of its own.")
def demo() -> None:
    """Play the whole story on an AWS on this machine: a minute or two, and it checks itself.

    \b
    Example:
      redrive demo
    """
    play()


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without our symbols
    cli(prog_name="redrive")

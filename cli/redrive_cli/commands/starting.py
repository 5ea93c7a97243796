"""Starting a run and watching it: what every command does that has made a request document."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.history.events import Ended, Left
from redrive.values.errors import QueueNotFound
from redrive.values.summary import Summary
from redrive_cli.aws.executions import name_execution
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json, show_error
from redrive_cli.view.live import progress_on
from redrive_cli.view.summary import show_summary

if TYPE_CHECKING:
    from redrive_cli.aws.executions import Machine
    from redrive_cli.aws.target import Target

Json: TypeAlias = dict[str, Any]  # a request document

_INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended


def start_and_watch(target: Target, machine: Machine, document: Json, *, as_json: bool = False) -> None:
    """Start a run of a request, show it until it ends, and then its summary, on stdout.

    `document` is the request as the machine takes it, and `as_json` makes one line of JSON of the summary. Ends the
    process with 1 when the run ends in red, and with 130 on Ctrl-C, which leaves the run going on. Raises CliError.
    """
    name = name_execution(document["queue"])
    execution = machine.find(name)
    document = {**document, "started_by": f"command line, {machine.caller}"}
    try:
        machine.start(document, name)
        try:
            end, summary = _watch(machine, execution)
        except CliError as error:
            again = f"The run goes on; see it with: {target.redrive('history', name)}"
            raise CliError(str(error), f"{error.hint} {again}") from error
    except KeyboardInterrupt:  # also while it is being started: it may have been
        _tell_it_goes_on(target, execution)
        sys.exit(_INTERRUPTED)
    if summary is None and end.status != "SUCCEEDED":
        target.clean_up(machine.end_of(execution))
    if summary and as_json:
        print_json(summary.to_json())
    elif summary:
        show_summary(console(), summary)
    if end.status != "SUCCEEDED":
        why = end.cause or f"the execution ended as {end.status}"
        show_error(why, f"{_suggestion(target, document, end)}See every step with: {target.redrive('history', name)}")
        sys.exit(1)


def _watch(machine: Machine, execution: str) -> tuple[Ended, Summary | None]:
    """Show a run until it ends; gives its end and the summary, which a run that failed has too."""
    out = console(stderr=True)
    out.line(f"Run {execution.rsplit(':', 1)[-1]}")
    summary: Summary | None = None
    with progress_on(out) as progress:
        for event in machine.events(execution, live=True):
            progress.show(event)
            if isinstance(event, Left) and isinstance(event.output, dict):
                written = event.output.get("summary")
                summary = Summary.from_json(written) if written else summary
            if isinstance(event, Ended) and event.lane is None:
                return event, summary
    raise AssertionError("a live execution is told until it ends")


def _suggestion(target: Target, document: Json, end: Ended) -> str:
    """The queue that a misspelt one may mean, in words. The cause begins with the request's field that is wrong."""
    wrong = document.get(end.cause.partition(":")[0]) if end.error == QueueNotFound.__name__ else None
    near = target.queue_like(re.split("[/:]", wrong)[-1]) if wrong else None
    return f"Did you mean {near}? " if near else ""


def _tell_it_goes_on(target: Target, execution: str) -> None:
    stop = target.aws("stepfunctions", "stop-execution", "--execution-arn", execution)
    out = console(stderr=True)
    out.line()
    out.line("No longer watching; the run goes on.")
    out.line(f"hint: See it with: {target.redrive('history', execution.rsplit(':', 1)[-1])}")
    out.line(f"hint: Stop it with: {stop} (what it holds then becomes visible within ten minutes)")

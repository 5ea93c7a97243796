"""Starting a run and watching it: what every command does that has made a request document."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive.history.events import Ended, Left
from redrive.values.errors import QueueNotFound
from redrive.values.queue import name_of
from redrive.values.summary import Summary
from redrive_cli.aws.executions import name_execution
from redrive_cli.commands.next_steps import next_steps
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json, show_error, show_hints
from redrive_cli.view.live import progress_on
from redrive_cli.view.summary import show_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from redrive.history.events import Event
    from redrive_cli.aws.executions import Machine
    from redrive_cli.aws.target import Target

Json: TypeAlias = dict[str, Any]  # a request document

_INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended


def start_and_watch(target: Target, machine: Machine, document: Json, *, as_json: bool = False) -> None:
    """Start a run of a request, show it until it ends, and then its summary, on stdout.

    `document` is the request as the machine takes it, and `as_json` makes one line of JSON of the summary. Ends the
    process with 1 when the run ends in red, and with 130 on Ctrl-C, which leaves the run going on. Raises CliError.
    """
    execution = start(target, machine, document)
    if watch_to_its_end(target, machine, execution, document, as_json=as_json):
        sys.exit(1)


def start(target: Target, machine: Machine, document: Json) -> str:
    """Start a run of a request; gives its execution's ARN. Ends the process with 130 on Ctrl-C. Raises CliError."""
    execution = machine.find(name_execution(document["queue"]))
    try:
        machine.start({**document, "started_by": f"command line, {machine.caller}"}, name_of(execution))
    except KeyboardInterrupt:  # it may have been started
        _stop_watching(target, execution)
    return execution


def watch_to_its_end(
    target: Target, machine: Machine, execution: str, document: Json | None = None, *, as_json: bool = False
) -> int:
    """Show a run (its execution's ARN) until it ends, and then its summary, on stdout.

    `document` is its request, where it is known. Gives 0 where it ended in green, else 1. Ends the process with 130 on
    Ctrl-C, which leaves the run going on. Raises CliError.
    """
    end, summary = watched(target, machine, execution)
    return show_end(target, name_of(execution), end, summary, document, as_json=as_json)


def watched(target: Target, machine: Machine, execution: str) -> tuple[Ended, Summary | None]:
    """Show a run (its execution's ARN) until it ends; gives its end and the summary, which a run that failed has too.

    Ends the process with 130 on Ctrl-C, which leaves the run going on. Raises CliError.
    """
    name = name_of(execution)
    out = console(stderr=True)
    try:
        out.line(f"Run {name}")
        with progress_on(out) as progress:
            end, summary = end_in(machine.events(execution, live=True), progress.show)
    except CliError as error:
        again = f"The run goes on; see it with: {target.redrive('watch', name)}"
        raise CliError(str(error), f"{error.hint} {again}") from error
    except KeyboardInterrupt:
        _stop_watching(target, execution)
    assert end, "a live execution is told until it ends"
    if summary is None and end.status != "SUCCEEDED":
        target.clean_up(machine.end_of(execution))
    return end, summary


def end_in(
    events: Iterable[Event], show: Callable[[Event], None] = lambda _: None
) -> tuple[Ended | None, Summary | None]:
    """Read a run's events, each shown with `show`; gives its end and the summary, which a run that failed has too."""
    summary: Summary | None = None
    for event in events:
        show(event)
        if isinstance(event, Left) and isinstance(event.output, dict) and (written := event.output.get("summary")):
            summary = Summary.from_json(written)
        if isinstance(event, Ended) and event.lane is None:
            return event, summary
    return None, summary


def show_end(
    target: Target, name: str, end: Ended, summary: Summary | None, document: Json | None = None, *, as_json: bool
) -> int:
    """Show how a run ended, and what makes sense after it; gives 0 where it ended in green, else 1."""
    if summary and as_json:
        print_json(summary.to_json())
    elif summary:
        show_summary(console(), summary)
    hints = list(next_steps(target, summary)) if summary else []
    if end.status == "SUCCEEDED":
        show_hints(*hints)
        return 0
    if not (summary and summary.counts["failed"]):
        hints.insert(0, f"{_suggestion(target, document, end)}See every step with: {target.redrive('show', name)}")
    show_error(end.cause or f"the execution ended as {end.status}", *hints)
    return 1


def _suggestion(target: Target, document: Json | None, end: Ended) -> str:
    """The queue that a misspelt one may mean, in words. The cause begins with the request's field that is wrong."""
    wrong = (document or {}).get(end.cause.partition(":")[0]) if end.error == QueueNotFound.__name__ else None
    near = target.queue_like(re.split("[/:]", wrong)[-1]) if wrong else None
    return f"Did you mean {near}? " if near else ""


def _stop_watching(target: Target, execution: str) -> NoReturn:
    name, out = name_of(execution), console(stderr=True)
    out.line()
    out.line("No longer watching; the run goes on.")
    show_hints(
        f"See it with: {target.redrive('watch', name)}",
        f"Stop it with: {target.redrive('stop', name)} (what it holds then becomes visible within ten minutes)",
    )
    sys.exit(_INTERRUPTED)

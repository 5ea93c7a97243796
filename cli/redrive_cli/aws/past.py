"""Past runs: what the ledger still has of one, and what AWS does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from redrive.report.files import hashed, object_lock
from redrive.report.history import History, read_history
from redrive.report.messages import bodies_of, read_lines
from redrive.report.run import Found
from redrive.stores.pages import closed_names, stored_names
from redrive.values.plan import RunRecord
from redrive.values.queue import name_of
from redrive.values.run import name_in, run_of
from redrive.values.summary import Summary
from redrive_cli.aws.errors import aws_errors
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redrive.stores.ledger import Ledger
    from redrive_cli.aws.executions import Machine
    from redrive_cli.aws.target import Target

_RUN = re.compile(r"\d{4}-\d\d-\d\d/[^/]+")
_STARTED = re.compile(r"-(\d{8}T\d{6}Z)-[0-9a-f]{6}$")  # in a name that the command line gave
_GONE = {"ExecutionDoesNotExist", "InvalidArn"}
_NO_DOCUMENT = (KeyError, ValueError, TypeError, LookupError)  # it is not there, or not what we wrote


@dataclass(frozen=True)
class PastRun:
    """A run that was found: its identity, and its execution's ARN where AWS still has it."""

    run: str
    execution: str | None


def find_run(target: Target, machine: Machine, words: str | None) -> PastRun:
    """Find a run by `<day>/<name>`, an execution's name or ARN, or the last one. Raises CliError."""
    if words and _RUN.fullmatch(words):
        return PastRun(words, _known(machine, machine.find(name_in(words))))
    execution = machine.find(words)
    started = _started(machine, execution)
    if started:
        return PastRun(run_of(name_of(execution), started), execution)
    name = name_of(execution)
    for run in _by_its_name(name):
        ledger = target.ledger(run)
        with aws_errors():
            if ledger.has_document("summary") or ledger.has_document("plan"):
                return PastRun(run, None)
    raise CliError(
        f"AWS has no execution {name!r} any more: it keeps them for 90 days.",
        "Name the run with its day, as in 2026-11-21/orders-dlq-nightly; the ledger keeps it for longer.",
    )


def found_of(target: Target, machine: Machine, past: PastRun, *, with_bodies: bool) -> Found:
    """Read everything that a report of the run shows. Raises CliError."""
    ledger = target.ledger(past.run)
    with aws_errors():
        summary = _document(ledger, "summary", Summary.from_json)
        record = _document(ledger, "plan", RunRecord.from_json)
        history = _history(machine, past, ledger, summary)
        if summary is None and record is None and history is None:
            raise CliError(
                f"The ledger has nothing of a run {past.run!r}.",
                "`redrive history` shows the last one; --stack and --region say where it ran.",
            )
        outcomes = list(read_lines(ledger, sorted(closed_names(ledger))))
        bodies = bodies_of(ledger, sorted(stored_names(ledger))) if with_bodies else None
        files, lock = hashed(ledger), object_lock(ledger)
    return Found(past.run, summary, record, history, outcomes, files, lock, bodies)


def _history(machine: Machine, past: PastRun, ledger: Ledger, summary: Summary | None) -> History | None:
    if past.execution:
        return read_history(machine.events(past.execution, live=False))
    history: History | None = _document(ledger, "history", History.from_json)
    return history.foretold(summary.status) if history and summary else history


def _document(ledger: Ledger, name: str, read: Callable[[dict[str, Any]], Any]) -> Any:
    try:
        return read(ledger.read_document(name))
    except _NO_DOCUMENT:
        return None


def _known(machine: Machine, execution: str) -> str | None:
    return execution if _started(machine, execution) else None


def _started(machine: Machine, execution: str) -> datetime | None:
    with aws_errors(execution):
        try:
            return machine.sfn.describe_execution(executionArn=execution)["startDate"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None


def _by_its_name(name: str) -> list[str]:
    """The runs that an execution of this name may be: it began in the second that its name tells, or soon after."""
    found = _STARTED.search(name)
    if not found:
        return []
    began = datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return list(dict.fromkeys(run_of(name, began + timedelta(minutes=late)) for late in (0, 5)))

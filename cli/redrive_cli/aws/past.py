"""Past runs: everything that a report shows of one, or of all at a queue, from the ledger and from AWS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from redrive.report.files import hashed, object_lock
from redrive.report.history import History, read_history
from redrive.report.messages import bodies_of, read_lines
from redrive.report.queue import QueueRun
from redrive.report.run import Found
from redrive.stores.ledger import FOREIGN
from redrive.stores.pages import closed_names, stored_names
from redrive.values.plan import RunRecord
from redrive.values.summary import Summary
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.runs import find_run, recent
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from redrive.stores.ledger import Ledger
    from redrive_cli.aws.runs import Run
    from redrive_cli.aws.target import Target

MOST_RUNS = 10_000
_AT_ONCE = 4  # runs, each of which reads some pages side by side


def found_of(target: Target, word: str | None, *, with_bodies: bool) -> Found:
    """Find a run, and read everything that a report of it shows. Raises CliError."""
    run = find_run(target, word)
    ledger = target.ledger(run.id)
    with aws_errors():
        summary = _document(ledger, "summary", Summary.from_json)
        record = _document(ledger, "plan", RunRecord.from_json)
    history = _history(target, run, ledger, summary)
    with aws_errors():
        outcomes = list(read_lines(ledger, sorted(closed_names(ledger))))
        bodies = bodies_of(ledger, sorted(stored_names(ledger))) if with_bodies else None
        files, lock = hashed(ledger), object_lock(ledger)
    return Found(run.id, summary, record, history, outcomes, files, lock, bodies)


def runs_at(target: Target, queue: str, since: datetime) -> tuple[list[QueueRun], list[str]]:
    """Read the runs at a queue that began since then, and their outcomes; and what could not be read, in sentences."""
    listed = recent(target, since, MOST_RUNS, queue)
    ledger = target.ledger()

    def read(run: Run) -> QueueRun:
        of = ledger.of(run.id)
        pages = list(read_lines(of, sorted(closed_names(of))))
        lines = [line for _, lines in pages for line in lines or () if isinstance(line, dict)]
        return QueueRun(run.id, run.summary or {}, lines, sum(lines is None for _, lines in pages))

    with aws_errors(), ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(read, listed.runs)), listed.troubles


def _history(target: Target, run: Run, ledger: Ledger, summary: Summary | None) -> History | None:
    if run.execution:
        try:
            return read_history(target.machine().events(run.execution, live=False))
        except CliError:  # who may read the ledger need not be allowed to read executions
            pass
    with aws_errors():
        history: History | None = _document(ledger, "history", History.from_json)
    return history.foretold(summary.status) if history and summary else history


def _document(ledger: Ledger, name: str, read: Callable[[dict[str, Any]], Any]) -> Any:
    try:
        return read(ledger.read_document(name))
    except FOREIGN:  # it is not there, or not what we wrote
        return None

"""Ledgers: what a run left, found by what people call the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.values.run import is_run
from redrive.values.summary import Summary
from redrive_cli.aws.errors import aws_errors
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger
    from redrive_cli.aws.target import Target


def ledger_of(target: Target, run: str) -> Ledger:
    """Give the ledger of a run by `<day>/<name>`, by its execution's name or by that one's ARN. Raises CliError.

    Step Functions forgets an execution after 90 days; by its day as well, a run is found as long as it has a ledger.
    """
    if is_run(run):
        return target.ledger(run)
    machine = target.machine()
    try:
        end = machine.end_of(machine.find(run))
    except CliError as error:
        raise CliError(
            str(error), f"{error.hint} An older run is found by its day as well, as in 2026-11-20/NAME."
        ) from error
    return target.ledger(end.run)


def summary_of(ledger: Ledger) -> Summary:
    """Read a run's summary. Raises CliError."""
    try:
        with aws_errors():
            document = ledger.read_document("summary")
    except KeyError as error:
        raise CliError(
            f"There is no summary of {ledger.run}.",
            "It has not ended, or there was no such run, or its ledger is past its days (LedgerDays).",
        ) from error
    except ValueError as error:
        raise CliError(
            f"The summary of {ledger.run} cannot be read.", f"Look at {ledger.address}summary.json."
        ) from error
    try:
        return Summary.from_json(document)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CliError(
            f"The summary of {ledger.run} is none of ours.", f"Look at {ledger.address}summary.json."
        ) from error

"""Write the report."""

import os
from datetime import datetime
from typing import Any

import clients
import steps
from redrive.steps import leave
from redrive.steps.index import index_run
from redrive.steps.report import report
from redrive.stores import manifest
from redrive.values.bill import add
from redrive.values.plan import RunState
from redrive.values.run import run_of


@steps.step("report")
def handler(event: steps.Event, context: Any) -> steps.Event:
    """`{"run", "execution", "started", "state"}` → the summary, which is the execution's output.

    `run` is the execution's name: the request may have been refused before the run had its identity.
    """
    state = RunState.from_json(event["state"], event["started"])
    ledger = steps.ledger(run_of(event["run"], datetime.fromisoformat(event["started"])))
    most, remaining = int(os.environ.get("REPORT_MESSAGES", "0")), context.get_remaining_time_in_millis
    before = clients.meter.read()
    shown = leave.gather(ledger, clients.stepfunctions, event["execution"], state, most, remaining)
    note = index_run(ledger, remaining) if state.drained else None
    gathered = manifest.gather(ledger, remaining)
    asked = add(clients.meter.since(before), {"s3": leave.PUTS if shown else 0})
    summary = report(ledger, state, steps.met(event["execution"]) if state.plan else [], note, asked)
    manifest.write(ledger, gathered)
    if shown and not leave.leave(ledger, summary, shown, gathered):
        steps.log.warning("no report for people")
    if state.plan and state.queue:
        steps.leave(state.queue.arn, event["execution"])
    return summary.to_json()

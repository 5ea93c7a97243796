"""Write the report."""

import os
from datetime import datetime
from typing import Any

import clients
import steps
from redrive.steps import leave
from redrive.steps.report import report
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
    gathered = leave.gather(ledger, clients.stepfunctions, event["execution"], state, most, remaining)
    asked = add(clients.meter.since(before), {"s3": leave.PUTS if gathered else 0})
    summary = report(ledger, state, steps.met(event["execution"]) if state.plan else [], asked)
    if gathered and not leave.leave(ledger, summary, gathered):
        steps.log.warning("no report for people")
    if state.plan and state.queue:
        steps.leave(state.queue.arn, event["execution"])
    return summary.to_json()

"""Write the report."""

import runtime
from redrive.neighbours import leave
from redrive.report import report


@runtime.step(transitions=3)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"run", "execution", "started", "state"}` → the summary, which is the execution's output."""
    summary = report(runtime.ledger(event), event["state"], event["started"])
    if "plan" in event["state"]:
        queue = event["state"]["queue"]["arn"]
        leave(runtime.dynamodb(), runtime.journal_table(), queue, event["execution"])
    return summary

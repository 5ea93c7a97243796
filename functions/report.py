"""Write the report."""

import runtime
from redrive.report import report


@runtime.step(transitions=3)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"run", "started", "state"}` → the summary, which is the execution's output."""
    return report(runtime.ledger(event), event["state"], event["started"])

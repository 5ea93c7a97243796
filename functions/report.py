"""Write the report."""

import steps
from redrive.steps.report import report
from redrive.values.plan import RunState


@steps.step("report")
def handler(event: steps.Event, context: object) -> steps.Event:
    """`{"run", "execution", "started", "state"}` → the summary, which is the execution's output."""
    state = RunState.from_json(event["state"], event["started"])
    summary = report(steps.ledger(event), state)
    if state.plan and state.queue:
        steps.leave(state.queue.arn, event["execution"])
    return summary.to_json()

"""Check the request."""

import clients
import steps
from redrive.steps.check import check


@steps.step("check")
def handler(event: steps.Event, context: object) -> steps.Event:
    """`{"document", "run", "started"}` → `run`, `started`, `request`, `queue`, `destination`, `criteria`."""
    checked = check(clients.sqs(), event["document"], event["started"])
    return {"run": event["run"], "started": event["started"], **checked.to_json()}

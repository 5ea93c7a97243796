"""Check the request."""

import runtime
from redrive.check import check


@runtime.step(transitions=1)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"document", "run", "started"}` → `run`, `started`, `request`, `queue`, `destination`, `criteria`."""
    brief = check(runtime.sqs(), event["document"], event["started"])
    return {"run": event["run"], "started": event["started"], **brief}

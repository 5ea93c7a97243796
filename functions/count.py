"""Count dead letters."""

import runtime
from redrive.count import count


@runtime.step(transitions=2)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"run", "queue"}` → `{"visible", "in_flight", "delayed"}`."""
    return {**count(runtime.sqs(), event["queue"]["url"])}

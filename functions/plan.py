"""Plan the redrive."""

import runtime
from redrive.plan import plan
from redrive.queues import Queue


@runtime.step(transitions=2)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"run", "started", "request", "queue", "destination", "count"}` → the plan, also in the ledger."""
    planned = plan(
        runtime.sqs(),
        event["request"],
        Queue.from_json(event["queue"]),
        Queue.from_json(event["destination"]) if event["destination"] else None,
        event["count"],
        event["started"],
    )
    ledger = runtime.ledger(event)
    ledger.write_document("request", event["request"])
    ledger.write_document("plan", planned)
    return planned

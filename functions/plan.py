"""Plan the redrive."""

import runtime
from redrive.plan import concurrency, plan
from redrive.queues import Queue
from redrive.unsettled import marks


@runtime.step(transitions=3)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"run", "execution", "started", "request", "queue", "destination", "count"}` → the plan, also in the ledger."""
    queue = Queue.from_json(event["queue"])
    ledger = runtime.ledger(event)
    planned = plan(
        runtime.sqs(),
        event["request"],
        queue,
        Queue.from_json(event["destination"]) if event["destination"] else None,
        event["count"],
        runtime.sign_in(queue.arn, event["execution"]),
        lambda: concurrency(runtime.lambda_()),
        lambda: bool(marks(ledger, queue.name)),
    )
    ledger.write_document("request", event["request"])
    # All that a clean-up needs of a run that was stopped.
    kept = ("run", "execution", "started", "request", "queue", "destination", "count")
    ledger.write_document("plan", {name: event[name] for name in kept} | {"plan": planned})
    return planned

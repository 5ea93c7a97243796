"""Count dead letters."""

import clients
import steps
from redrive.sqs.queues import depth
from redrive.values.queue import Queue


@steps.step("count")
def handler(event: steps.Event, context: object) -> steps.Event:
    """`{"run", "queue"}` → `{"visible", "in_flight", "delayed"}`."""
    queue = Queue.from_json(event["queue"])
    return {**depth(clients.sqs(), queue.url).to_json()}

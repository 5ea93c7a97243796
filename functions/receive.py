"""Receive a page."""

import runtime
from redrive.lane import Lane
from redrive.queues import Queue
from redrive.receive import receive_page


@runtime.lane_step(transitions=2)
def handler(event: runtime.Event, context: object) -> Lane:
    """`{"run", "queue", "lane", "retries"}` → the lane, with a page in hand if any messages arrived."""
    lane = receive_page(
        runtime.sqs(),
        runtime.ledger(event),
        Queue.from_json(event["queue"]),
        Lane.from_json(event["lane"]),
        retried=event["retries"] > 0,
    )
    return lane if lane.arrived else lane.charged({"transitions": 1})

"""Delete what was sent."""

import runtime
from redrive.delete import delete_page
from redrive.lane import Lane
from redrive.queues import Queue


@runtime.lane_step(transitions=2)
def handler(event: runtime.Event, context: object) -> Lane:
    """`{"run", "queue", "lane", "retries"}` → the lane, with the page's deletions counted."""
    queue = Queue.from_json(event["queue"])
    lane = delete_page(runtime.sqs(), runtime.ledger(event), queue, Lane.from_json(event["lane"]))
    return lane.charged(runtime.after_the_loop(lane))

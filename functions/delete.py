"""Delete what is done."""

import clients
import steps
from redrive.steps.delete import delete_page
from redrive.values.lane import Lane
from redrive.values.queue import Queue


@steps.lane_step("delete", way=steps.after_the_page)
def handler(event: steps.Event, context: object, lane: Lane) -> Lane:
    """`{"run", "queue", "lane", "retries"}` → the lane, with the page's deletions counted."""
    return delete_page(clients.sqs(), steps.ledger(event["run"]), Queue.from_json(event["queue"]), lane)

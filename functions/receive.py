"""Receive a page."""

import clients
import steps
from redrive.steps.receive import receive_page
from redrive.values.lane import Lane
from redrive.values.queue import Queue


@steps.lane_step("receive", way=lambda lane: "page" if lane.arrived else "end")
def handler(event: steps.Event, context: object, lane: Lane) -> Lane:
    """`{"run", "queue", "lane", "retries"}` → the lane, with a page in hand if any messages arrived."""
    queue, retried = Queue.from_json(event["queue"]), event["retries"] > 0
    return receive_page(clients.sqs(), steps.ledger(event["run"]), queue, lane, retried=retried)

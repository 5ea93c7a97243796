"""Filter the page."""

from typing import Any

import clients
import steps
from redrive.steps.filter import filter_page
from redrive.stores.journal import DynamoDBJournal
from redrive.values.criteria import Criteria
from redrive.values.lane import Lane
from redrive.values.queue import Queue


@steps.lane_step("filter", way=lambda lane: "page" if lane.page.selected else steps.after_the_page(lane))
def handler(event: steps.Event, context: Any, lane: Lane) -> Lane:
    """`{"run", "queue", "criteria", "lane", "retries"}` → the lane, with the page judged."""
    queue, criteria = Queue.from_json(event["queue"]), Criteria.from_json(event["criteria"])
    journal = DynamoDBJournal(clients.dynamodb, steps.journal_table(), context)
    return filter_page(steps.ledger(event["run"]), journal, queue, criteria, lane)

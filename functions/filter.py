"""Filter the page."""

from typing import Any

import clients
import steps
from redrive.origins.destinations import Destinations
from redrive.sqs.queues import refusal_of
from redrive.steps.filter import filter_page
from redrive.stores.journal import DynamoDBJournal
from redrive.values.criteria import Criteria
from redrive.values.lane import Lane


@steps.lane_step("filter", way=lambda lane: "page" if lane.page.selected else steps.after_the_page(lane))
def handler(event: steps.Event, context: Any, lane: Lane) -> Lane:
    """`{"run", "queue", "destination", "sources", "more_sources", "criteria", "lane"}` → the lane, its page judged."""
    destinations = Destinations.from_json(event)
    criteria = Criteria.from_json(event["criteria"])
    journal = DynamoDBJournal(clients.dynamodb, steps.journal_table(), context)
    ledger = steps.ledger(event["run"])
    return filter_page(ledger, journal, destinations, criteria, lane, lambda queue: refusal_of(clients.sqs(), queue))

"""Send the matches."""

from typing import Any

import clients
import steps
from redrive.origins.destinations import Destinations
from redrive.steps.send import send_page
from redrive.stores.journal import DynamoDBJournal
from redrive.values.lane import Lane


@steps.lane_step("send")
def handler(event: steps.Event, context: Any, lane: Lane) -> Lane:
    """`{"run", "queue", "destination", "sources", "more_sources", "lane"}` → the lane, its page sent and closed."""
    destinations = Destinations.from_json(event)
    journal = DynamoDBJournal(clients.dynamodb, steps.journal_table(), context)
    remaining_ms = context.get_remaining_time_in_millis
    return send_page(clients.sqs(), steps.ledger(event["run"]), journal, destinations, lane, remaining_ms)

"""Archive the page."""

from typing import Any

import clients
import steps
from redrive.steps.archive import archive_page
from redrive.stores.journal import DynamoDBJournal
from redrive.values.lane import Lane
from redrive.values.queue import Queue


@steps.lane_step("archive")
def handler(event: steps.Event, context: Any, lane: Lane) -> Lane:
    """`{"run", "queue", "lane"}` → the lane, what its page chose archived, and the page closed."""
    journal = DynamoDBJournal(clients.dynamodb, steps.journal_table(), context)
    return archive_page(steps.ledger(event["run"]), journal, Queue.from_json(event["queue"]), lane)

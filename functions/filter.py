"""Filter the page."""

from typing import Any

import runtime
from redrive.filter import filter_page
from redrive.journal import DynamoDBJournal
from redrive.lane import Lane
from redrive.queues import Queue


@runtime.lane_step(transitions=2)
def handler(event: runtime.Event, context: Any) -> Lane:
    """`{"run", "queue", "criteria", "lane", "retries"}` → the lane, with the page judged."""
    queue = Queue.from_json(event["queue"])
    lane = filter_page(
        runtime.ledger(event),
        DynamoDBJournal(runtime.dynamodb, runtime.journal_table(), context),
        queue,
        event["criteria"],
        Lane.from_json(event["lane"]),
    )
    if lane.page.selected:
        return lane
    return lane.charged({"transitions": 1}).charged(runtime.after_the_loop(lane))

"""Send the matches."""

from typing import Any

import runtime
from redrive.journal import DynamoDBJournal
from redrive.lane import Lane
from redrive.send import Destinations, send_page


@runtime.lane_step(transitions=1)
def handler(event: runtime.Event, context: Any) -> Lane:
    """`{"run", "queue", "destination", "sources", "lane", "retries"}` → the lane, with the page sent and settled."""
    return send_page(
        runtime.sqs(),
        runtime.ledger(event),
        DynamoDBJournal(runtime.dynamodb, runtime.journal_table(), context),
        Destinations.from_json(event),
        Lane.from_json(event["lane"]),
        context.get_remaining_time_in_millis,
    )

"""Release what was held."""

from typing import Any

import runtime
from redrive.journal import DynamoDBJournal
from redrive.lane import Lane
from redrive.release import release
from redrive.send import Destinations


@runtime.step(transitions=1)
def handler(event: runtime.Event, context: Any) -> runtime.Event:
    """`{"run", "queue", "destination", "sources", "lanes"}` → `{"lanes", "released"}`."""
    return release(
        runtime.sqs(),
        runtime.ledger(event),
        DynamoDBJournal(runtime.dynamodb(), runtime.journal_table(), context),
        Destinations.from_json(event),
        [Lane.from_json(lane) for lane in event["lanes"]],
    )

"""Release what was held."""

from typing import Any

import runtime
from redrive.journal import DynamoDBJournal
from redrive.release import release
from redrive.send import Destinations


@runtime.step(transitions=1)
def handler(event: runtime.Event, context: Any) -> runtime.Event:
    """`{"run", "state"}` → `{"released"}`, and `counts` and `reasons` where a lane stopped or was lost."""
    state = event["state"]
    return release(
        runtime.sqs(),
        runtime.ledger(event),
        DynamoDBJournal(runtime.dynamodb, runtime.journal_table(), context),
        Destinations.from_json({**state, "sources": state["plan"]["sources"]}),
        state,
    )

"""Release what was held."""

from typing import Any

import clients
import steps
from redrive.steps.release import release
from redrive.stores.journal import DynamoDBJournal
from redrive.values.plan import RunState
from redrive.values.queue import Queue


@steps.step("release")
def handler(event: steps.Event, context: Any) -> steps.Event:
    """`{"run", "state"}` → `{"released"}`, and `counts` and `reasons` where a lane stopped or was lost."""
    state = RunState.from_json(event["state"], event["state"]["started"])
    queue = Queue.from_json(event["state"]["queue"])
    journal = DynamoDBJournal(clients.dynamodb, steps.journal_table(), context)
    return release(clients.sqs(), steps.ledger(event["run"]), journal, queue, state).to_json()

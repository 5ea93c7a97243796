"""Clean up after a run that was stopped. Not a state: EventBridge calls it when an execution ends in red."""

from typing import Any

import clients
import steps
from redrive.steps.cleanup import clean_up
from redrive.stores import manifest
from redrive.stores.journal import DynamoDBJournal
from redrive.values.queue import name_of
from redrive.values.run import End


def handler(event: steps.Event, context: Any) -> steps.Event:
    """A *Step Functions Execution Status Change* event → `{"summary"}`: None when there was nothing to clean up."""
    return _handle({"run": name_of(event["detail"]["executionArn"]), **event}, context)


@steps.step(None)
def _handle(event: steps.Event, context: Any) -> steps.Event:
    end = End.from_event(event)
    ledger = steps.ledger(end.run)
    journal = DynamoDBJournal(clients.dynamodb, steps.journal_table(), context)
    summary = clean_up(
        clients.sqs(),
        clients.stepfunctions(),
        ledger,
        journal,
        end,
        lambda queue_arn: steps.beside(queue_arn, end.execution),
        lambda: steps.met(end.execution),
        lambda queue_arn: steps.leave(queue_arn, end.execution),
    )
    if summary:
        manifest.write(ledger, manifest.gather(ledger, context.get_remaining_time_in_millis))
    return {"summary": summary.to_json() if summary else None}

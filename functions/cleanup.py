"""Clean up after a run that was stopped. Not a state: EventBridge calls it when an execution ends in red."""

from typing import Any

import runtime
from redrive.cleanup import clean_up
from redrive.journal import DynamoDBJournal
from redrive.neighbours import name_of


def handler(event: runtime.Event, context: Any) -> runtime.Event:
    """A *Step Functions Execution Status Change* event → `{"summary"}`: None when there was nothing to clean up."""
    return _handle({"run": name_of(event["detail"]["executionArn"]), **event}, context)


@runtime.step(transitions=0)
def _handle(event: runtime.Event, context: Any) -> runtime.Event:
    summary = clean_up(
        runtime.sqs(),
        runtime.stepfunctions(),
        runtime.ledger(event),
        DynamoDBJournal(runtime.dynamodb, runtime.journal_table(), context),
        event["detail"],
        lambda queue_arn: runtime.sign_in(queue_arn, event["detail"]["executionArn"]),
    )
    return {"summary": summary}

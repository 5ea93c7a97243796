"""Plan the redrive."""

import clients
import steps
from redrive.steps.plan import account_concurrency, plan
from redrive.stores import intents, runs
from redrive.values.plan import Path, RunRecord
from redrive.values.queue import Queue, QueueDepth
from redrive.values.request import Request


@steps.step("plan", way=lambda planned: "step back" if planned["path"] == Path.STEP_BACK else "")
def handler(event: steps.Event, context: object) -> steps.Event:
    """`{"run", "execution", "started", "request", "queue", "destination", "count"}` → the plan, also in the ledger."""
    request, queue = Request.from_json(event["request"]), Queue.from_json(event["queue"])
    destination = Queue.from_json_or_none(event["destination"])
    depth, ledger = QueueDepth.from_json(event["count"]), steps.ledger(event["run"])
    others = steps.enter(queue.arn, event["execution"])
    steps.clean_up_after(queue.arn, others.ended)
    planned = plan(
        clients.sqs(),
        request,
        queue,
        destination,
        depth,
        others.working,
        lambda: account_concurrency(clients.lambda_()),
        lambda: bool(intents.keys(ledger, queue.name)),
    )
    runs.register(clients.dynamodb(), steps.journal_table(), event["run"])
    who = event["run"], event["execution"], event["started"]
    ledger.write_document("request", request.to_json())
    ledger.write_document("plan", RunRecord(*who, request, queue, destination, depth, planned).to_json())
    return planned.to_json()

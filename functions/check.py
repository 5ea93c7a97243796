"""Check the request."""

from datetime import datetime

import clients
import steps
from redrive.steps.check import check
from redrive.stores import pages
from redrive.values.run import run_of


@steps.step("check")
def handler(event: steps.Event, context: object) -> steps.Event:
    """`{"document", "run", "started"}` → `run`, `started`, `request`, `queue`, `destination`, `criteria`.

    `run` is the execution's name as it comes, and the run's identity from here on.
    """
    checked = check(
        clients.sqs(), event["document"], event["started"], lambda run: pages.any_is_closed(steps.ledger(run))
    )
    run = run_of(event["run"], datetime.fromisoformat(event["started"]))
    return {"run": run, "started": event["started"], **checked.to_json()}

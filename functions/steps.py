"""What the handlers share: their log, their metrics, their stores and their bill.

The only module that reads the environment and knows Lambda. Each line of the log has the run and the lane, and none
has a message's body: steps log counts.

Failed attempts are billed only if their retry runs in the same worker: what was asked by an attempt in another worker,
by one that its worker died of, or by one that no retry followed, is in no bill.
"""

from __future__ import annotations

import functools
import json
import os
from typing import TYPE_CHECKING, Any, TypeAlias

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

import clients
from redrive.stores import presence
from redrive.stores.ledger import Ledger
from redrive.values import bill
from redrive.values.errors import RedriveError
from redrive.values.lane import Lane
from redrive.values.outcome import Outcome
from redrive.values.run import name_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from redrive.stores.presence import Others
    from redrive.values.bill import Requests
    from redrive.values.run import End

log = Logger(service="redrive", log_uncaught_exceptions=False)
metrics = Metrics(namespace="Redrive", service="redrive")

METRICS = {
    "received": "MessagesReceived",
    Outcome.SENT: "MessagesSent",
    Outcome.FAILED: "MessagesFailed",
    Outcome.HELD: "MessagesHeld",
    Outcome.DISCARDED: "MessagesDiscarded",
}
Event: TypeAlias = dict[str, Any]  # as the state machine gives it; each handler reads it into values
Attempt: TypeAlias = tuple[str, int | None, str]  # run, lane, step
MOST_UNBILLED = 100  # attempts; the oldest give way, for their retries may have gone to another worker
unbilled: dict[Attempt, Requests] = {}  # what failed attempts asked, until a retry is billed


def ledger(run: str) -> Ledger:
    """Give the ledger of a run."""
    return Ledger(clients.s3(), os.environ["BUCKET"], run)


def journal_table() -> str:
    """Give the name of the journal's table."""
    return os.environ["JOURNAL_TABLE"]


def enter(queue_arn: str, execution: str) -> Others:
    """Enter the run at a queue, again if need be; give the other runs there."""
    return presence.enter(clients.dynamodb(), clients.stepfunctions(), journal_table(), queue_arn, execution)


def leave(queue_arn: str, execution: str) -> None:
    """Let the run leave a queue."""
    presence.leave(clients.dynamodb(), journal_table(), queue_arn, execution)


def beside(queue_arn: str, execution: str) -> list[str]:
    """Give the names of the other runs that are working at a queue."""
    return presence.beside(clients.dynamodb(), clients.stepfunctions(), journal_table(), queue_arn, execution)


def met(execution: str) -> list[str]:
    """Give the names of the runs that came to the run's queue after it."""
    return presence.met(clients.dynamodb(), journal_table(), execution)


def clean_up_after(queue_arn: str, ended: list[End]) -> None:
    """Have the clean-up do what the runs that ended at a queue without leaving it could not.

    EventBridge tells it of each end, but on a best-effort basis (docs/facts.md I). It may be called twice. A run must
    not fail because its neighbour cannot be cleaned up after: the next one tries again.
    """
    for end in ended:
        event = json.dumps(end.to_event())
        try:
            clients.lambda_().invoke(FunctionName=os.environ["CLEANUP_FUNCTION"], InvocationType="Event", Payload=event)
        except (ClientError, BotoCoreError) as error:
            log.warning("no clean-up", extra={"of": name_in(end.run), "error": type(error).__name__})
        else:
            leave(queue_arn, end.execution)


def step(
    name: str | None, way: Callable[[Event], str] = lambda _: ""
) -> Callable[[Callable[[Event, Any], Event]], Callable[[Event, Any], Event]]:
    """Make a handler of a step of the run itself: its result gains `requests`, what the step cost.

    `name` and `way` (of the result) tell which states the machine enters for it (`bill.WAYS`); None is no state.
    """

    def decorate(work: Callable[[Event, Any], Event]) -> Callable[[Event, Any], Event]:
        @functools.wraps(work)
        def handler(event: Event, context: Any) -> Event:
            before = _begin(event, context)
            try:
                result = work(event, context)
            except Exception as error:
                _fail(error, before, event, context)
                raise
            log.info("done")
            transitions = bill.transitions(name, way(result)) if name else 0
            return {"requests": _bill(before, event, context, transitions)} | result

        return handler

    return decorate


def lane_step(
    name: str, way: Callable[[Lane], str] = lambda _: ""
) -> Callable[[Callable[[Event, Any, Lane], Lane]], Callable[[Event, Any], Event]]:
    """Make a handler of a lane's step, which is given the lane: the lane is charged with what the step cost.

    `name` and `way` (of the lane after it) tell which states the machine enters for it (`bill.WAYS`).
    """

    def decorate(work: Callable[[Event, Any, Lane], Lane]) -> Callable[[Event, Any], Event]:
        @functools.wraps(work)
        def handler(event: Event, context: Any) -> Event:
            before = _begin(event, context)
            earlier = Lane.from_json(event["lane"])
            try:
                lane = work(event, context, earlier)
            except Exception as error:
                _fail(error, before, event, context)
                raise
            _measure(event, earlier, lane)
            return lane.charged(_bill(before, event, context, bill.transitions(name, way(lane)))).to_json()

        return handler

    return decorate


def after_the_page(lane: Lane) -> str:
    """Tell which way a lane goes from *Another page?*."""
    if not lane.next.another_turn:
        return "end"
    return "pause" if lane.next.pause else "turn"


def _begin(event: Event, context: Any) -> Requests:
    log.append_keys(
        run=name_in(event["run"]),
        lane=event.get("lane", {}).get("index"),
        step=context.function_name,
        request=context.aws_request_id,
    )
    if not event.get("retries"):
        unbilled.pop(_attempt(event, context), None)  # of another turn, or of an execution that was started again
    return clients.meter.read()


def _attempt(event: Event, context: Any) -> Attempt:
    return event["run"], event.get("lane", {}).get("index"), context.function_name


def _bill(before: Requests, event: Event, context: Any, transitions: int) -> Requests:
    # A retried state enters again, and runs its function again: `retries` is the machine's own count of them.
    retries = event.get("retries", 0)
    asked = bill.add(clients.meter.since(before), unbilled.pop(_attempt(event, context), {}))
    return {**asked, "lambda": 1 + retries, "transitions": transitions + retries}


def _fail(error: Exception, before: Requests, event: Event, context: Any) -> None:
    attempt = _attempt(event, context)
    unbilled[attempt] = bill.add(clients.meter.since(before), unbilled.pop(attempt, {}))
    while len(unbilled) > MOST_UNBILLED:
        del unbilled[next(iter(unbilled))]
    # Never the traceback's locals or the error's arguments: only errors of ours have a text that quotes no message.
    why = str(error) if isinstance(error, RedriveError) else None
    log.warning("failed", extra={"error": type(error).__name__, "why": why})


def _measure(event: Event, earlier: Lane, lane: Lane) -> None:
    gained = {name: lane.tally.counts[name] - earlier.tally.counts[name] for name in lane.tally.counts}
    log.info("done", extra={"page": lane.page.name, "turn": lane.turn, **gained})
    with_counts = {METRICS[name]: gained[name] for name in METRICS if gained[name]}
    if with_counts:
        metrics.add_dimension("queue", event["queue"]["name"])
        for name, value in with_counts.items():
            metrics.add_metric(name, MetricUnit.Count, value)
        metrics.flush_metrics()

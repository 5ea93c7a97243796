"""What the handlers share: their clients, made once and lazily, their log, their metrics and their bill.

The only module that reads the environment and knows Lambda. Each line of the log has the run and the lane, and none
has a message's body: steps log counts.

A step's bill has what its failed attempts asked as well, as far as this very worker ran them, and lived. What was asked
by an attempt in another worker, by one that its worker died of, or by one that no retry followed, is in no bill.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.session import Session

from redrive.lane import Lane
from redrive.ledger import Ledger
from redrive.metering import Meter, add
from redrive.neighbours import arrive

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

log = Logger(service="redrive", log_uncaught_exceptions=False)
metrics = Metrics(namespace="Redrive", service="redrive")
meter = Meter()

# Retries of single calls are botocore's; retries of steps are the state machine's. Threads share a client's pool.
# A plain user agent is what CloudTrail should show of us; it and the missing second look at parameters, which SQS
# validates itself, take two fifths off what a batch call costs this side (docs/decisions.md).
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    user_agent="redrive",
    parameter_validation=False,
    max_pool_connections=32,
    connect_timeout=5,
    read_timeout=30,
)
COUNTED = {
    "received": "MessagesReceived",
    "sent": "MessagesSent",
    "failed": "MessagesFailed",
    "held": "MessagesHeld",
}
Event = dict[str, Any]
Attempt = tuple[str, int | None, str]  # run, lane, step
MOST_UNBILLED = 100  # attempts; the oldest give way, for their retries may have gone to another worker
unbilled: dict[Attempt, dict[str, int]] = {}  # what failed attempts asked, until a retry is billed


@functools.cache
def _session() -> Session:
    # What boto3 makes its clients with. boto3 itself brings file transfers to S3, which no step needs, and every cold
    # start would import them.
    return Session()


@functools.cache
def _client(service: str) -> Any:
    client = _session().create_client(service, config=CONFIG)
    meter.watch(client)
    return client


def sqs() -> SQSClient:
    """Give the SQS client."""
    client: SQSClient = _client("sqs")
    return client


def dynamodb() -> DynamoDBClient:
    """Give the DynamoDB client."""
    client: DynamoDBClient = _client("dynamodb")
    return client


def ledger(event: Event) -> Ledger:
    """Give the ledger of the event's run."""
    s3: S3Client = _client("s3")
    return Ledger(s3, os.environ["BUCKET"], event["run"])


def stepfunctions() -> SFNClient:
    """Give the Step Functions client."""
    client: SFNClient = _client("stepfunctions")
    return client


def lambda_() -> LambdaClient:
    """Give the Lambda client."""
    client: LambdaClient = _client("lambda")
    return client


def journal_table() -> str:
    """Give the name of the journal's table."""
    return os.environ["JOURNAL_TABLE"]


def sign_in(queue_arn: str, execution: str) -> list[str]:
    """Sign the run in at a queue, again if need be; give the names of the other runs that work there."""
    return arrive(dynamodb(), stepfunctions(), journal_table(), queue_arn, execution)


def step(transitions: int) -> Callable[[Callable[[Event, Any], Event]], Callable[[Event, Any], Event]]:
    """Make a handler of a step of the run itself: its result gains `requests`, what the step cost.

    `transitions` counts the states entered from this step up to the next one.
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
            return {"requests": _bill(before, event, context, transitions)} | result

        return handler

    return decorate


def lane_step(transitions: int) -> Callable[[Callable[[Event, Any], Lane]], Callable[[Event, Any], Event]]:
    """Make a handler of a lane's step: the lane is charged with what the step cost.

    `transitions` counts the states entered from this step up to the next one, as far as it is always the same.
    """

    def decorate(work: Callable[[Event, Any], Lane]) -> Callable[[Event, Any], Event]:
        @functools.wraps(work)
        def handler(event: Event, context: Any) -> Event:
            before = _begin(event, context)
            earlier = Lane.from_json(event["lane"])
            try:
                lane = work(event, context)
            except Exception as error:
                _fail(error, before, event, context)
                raise
            _measure(event, earlier, lane)
            return lane.charged(_bill(before, event, context, transitions)).to_json()

        return handler

    return decorate


def after_the_loop(lane: Lane) -> dict[str, int]:
    """Charge the state behind *Another page?*, when it is not the next turn: *Lane drained* or *Keep the pace*."""
    return {"transitions": int(not lane.go_on or lane.wait)}


def _begin(event: Event, context: Any) -> dict[str, int]:
    log.append_keys(
        run=event["run"],
        lane=event.get("lane", {}).get("index"),
        step=context.function_name,
        request=context.aws_request_id,
    )
    if not event.get("retries"):
        unbilled.pop(_attempt(event, context), None)  # of another turn, or of an execution that was started again
    return meter.read()


def _attempt(event: Event, context: Any) -> Attempt:
    return event["run"], event.get("lane", {}).get("index"), context.function_name


def _bill(before: dict[str, int], event: Event, context: Any, transitions: int) -> dict[str, int]:
    # A retried state enters again, and runs its function again: `retries` is the machine's own count of them.
    retries = event.get("retries", 0)
    asked = add(meter.since(before), unbilled.pop(_attempt(event, context), {}))
    return {**asked, "lambda": 1 + retries, "transitions": transitions + retries}


def _fail(error: Exception, before: dict[str, int], event: Event, context: Any) -> None:
    attempt = _attempt(event, context)
    unbilled[attempt] = add(meter.since(before), unbilled.pop(attempt, {}))
    while len(unbilled) > MOST_UNBILLED:
        del unbilled[next(iter(unbilled))]
    _say_failed(error)


def _measure(event: Event, earlier: Lane, lane: Lane) -> None:
    gained = {name: lane.counts[name] - earlier.counts[name] for name in lane.counts}
    log.info("done", extra={"page": lane.page.name, "turn": lane.turn, **gained})
    with_counts = {COUNTED[name]: gained[name] for name in COUNTED if gained[name]}
    if with_counts:
        metrics.add_dimension("queue", event["queue"]["name"])
        for name, value in with_counts.items():
            metrics.add_metric(name, MetricUnit.Count, value)
        metrics.flush_metrics()


def _say_failed(error: Exception) -> None:
    # Never the traceback's locals or the error's arguments: only errors of ours have a text that quotes no message.
    ours = type(error).__module__ == "redrive.errors"
    log.warning("failed", extra={"error": type(error).__name__, "why": str(error) if ours else None})

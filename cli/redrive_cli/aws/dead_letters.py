"""The dead-letter queues of an account and Region, and what can be known of each.

What the caller may not ask, or an AWS does not know, costs its own column: there, an `Untold` says why.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from redrive.sqs.move_tasks import is_active, newest_task
from redrive.sqs.queues import DENIED, MISSING
from redrive.stores.presence import beside
from redrive.values.queue import QueueDepth, name_of
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.schedules import Schedule, schedules_of
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redrive.values.plan import MoveTask
    from redrive_cli.aws.target import Target

T = TypeVar("T")

THREADS = 8  # an account may have thousands of queues, and SQS throttles
_MOST_METRICS = 500  # CloudWatch API, GetMetricData
_RECENT = timedelta(minutes=20)  # the age of the oldest message is told every few minutes
_LOOKS_LIKE_ONE = re.compile(r"dlq|dead[-_]?letter", re.IGNORECASE)


@dataclass(frozen=True)
class Untold:
    """What is not known, and why: `denied`, `unknown` or `no stack`."""

    why: str


@dataclass(frozen=True)
class DeadLetterQueue:
    """A dead-letter queue.

    oldest     seconds since its oldest message came into it, as CloudWatch has it; None where it has none
    retention  seconds that a message is kept
    sources    names of the queues whose dead-letter queue it is
    others     what else puts dead letters into it
    moving     the move task that runs at it; `runs` are the names of the runs that do
    moves_on_to  its own dead-letter queue
    """

    name: str
    url: str
    arn: str
    depth: QueueDepth | Untold
    retention: int
    oldest: float | Untold | None = None
    sources: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    moving: MoveTask | Untold | None = None
    runs: list[str] | Untold = field(default_factory=list)
    schedules: list[Schedule] | Untold = field(default_factory=list)
    moves_on_to: str | None = None

    @property
    def pain(self) -> tuple[float, ...]:
        """What hurts more is greater: messages that are about to be lost, then many of them, then old ones."""
        number = self.depth.all if isinstance(self.depth, QueueDepth) else 0
        age = self.oldest if isinstance(self.oldest, int | float) else 0.0
        nearly_lost = bool(number) and age > self.retention * 0.75
        return (nearly_lost, number, age)


def dead_letter_queues(target: Target) -> tuple[list[DeadLetterQueue], list[str]]:
    """Give every dead-letter queue, what hurts most first; and the names of queues of which nothing can be told.

    Raises CliError when queues cannot be listed.
    """
    with aws_errors():
        sqs = target.client("sqs")
        pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1_000})
        urls = [url for page in pages for url in page.get("QueueUrls", [])]
    with ThreadPoolExecutor(THREADS) as pool:
        read = dict(zip(urls, pool.map(lambda url: _told(lambda: _attributes(sqs, url)), urls), strict=True))
        known = {url: found for url, found in read.items() if isinstance(found, dict) and found}
        dark = [url.rsplit("/", 1)[-1] for url, found in read.items() if isinstance(found, Untold)]
        found = list(pool.map(lambda item: _described(sqs, *item), _dead_letter_queues_of(known, _functions(target))))
        columns = _Columns(target, [queue.name for queue in found])
        filled = list(pool.map(lambda queue: columns.fill(sqs, queue), found))
    return sorted(filled, key=lambda queue: (*(-part for part in queue.pain), queue.name)), dark


def _told(ask: Callable[[], T]) -> T | Untold:
    try:
        return ask()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        return Untold("denied" if code in DENIED | {"AuthorizationError", "UnauthorizedOperation"} else "unknown")
    except (BotoCoreError, ResponseParserError, CliError):
        return Untold("unknown")


def _attributes(sqs: Any, url: str) -> dict[str, str]:
    try:
        found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            return {}  # deleted since; SQS lists it a while longer
        raise
    return found


def _dead_letter_queues_of(
    known: dict[str, dict[str, str]], functions: dict[str, list[str]]
) -> Iterator[tuple[str, dict[str, str], list[str], list[str]]]:
    """Give the queues that are dead-letter queues: a redrive policy names them, they allow one, or their name says."""
    sources: dict[str, list[str]] = {}
    for attributes in known.values():
        if target := _policy(attributes, "RedrivePolicy").get("deadLetterTargetArn"):
            sources.setdefault(target, []).append(name_of(attributes["QueueArn"]))
    for url, attributes in known.items():
        arn = attributes["QueueArn"]
        allows = _policy(attributes, "RedriveAllowPolicy").get("redrivePermission") == "byQueue"
        if arn in sources or arn in functions or allows or _LOOKS_LIKE_ONE.search(name_of(arn)):
            yield url, attributes, sorted(sources.get(arn, [])), functions.get(arn, [])


def _policy(attributes: dict[str, str], name: str) -> dict[str, Any]:
    try:
        policy = json.loads(attributes.get(name) or "{}")
    except ValueError:
        return {}
    return policy if isinstance(policy, dict) else {}


def _functions(target: Target) -> dict[str, list[str]]:
    """Give the names of the functions that have a queue (ARN) for what fails of their asynchronous invocations."""

    def ask() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for page in target.client("lambda").get_paginator("list_functions").paginate():
            for function in page.get("Functions", []):
                if arn := function.get("DeadLetterConfig", {}).get("TargetArn"):
                    found.setdefault(arn, []).append(f"Lambda {function['FunctionName']}")
        return found

    found = _told(ask)
    return {} if isinstance(found, Untold) else found


def _described(
    sqs: Any, url: str, attributes: dict[str, str], sources: list[str], others: list[str]
) -> DeadLetterQueue:
    if not sources:  # a source that may not be looked at is listed by its dead-letter queue
        listed = _told(lambda: sqs.list_dead_letter_source_queues(QueueUrl=url).get("queueUrls", []))
        sources = [] if isinstance(listed, Untold) else sorted(each.rsplit("/", 1)[-1] for each in listed)
    counts = [int(attributes.get(f"ApproximateNumberOfMessages{kind}", 0)) for kind in ("", "NotVisible", "Delayed")]
    moves_on_to = _policy(attributes, "RedrivePolicy").get("deadLetterTargetArn")
    return DeadLetterQueue(
        name=name_of(attributes["QueueArn"]),
        url=url,
        arn=attributes["QueueArn"],
        depth=QueueDepth(*counts),
        retention=int(attributes.get("MessageRetentionPeriod", 345_600)),
        sources=sources,
        others=others,
        moves_on_to=name_of(moves_on_to) if moves_on_to else None,
    )


class _Columns:
    """What other services know of queues, asked once for all of them."""

    def __init__(self, target: Target, names: list[str]) -> None:
        self._ages = _told(lambda: _ages(target.client("cloudwatch"), names))
        self._schedules = _told(lambda: schedules_of(target, datetime.now(UTC)))
        self._table = _told(lambda: _journal(target))
        self._clients = _told(lambda: (target.client("dynamodb"), target.client("stepfunctions")))

    def fill(self, sqs: Any, queue: DeadLetterQueue) -> DeadLetterQueue:
        """Give the queue with its columns."""
        ages, schedules = self._ages, self._schedules
        has_any = isinstance(queue.depth, Untold) or queue.depth.all
        oldest = ages if isinstance(ages, Untold) else ages.get(queue.name, Untold("unknown"))
        task = _told(lambda: newest_task(sqs, queue.arn))
        if not isinstance(schedules, Untold):
            schedules = [each for each in schedules if each.queue in {queue.name, queue.arn, queue.url}]
        return replace(
            queue,
            oldest=oldest if has_any else None,
            moving=task if isinstance(task, Untold) or is_active(task) else None,
            runs=self._runs(queue),
            schedules=schedules,
        )

    def _runs(self, queue: DeadLetterQueue) -> list[str] | Untold:
        table, clients = self._table, self._clients
        if isinstance(table, Untold):
            return table
        return clients if isinstance(clients, Untold) else _told(lambda: beside(*clients, table, queue.arn, ""))


def _journal(target: Target) -> str | Untold:
    try:
        return target.resource("Journal")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ValidationError":
            return Untold("no stack")
        raise


def _ages(cloudwatch: Any, names: list[str]) -> dict[str, float]:
    """Give the age of the oldest message in seconds, by queue; without those that CloudWatch tells nothing of."""
    until = datetime.now(UTC)
    ages: dict[str, float] = {}
    for start in range(0, len(names), _MOST_METRICS):
        some = names[start : start + _MOST_METRICS]
        queries = [{"Id": f"q{place}", "MetricStat": _age_of(name)} for place, name in enumerate(some)]
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=until - _RECENT, EndTime=until, ScanBy="TimestampDescending"
        )
        for result in answer["MetricDataResults"]:
            if result["Values"]:
                ages[some[int(result["Id"][1:])]] = result["Values"][0]
    return ages


def _age_of(name: str) -> dict[str, Any]:
    dimensions = [{"Name": "QueueName", "Value": name}]
    metric = {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Dimensions": dimensions}
    return {"Metric": metric, "Period": 60, "Stat": "Maximum"}

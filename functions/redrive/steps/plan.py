"""Plan the redrive: which path and why; and the lanes, should it be ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from redrive.sqs.move_tasks import is_active, newest_task
from redrive.sqs.queues import DENIED, sources_of
from redrive.steps.lanes import choose_lanes
from redrive.values.errors import InvalidRequest, NativePathUnavailable
from redrive.values.plan import MOST_BESIDE, MOST_SOURCES, NATIVE_RATE, Move, Path, Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

    from redrive.values.queue import Queue, QueueDepth
    from redrive.values.request import Request

NATIVE = "there is nothing to select, change or limit: SQS moves every message itself, and records no single one"
LAGGING = "SQS counts no message there, which may be a minute old: one long poll tells"
INTENTS = "an earlier run may have sent some of them without deleting them yet, and SQS would send them again"


def plan(
    sqs: SQSClient,
    request: Request,
    queue: Queue,
    destination: Queue | None,
    depth: QueueDepth,
    others: list[str],
    concurrency: Callable[[], int | None],
    has_intents: Callable[[], bool],
) -> Plan:
    """Give the plan, as `decide` does with what SQS says of the queue's sources and of its move tasks."""
    sources = sources_of(sqs, queue)

    def moving() -> bool:
        return is_active(newest_task(sqs, queue.arn))

    return decide(request, queue, destination, depth, others, sources, moving, concurrency, has_intents)


def decide(
    request: Request,
    queue: Queue,
    destination: Queue | None,
    depth: QueueDepth,
    others: list[str],
    sources: list[Queue],
    moving: Callable[[], bool],
    concurrency: Callable[[], int | None],
    has_intents: Callable[[], bool],
) -> Plan:
    """Give the plan of what is known, without a look at AWS: the command shows it before it starts a run.

    `others` are the names of the other runs at the queue. Called only when it matters: `moving` tells whether a move
    task is at it, `concurrency` how many functions the account may run at once, and `has_intents` whether a run has
    left, or has in hand, what it may have sent and not deleted. Raises InvalidRequest when a message could go nowhere,
    or more lanes were asked for than can be right, and NativePathUnavailable when the request insists on what SQS
    cannot do.
    """
    # Those that take the smallest messages first: of the ones that are cut off no size is known.
    sources = sorted(sources, key=lambda source: source.max_bytes)
    if not sources and destination is None and not request.deletes:
        raise InvalidRequest(
            f"queue: {queue.name} is no queue's dead-letter queue, so its messages have no queue to return to; "
            "name a destination."
        )
    against = _against_native(request, queue, destination, sources)
    if moving():
        against.append("a move task is already running on the queue")
    if request.path != Path.CUSTOM and not against and has_intents():
        against = [INTENTS]
    if request.path == Path.NATIVE and against:
        raise NativePathUnavailable(
            f"path: SQS cannot move these messages itself, because {' and '.join(against)}; "
            'change that, or write "auto".'
        )
    if request.path != Path.NATIVE and not against and not depth.visible:
        against = [LAGGING]
    path, because = _choose(request, against, steps_back=bool(others) and request.alone)
    lanes, lanes_because = choose_lanes(request, queue, depth, concurrency)
    return Plan(
        path=path,
        because=because + [f"run {name} is working on the queue as well" for name in others[:MOST_BESIDE]],
        fallback=request.path == "auto",
        move=Move(queue.arn, destination.arn if destination else None, min(request.rate or NATIVE_RATE, NATIVE_RATE)),
        sources=sources[:MOST_SOURCES],
        more_sources=len(sources[MOST_SOURCES:]),
        beside=others[:MOST_BESIDE],
        lanes=lanes,
        lanes_because=lanes_because,
    )


def account_concurrency(client: LambdaClient) -> int | None:
    """Ask how many functions the account may run at once, beside what is reserved; None if this stack may not know."""
    try:
        limits = client.get_account_settings()["AccountLimit"]
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return None
        raise
    return limits["UnreservedConcurrentExecutions"]


def _choose(request: Request, against: list[str], *, steps_back: bool) -> tuple[Path, list[str]]:
    if steps_back:
        return Path.STEP_BACK, []
    if request.path == Path.CUSTOM:
        return Path.CUSTOM, ["path is custom"]
    return (Path.CUSTOM, against) if against else (Path.NATIVE, [NATIVE])


def _against_native(request: Request, queue: Queue, destination: Queue | None, sources: list[Queue]) -> list[str]:
    chosen = request.filter
    parts = {
        "sent": chosen.sent,
        "where": chosen.where,
        "max_redrives": chosen.max_redrives,
        "of_run": chosen.of_run,
    }
    reasons = [f"filter.{part} is set" for part, value in parts.items() if value is not None]
    if request.deletes:
        reasons.append("action is delete")
    changes = {
        "transform": request.transform,
        "key": request.key,
        "limit": request.limit,
        "preview": request.preview,
        "record": request.record,
    }
    reasons += [f"{part} is set" for part, value in changes.items() if value]
    if request.rate is not None and request.rate > NATIVE_RATE:
        reasons.append(f"rate is above the {NATIVE_RATE} a second that a move task can do")
    if not sources:
        reasons.append("no SQS queue has it as its dead-letter queue")
    # A move task stops at the first message that its destination refuses, and leaves the rest where it is.
    small = next((to for to in ([destination] if destination else sources) if to.max_bytes < queue.max_bytes), None)
    if small:
        reasons.append(f"{small.name} takes messages of {small.max_bytes:,} bytes, and {queue.name} of more")
    return reasons

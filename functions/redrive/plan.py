"""Plan the redrive: which path and why, how many lanes, how large a page, how fast."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from redrive import queues
from redrive.count import IN_FLIGHT_LIMIT, IN_FLIGHT_MARGIN
from redrive.errors import InvalidRequest, NativePathUnavailable
from redrive.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

NATIVE_RATE = 500  # messages a second, the most a move task can be told (SQS API, StartMessageMoveTask)
PAGE = 1_000  # messages
POLLERS = 4  # long polls side by side in a lane; each ends a drain with one empty answer, which costs a request
MESSAGES_PER_LANE = 5_000  # a lane less costs a little time, a lane more costs a child execution
LANE_RATE = 500  # messages a second that one lane is trusted with; measured in docs/performance.md
OWN_CHOICE = 10  # lanes; more must be asked for
PART_OF_ACCOUNT = 5  # a run takes at most a fifth of the functions that the account may run at once

STEP_BACK = "none"
UNSETTLED = "an earlier run may have sent some of them without deleting them yet, and SQS would send them again"
NATIVE = "there is nothing to select, change or limit: SQS moves every message itself"


def plan(
    sqs: SQSClient,
    request: dict[str, Any],
    queue: queues.Queue,
    destination: queues.Queue | None,
    counts: dict[str, int],
    neighbours: list[str],
    concurrency: Callable[[], int | None],
    unsettled: Callable[[], bool],
) -> dict[str, Any]:
    """Give the plan.

    path, because  `native`, `custom`, or `none` when it steps back; and why
    fallback       whether the custom path may take over from a move task
    move           the input of StartMessageMoveTask
    looks          counts the looks at the move task; the n-th comes after n more seconds
    sources        the queues whose dead-letter queue this is
    drain          the lanes of the custom path; also on the native path, for SQS may hand the rest back
    lanes_because  why so many lanes, and pages of that size

    `neighbours` are the names of the other runs on the queue. Called only when it matters: `concurrency` asks how many
    functions the account may run at once, and `unsettled` whether a run has left, or has in hand, what it may have sent
    and not deleted. Raises InvalidRequest when a message could go nowhere, or more
    lanes were asked for than can be right, and NativePathUnavailable when the request insists on what SQS cannot do.
    """
    sources = [source for url in _source_urls(sqs, queue) if (source := _source(sqs, queue, url))]
    if not sources and destination is None:
        raise InvalidRequest(
            f"queue: {queue.name} is no queue's dead-letter queue, so its messages have no queue to return to; "
            "name a destination."
        )
    wanted = request.get("path", "auto")
    against = _against_native(request, bool(sources)) + _already_running(sqs, queue)
    if wanted != "custom" and not against and unsettled():
        against = [UNSETTLED]
    if wanted == "native" and against:
        raise NativePathUnavailable(
            f"path: SQS cannot move these messages itself, because {' and '.join(against)}; "
            'change that, or write "auto".'
        )
    beside = [f"run {name} is working on the queue as well" for name in neighbours]
    if beside and request.get("alone"):
        path, because = STEP_BACK, []
    elif wanted == "custom":
        path, because = "custom", ["path is custom"]
    elif against:
        path, because = "custom", against
    else:
        path, because = "native", [NATIVE]
    lanes, lanes_because = _lanes(request, queue, counts, concurrency)
    return {
        "path": path,
        "because": because + beside,
        "fallback": wanted == "auto",
        "looks": {"number": 0},
        "move": _move(request, queue, destination),
        "sources": [source.to_json() for source in sources],
        "drain": {"lanes": [lane.to_json() for lane in lanes], "more": True},
        "lanes_because": lanes_because,
    }


def concurrency(client: LambdaClient) -> int | None:
    """Ask how many functions the account may run at once, beside what is reserved; None if this stack may not know."""
    try:
        limits = client.get_account_settings()["AccountLimit"]
    except ClientError as error:
        if error.response["Error"]["Code"] in queues.DENIED:
            return None
        raise
    return limits["UnreservedConcurrentExecutions"]


def _source_urls(sqs: SQSClient, queue: queues.Queue) -> list[str]:
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=queue.url)
    return [url for page in pages for url in page.get("queueUrls", [])]


def _source(sqs: SQSClient, queue: queues.Queue, url: str) -> queues.Queue | None:
    try:
        return queues.describe(sqs, url)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in queues.MISSING:
            return None  # deleted since; SQS lists it a while longer
        if code in queues.DENIED:
            # This stack may not even look at it. Whether it may send there, SQS will say of each message.
            arn = queue.arn.replace(queue.name, url.rsplit("/", 1)[-1])
            return queues.Queue(queues.name_of(arn), url, arn, queue.fifo, queues.LARGEST)
        raise


def _against_native(request: dict[str, Any], is_dead_letter_queue: bool) -> list[str]:
    chosen = request.get("filter", {})
    reasons = [f"filter.{part} is set" for part in ("sent", "where", "max_redrives") if part in chosen]
    reasons += [f"{part} is set" for part in ("transform", "limit", "preview") if request.get(part)]
    if request.get("rate", 0) > NATIVE_RATE:
        reasons.append(f"rate is above the {NATIVE_RATE} a second that a move task can do")
    if not is_dead_letter_queue:
        reasons.append("no SQS queue has it as its dead-letter queue")
    return reasons


def _already_running(sqs: SQSClient, queue: queues.Queue) -> list[str]:
    tasks = sqs.list_message_move_tasks(SourceArn=queue.arn, MaxResults=1).get("Results", [])
    if tasks and tasks[0]["Status"] in {"RUNNING", "CANCELLING"}:
        return ["a move task is already running on the queue"]
    return []


def _move(request: dict[str, Any], queue: queues.Queue, destination: queues.Queue | None) -> dict[str, Any]:
    move: dict[str, Any] = {"SourceArn": queue.arn}
    if destination:
        move["DestinationArn"] = destination.arn
    if rate := request.get("rate"):
        move["MaxNumberOfMessagesPerSecond"] = rate
    return move


def _lanes(
    request: dict[str, Any], queue: queues.Queue, counts: dict[str, int], concurrency: Callable[[], int | None]
) -> tuple[list[Lane], list[str]]:
    """Give the lanes, and the reasons for their number and for the size of their pages."""
    limit, rate = request.get("limit"), request.get("rate")
    waiting = counts["visible"] if limit is None else min(counts["visible"], limit)
    number, because = _number_of_lanes(request, queue, waiting, concurrency)
    paces = None if rate is None else _shares(rate, number)
    sizes = [pace // _turns(pace) for pace in paces] if paces else [PAGE] * number
    if paces and min(sizes) < PAGE:
        because.append(_why_pages(paces, sizes))
    room = max(PAGE, (IN_FLIGHT_LIMIT - IN_FLIGHT_MARGIN - counts["in_flight"]) // number)
    nones: list[int | None] = [None] * number
    shares = nones if limit is None else _shares(limit, number)
    lanes = [
        Lane(index, size, POLLERS, share=share, sifts="filter" in request, room=room, pace=pace)
        for index, (size, share, pace) in enumerate(zip(sizes, shares, paces or nones, strict=True))
    ]
    return lanes, because


def _turns(pace: int) -> int:
    """Give the pages a second of a lane: as few as carry so many messages a second."""
    return math.ceil(pace / PAGE)


def _why_pages(paces: list[int], sizes: list[int]) -> str:
    turns = sorted({_turns(pace) for pace in paces})
    often = "one" if turns == [1] else " or ".join(map(str, turns))
    at_most = "at most " if len(set(sizes)) > 1 else ""
    return f"pages of {at_most}{max(sizes):,}, {often} a second in each lane, keep to the rate"


def _number_of_lanes(
    request: dict[str, Any], queue: queues.Queue, waiting: int, concurrency: Callable[[], int | None]
) -> tuple[int, list[str]]:
    wanted, limit, rate = request.get("lanes"), request.get("limit"), request.get("rate")
    only_one = None
    if queue.fifo:
        only_one = "a FIFO queue is drained in one lane, which keeps its groups in order"
    elif limit is not None and "filter" in request:
        only_one = "a limit with a filter is exact only in one lane"
    if only_one:
        if (wanted or 1) > 1:
            raise InvalidRequest(f"lanes: it can only be 1, because {only_one}; leave it out.")
        return 1, [only_one]
    if wanted:
        # A limit and a rate are shared out among the lanes, in whole messages, and no lane may go without.
        number, reasons = wanted, ["lanes is set"]
        if limit is not None and limit < number:
            number = limit
            reasons.append(f"each lane takes at least one message of the limit of {limit}")
        if rate is not None and rate < number:
            number = rate
            reasons.append(f"each lane takes at least one message a second of the rate of {rate}")
        return number, reasons
    if rate is not None:
        number = math.ceil(rate / LANE_RATE)
        reasons = [f"one lane serves each {LANE_RATE} messages a second of the rate"]
        if (most := max(1, math.ceil(waiting / PAGE))) < number:
            number = most
            reasons.append(f"no more than one for each {PAGE:,} messages, and {waiting:,} are to be looked at")
    else:
        number = max(1, math.ceil(waiting / MESSAGES_PER_LANE))
        reasons = [f"one lane serves each {MESSAGES_PER_LANE:,} messages, and {waiting:,} are to be looked at"]
    if number > OWN_CHOICE:
        number = OWN_CHOICE
        reasons.append(f"more than {OWN_CHOICE} must be asked for")
    if number > 1 and (allowed := concurrency()) is not None:
        share = max(1, allowed // PART_OF_ACCOUNT)
        if share < number:
            number = share
            reasons.append(f"the account may run {allowed} functions at once, of which a run takes a fifth")
    return number, reasons


def _shares(whole: int, number: int) -> list[int]:
    """Share out a limit or a rate among so many lanes, as evenly as whole messages can be."""
    return [whole // number + (1 if index < whole % number else 0) for index in range(number)]

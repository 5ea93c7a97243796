"""Lanes: how many there are, how large a page of theirs is, and how fast they go; each with its reasons."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from redrive.sqs.queues import IN_FLIGHT_LIMIT, IN_FLIGHT_MARGIN
from redrive.values.errors import InvalidRequest
from redrive.values.lane import Budget, Lane
from redrive.values.request import EVERY

if TYPE_CHECKING:
    from collections.abc import Callable

    from redrive.values.queue import Queue, QueueDepth
    from redrive.values.request import Request

STANDARD = Budget(page_size=1_000, pollers=4)  # each poller ends a drain with one empty answer, which costs a request
MESSAGES_PER_LANE = 5_000  # a lane less costs a little time, a lane more costs a child execution
LANE_RATE = 500  # messages a second that one lane is trusted with; measured in docs/performance.md
OWN_CHOICE = 10  # lanes; more must be asked for
PART_OF_ACCOUNT = 5  # a run takes at most a fifth of the functions that the account may run at once


def choose_lanes(
    request: Request,
    queue: Queue,
    depth: QueueDepth,
    concurrency: Callable[[], int | None],
    standard: Budget = STANDARD,
) -> tuple[list[Lane], list[str]]:
    """Give the lanes, and the reasons for their number and for the size of their pages.

    `concurrency` asks how many functions the account may run at once (None: not known), and is called only when it
    matters. Raises InvalidRequest when more lanes were asked for than can be right.
    """
    waiting = depth.visible if request.limit is None else min(depth.visible, request.limit)
    page = standard.page_size
    number, because = _number_of_lanes(request, queue, waiting, concurrency, page)
    paces = None if request.rate is None else _shares(request.rate, number)
    sizes = [pace // _turns(pace, page) for pace in paces] if paces else [page] * number
    if paces and min(sizes) < page:
        because.append(_why_pages(paces, sizes, page))
    room = max(page, (IN_FLIGHT_LIMIT - IN_FLIGHT_MARGIN - depth.in_flight) // number)
    common = replace(standard, has_filter=request.filter != EVERY, hold_capacity=room)
    nones: list[int | None] = [None] * number
    limits = nones if request.limit is None else _shares(request.limit, number)
    lanes = [
        Lane(index, replace(common, page_size=size, limit_left=limit, pace=pace))
        for index, (size, limit, pace) in enumerate(zip(sizes, limits, paces or nones, strict=True))
    ]
    return lanes, because


def _turns(pace: int, page: int) -> int:
    """Give the pages a second of a lane: as few as carry so many messages a second."""
    return math.ceil(pace / page)


def _why_pages(paces: list[int], sizes: list[int], page: int) -> str:
    turns = sorted({_turns(pace, page) for pace in paces})
    often = "one" if turns == [1] else " or ".join(map(str, turns))
    at_most = "at most " if len(set(sizes)) > 1 else ""
    return f"pages of {at_most}{max(sizes):,}, {often} a second in each lane, keep to the rate"


def _number_of_lanes(
    request: Request, queue: Queue, waiting: int, concurrency: Callable[[], int | None], page: int
) -> tuple[int, list[str]]:
    wanted, limit, rate = request.lanes, request.limit, request.rate
    only_one = None
    if queue.fifo:
        only_one = "a FIFO queue is drained in one lane, which keeps its groups in order"
    elif limit is not None and request.filter != EVERY:
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
        if (most := max(1, math.ceil(waiting / page))) < number:
            number = most
            reasons.append(f"no more than one for each {page:,} messages, and {waiting:,} are to be looked at")
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

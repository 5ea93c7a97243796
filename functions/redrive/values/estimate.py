"""Estimates: about how long a run will take, and what it will cost, from what runs were measured to need.

Each constant is of the table in docs/performance.md that is named with it: small messages (1 KiB), all of them chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redrive.values import bill
from redrive.values.plan import NATIVE_RATE, Path
from redrive.values.prices import DOLLARS

if TYPE_CHECKING:
    from redrive.values.plan import Plan
    from redrive.values.request import Request

# "What it costs": requests of a run itself, of each lane, of each page, and of each message.
_SQS_OF_RUN, _SQS_OF_LANE = 7, 5
_S3_OF_RUN, _S3_OF_PAGE = 8, 11
_DOLLARS_OF_S3 = 0.027 / 11_100  # a request, PUT and GET as they are mixed: of the column of 100,000
_DOLLARS_OF_DYNAMODB = 0.031 / 20_000  # a write, with the size of what is written
_DYNAMODB_OF_MESSAGE, _DYNAMODB_OF_PAGE = 20 / 1_000, 2
_DOLLARS_OF_LAMBDA = 0.007 / 1_000_000  # a message
_BATCH = 10  # messages in a request to SQS
# "How lanes add up", messages a second with answers 60 ms away: the slower of the two distances that were measured.
_RATES = {1: 297, 2: 548, 4: 944, 8: 1_183, 16: 1_395}
# "How long a cold start takes": some ten functions, each 0.3 s of a processor, of which 512 MiB has less than a third.
_SECONDS_OF_RUN = 10


@dataclass(frozen=True)
class Estimate:
    """What a run will take at most, about: `seconds`, None where nothing can be said of it, and `dollars`."""

    seconds: float | None
    dollars: float


def estimate(request: Request, plan: Plan, messages: int, *, fifo: bool) -> Estimate:
    """Estimate a run that looks at so many messages. What a filter passes over costs less than what is sent."""
    if plan.path == Path.NATIVE:
        return _native(request, messages, fifo=fifo)
    return _custom(request, plan, messages, fifo=fifo)


def _native(request: Request, messages: int, *, fifo: bool) -> Estimate:
    seconds = messages / min(request.rate or NATIVE_RATE, NATIVE_RATE)
    looks = math.ceil(math.sqrt(2 * seconds)) + 1  # the n-th comes after n more seconds
    transitions = _of_run(bill.A_START) + looks * len(bill.A_LOOK)
    # AWS does not say what a move task costs: as if SQS asked itself for ten at a time.
    sqs = _SQS_OF_RUN + looks + 3 * messages / _BATCH
    return Estimate(_SECONDS_OF_RUN + seconds, sqs * _sqs(fifo=fifo) + transitions * DOLLARS["transition"])


def _custom(request: Request, plan: Plan, messages: int, *, fifo: bool) -> Estimate:
    lanes = len(plan.lanes)
    size = max(lane.budget.page_size for lane in plan.lanes)
    pages = max(1, math.ceil(messages / size))
    then = "pause" if request.rate else "turn"
    steps = [("receive", "page"), ("filter", then)]
    if not request.preview:
        steps = [("receive", "page"), ("filter", "page"), ("send", ""), ("delete", then)]
    of_page = sum(bill.transitions(step, way) for step, way in steps)
    transitions = _of_run(bill.A_ROUND) + lanes * bill.transitions("receive", "end") + pages * of_page
    # Received and deleted, or given back, in tens; and sent in tens, but of a FIFO queue's group one by one.
    sends = 0.0 if request.preview else messages if fifo else messages / _BATCH
    sqs = _SQS_OF_RUN + _SQS_OF_LANE * lanes + 2 * messages / _BATCH + sends
    writes = 0.0 if request.preview else max(_DYNAMODB_OF_MESSAGE * messages, _DYNAMODB_OF_PAGE * pages)
    dollars = (
        sqs * _sqs(fifo=fifo)
        + transitions * DOLLARS["transition"]
        + (_S3_OF_RUN + _S3_OF_PAGE * pages) * _DOLLARS_OF_S3
        + writes * _DOLLARS_OF_DYNAMODB
        + messages * _DOLLARS_OF_LAMBDA
        + (len(steps) * pages + lanes) * DOLLARS["invocation"]
    )
    if fifo:  # as fast as its groups let it be
        return Estimate(None, dollars)
    fastest = _RATES[max(number for number in _RATES if number <= lanes)]
    return Estimate(_SECONDS_OF_RUN + messages / min(request.rate or fastest, fastest), dollars)


def _of_run(between: tuple[str, ...]) -> int:
    """The states of a run itself: its steps, and those between them on its path."""
    steps = (("check", ""), ("count", ""), ("plan", ""), ("release", ""), ("report", ""))
    return sum(bill.transitions(step, way) for step, way in steps) + len(between)


def _sqs(*, fifo: bool) -> float:
    return DOLLARS["SQS request, FIFO" if fifo else "SQS request"]

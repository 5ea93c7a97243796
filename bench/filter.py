"""How many messages a second one core filters, and what a hostile expression costs.

`make bench-filter`. Pages of 1,000 messages with a body of 1 KiB of JSON and three attributes;
S3 is a dictionary, because what is measured is our own work. A figure is messages for one second of processor time of
the step and its child together: what one core does. Fails when the typical condition is judged, in the median, at
less than GOAL, or a hostile expression does not fail its message within MOST_SECONDS.
"""

import io
import json
import random
import resource
import statistics
import sys
import time
from dataclasses import replace
from uuid import UUID

from measure import machine, spread, table, tell

from redrive.expressions.judge import Judge
from redrive.origins.destinations import Destinations
from redrive.steps.filter import filter_page
from redrive.stores import pages
from redrive.stores.ledger import Ledger
from redrive.values.criteria import Criteria
from redrive.values.errors import ExpressionTooSlow
from redrive.values.lane import Budget, Lane, Page
from redrive.values.message import Message, StoredPage
from redrive.values.outcome import Outcome
from redrive.values.queue import Queue

PAGE = 1_000
PAGES_A_ROUND = 3
ROUNDS = 15
GOAL = 20_000  # messages a second, judging alone, of the typical condition
MOST_SECONDS = 2
TYPICAL = '`body.error.code = "TIMEOUT" and body.attempts < 3`'
CASES = {
    "none": {},
    TYPICAL: {"where": TYPICAL.strip("`")},
    "`$contains(text, $yesterday)`": {"where": "$contains(text, $yesterday)"},
    "transform `$merge([body, {'retried': true}])`": {"transform": "$merge([body, {'retried': true}])"},
}
HOSTILE = {
    "a regular expression that backtracks, `/(.+)+\\$$/`": "$exists($match(text, /(.+)+\\$$/))",
    "a recursion that does not end": "($f := function() { $f() }; $f())",
    "a sum of ten million numbers": "$sum([1..9999999]) > 0",
    "a text of 1 GB": "$length($pad('', 1000000000)) > 0",
}
QUEUE = Queue("orders-dlq", "https://queue/orders-dlq", "arn:aws:sqs:us-east-1:123456789012:orders-dlq", False, 1 << 20)
DESTINATIONS = Destinations(QUEUE, None, [])


class Shelf:
    """As much of S3 as the step asks of it."""

    def __init__(self):
        self.objects = {}

    def put_object(self, *, Key, Body, **_):  # noqa: N803
        self.objects[Key] = Body

    def get_object(self, *, Key, **_):  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_paginator(self, _):
        return self

    def paginate(self, **_):
        return []


def criteria(**changes):
    return replace(
        Criteria("2026-11-21T06:00:00+00:00", "2026-11-21", "2026-11-20", began=1_795_240_800_000), **changes
    )


def messages(count):
    """Make dead letters of a shop: 1 KiB of nested JSON each, and three attributes."""
    dice = random.Random(7)
    return [message(dice, number) for number in range(count)]


def message(dice, number):
    body = {
        "id": str(UUID(int=dice.getrandbits(128))),
        "type": "order.created",
        "attempts": dice.randrange(6),
        "error": {
            "code": dice.choice(["TIMEOUT", "THROTTLED", "INVALID"]),
            "message": "upstream did not answer within 3000 ms",
            "at": f"2026-11-{dice.choice([19, 20])}T17:04:{number % 60:02}.123Z",
        },
        "customer": {
            "id": f"c-{dice.randrange(10**6)}",
            "name": "Zoë Martínez",
            "address": {"street": "1 Main Street", "city": "Seoul", "zip": "04524"},
        },
        "items": [
            {
                "sku": f"SKU-{dice.randrange(10**5)}",
                "quantity": dice.randrange(1, 9),
                "price": 19.99,
                "tags": ["a", "b"],
            }
            for _ in range(6)
        ],
        "note": "",
    }
    body["note"] = "x" * (1024 - len(json.dumps(body)))
    values = {"tenant": f"t-{number % 9}", "trace": f"{dice.getrandbits(128):032x}", "kind": "order"}
    return Message(
        id=str(UUID(int=dice.getrandbits(128))),
        handle="AQEB" + "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789+/", k=360)),
        body=json.dumps(body),
        attributes={name: {"DataType": "String", "StringValue": value} for name, value in values.items()},
        system={
            "SenderId": "AIDAEXAMPLE",
            "SentTimestamp": str(1_763_700_000_000 + number),
            "ApproximateReceiveCount": "4",
            "ApproximateFirstReceiveTimestamp": str(1_763_700_000_123 + number),
            "DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:123456789012:orders",
        },
    )


def processor_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def rate(work):
    """Give the messages that `work`, over a page, does in a second of processor time."""
    before = processor_seconds()
    for _ in range(PAGES_A_ROUND):
        work()
    return PAGE * PAGES_A_ROUND / (processor_seconds() - before)


def seconds(work):
    began = time.monotonic()
    try:
        work()
    except ExpressionTooSlow as error:
        tell(str(error))
    return time.monotonic() - began


def speed(page):
    """Print the speeds; give the goals that were missed."""
    ledger = Ledger(Shelf(), "bucket", "run")
    pages.store(ledger, "0/001-0001", StoredPage(time.time(), page))
    lane = Lane(0, Budget(PAGE, 1), page=Page("0/001-0001", received=PAGE))
    judging, step = ({case: [] for case in CASES} for _ in range(2))
    for number in range(1, ROUNDS + 1):  # round by round, so that a noisy minute is shared by all
        tell(f"round {number} of {ROUNDS}")
        for case, changes in CASES.items():
            asked = criteria(**changes)
            judging[case].append(rate(lambda asked=asked: judge(page, asked)))
            step[case].append(
                rate(lambda asked=asked: filter_page(ledger, None, DESTINATIONS, asked, lane, lambda _: None))
            )
    rows = [[case, spread(judging[case]), spread(step[case])] for case in CASES]
    print(table(["expression", "judging alone, messages/s", "the whole step, messages/s"], rows))
    reached = statistics.median(judging[TYPICAL])
    return [f"{reached:,.0f} messages a second are judged by {TYPICAL}, not {GOAL:,}"] if reached < GOAL else []


def judge(page, asked):
    return Judge(asked, "run").judge_all(page, limit=None, in_order=False)


def hostility(page):
    """Print what hostile expressions cost; give the goals that were missed."""
    rows, missed = [], []
    for case, where in HOSTILE.items():
        tell(case)
        asked = criteria(where=where)
        took = [seconds(lambda asked=asked: judge(page[:1], asked)) for _ in range(3)]
        [verdict] = judge(page[:1], asked)
        rows.append([case, verdict.reason, spread(took, ".2f")])
        if verdict.outcome != Outcome.FAILED or max(took) >= MOST_SECONDS:
            missed.append(f"{case}: {verdict.outcome} after {max(took):.2f} s")
    print(table(["one message with", "failed, because", "after, s"], rows))
    tell("a page of nothing else")
    endless = criteria(where=HOSTILE["a recursion that does not end"])
    print(f"\nA page of nothing but such messages ends its lane after {seconds(lambda: judge(page, endless)):.0f} s.")
    return missed


def main():
    page = messages(PAGE)
    print(f"{machine()}; {ROUNDS} rounds of {PAGES_A_ROUND} pages; median (least to greatest).\n")
    missed = speed(page)
    print()
    missed += hostility(page)
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


if __name__ == "__main__":
    main()

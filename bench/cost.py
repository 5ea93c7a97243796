"""What a run costs: every request that the embedded AWS answered, by operation, and in dollars.

`make bench-cost`. Fails when a goal is missed, or when a run's own bill differs from what was counted.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from measure import feed, machine, requests_of, table, tell, two_queues

from redrive.steps.lanes import OWN_CHOICE
from redrive_cli.stack.local import local_stack
from support.aws import count
from support.engine import Deployed

# Per 1,000 messages; without the part of a run that does not grow with the queue.
GOALS = {
    "SQS requests": 310,
    "state transitions": 9,
    "history events": 30,
    "Lambda invocations": 6,
    "S3 requests": 16,
    "DynamoDB writes": 25,
}
DOLLARS_A_MILLION = 0.40

# us-east-1, 2026-11-24, each with its source in docs/facts.md (A6, B2, C4, G).
DOLLARS = {
    "SQS request": 0.40e-6,
    "transition": 25e-6,
    "invocation": 0.20e-6,
    "GB-second (arm64)": 13.3334e-6,
    "S3 PUT or LIST": 5e-6,
    "S3 GET": 0.4e-6,
    "DynamoDB write unit": 0.625e-6,
    "DynamoDB read unit": 0.125e-6,
}
BILLED = ("SQS", "Step Functions", "Lambda", "S3", "DynamoDB")
CLASSES = {"PutObject": "S3 PUT or LIST", "GET bucket": "S3 PUT or LIST", "GetObject": "S3 GET", "HeadObject": "S3 GET"}
FREE = {"DeleteObject"}


@dataclass(frozen=True)
class Measured:
    """One run: requests by (service, action), GB-seconds of Lambda, and the write units of the journal."""

    messages: int
    counted: Counter[tuple[str, str]]
    gigabyte_seconds: float
    write_units: int
    lanes: int

    def total(self, service: str, *actions: str) -> int:
        return sum(
            n for (of, action), n in self.counted.items() if of == service and (not actions or action in actions)
        )

    def figures(self) -> dict[str, float]:
        writes = ("PutItem", "UpdateItem", "DeleteItem")
        return {
            "SQS requests": self.total("sqs"),
            "state transitions": self.total("states", "StateTransition"),
            "history events": self.total("states", "HistoryEvent"),
            "Lambda invocations": self.total("lambda"),
            "S3 requests": self.total("s3"),
            "DynamoDB writes": self.total("dynamodb", *writes),
        }

    def dollars(self) -> dict[str, float]:
        s3 = Counter()
        for (service, action), n in self.counted.items():
            if service == "s3" and action not in FREE:
                s3[CLASSES[action]] += n
        return {
            "SQS": self.total("sqs") * DOLLARS["SQS request"],
            "Step Functions": self.total("states", "StateTransition") * DOLLARS["transition"],
            "Lambda": self.total("lambda") * DOLLARS["invocation"]
            + self.gigabyte_seconds * DOLLARS["GB-second (arm64)"],
            "S3": sum(n * DOLLARS[kind] for kind, n in s3.items()),
            "DynamoDB": self.write_units * DOLLARS["DynamoDB write unit"]
            + self.total("dynamodb", "GetItem") * DOLLARS["DynamoDB read unit"],
        }


def measured(stack: Any, messages: int, **asked: Any) -> Measured:
    """Redrive so many messages on the custom path, and count."""
    engine, sqs = Deployed(stack), stack.client("sqs")
    dlq, home = two_queues(sqs, f"cost-{messages}")
    feed(sqs, dlq, range(messages))
    before = requests_of(stack)
    arn = engine.start({"queue": dlq, "destination": home, "path": "custom", **asked})
    engine.end(arn, timeout=3600, every=0.5)
    counted = requests_of(stack) - before  # and then read what it left, which takes requests as well
    run = engine.wait(arn)
    assert run.status == "SUCCEEDED", run.cause
    assert (count(sqs, dlq), count(sqs, home)) == ((0, 0), (messages, 0))
    for url in (dlq, home):
        sqs.delete_queue(QueueUrl=url)
    found = Measured(messages, counted, gigabyte_seconds(stack, run.arn), write_units(stack), run.output["lanes"])
    must_agree(run.output["requests"], found)
    tell(f"{messages:,} messages: {dict(counted)}")
    return found


def must_agree(bill: dict[str, int], found: Measured) -> None:
    """The bill in the run's own summary is what the embedded AWS counted."""
    services = {name: found.total(name) for name in ("sqs", "s3", "dynamodb", "lambda")}
    counted = services | {"transitions": found.total("states", "StateTransition")}
    if bill != counted:
        sys.exit(f"The summary says {bill}, and the embedded AWS counted {counted}.")


def gigabyte_seconds(stack: Any, arn: str) -> float:
    """What Lambda bills for its time: from the histories, the seconds of each function by its memory."""
    engine, functions = Deployed(stack), stack.client("lambda")
    memory = functools.cache(lambda name: functions.get_function_configuration(FunctionName=name)["MemorySize"])
    total, began, size = 0.0, None, 0
    for execution in (arn, *engine.lanes(arn)):
        for event in engine.events(execution):
            if event["type"] == "LambdaFunctionScheduled":
                size = memory(event["lambdaFunctionScheduledEventDetails"]["resource"])
                began = event["timestamp"]
            elif event["type"] == "LambdaFunctionSucceeded":
                total += (event["timestamp"] - began).total_seconds() * size / 1024
    return total


def write_units(stack: Any) -> int:
    """What DynamoDB bills for the waves in the journal: each is begun in one unit, and recorded by its size.

    The records are taken away, so that the next run's are counted alone.
    """
    dynamodb = stack.client("dynamodb")
    (table_name,) = dynamodb.list_tables()["TableNames"]
    units = 0
    for page in dynamodb.get_paginator("scan").paginate(TableName=table_name):
        for item in page["Items"]:
            size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())
            units += 1 + math.ceil(size / 1024)
            dynamodb.delete_item(TableName=table_name, Key={"id": item["id"]})
    return units


def per_thousand(of: Measured, without: Measured | None = None) -> dict[str, float]:
    """Figures and dollars per 1,000 messages; `without` a smaller run, the part that grows with the queue."""
    thousands = (of.messages - (without.messages if without else 0)) / 1_000
    less = {**without.figures(), **without.dollars()} if without else {}
    return {name: (value - less.get(name, 0)) / thousands for name, value in (of.figures() | of.dollars()).items()}


def in_dollars(figures: dict[str, float]) -> float:
    """Dollars a million, of figures per 1,000."""
    return 1_000 * sum(figures[name] for name in BILLED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, nargs=3, default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    with local_stack() as stack:
        measured(stack, 6_000, lanes=OWN_CHOICE)  # the functions' first, cold, invocations are bench-cold's
        runs = [measured(stack, messages) for messages in options.messages]
        # Ten lanes on two processors wait for each other, which functions on AWS do not: their time is one lane's.
        alone = measured(stack, 8_000, lanes=1)
        times = [alone.gigabyte_seconds * run.messages / alone.messages for run in runs]
        runs = [replace(run, gigabyte_seconds=its) for run, its in zip(runs, times, strict=True)]
        tens = [measured(stack, messages, rate=10) for messages in (50, 250)]
    columns = {f"{run.messages:,}": per_thousand(run) for run in runs}
    columns["each further 1,000"] = further = per_thousand(runs[2], runs[1])
    columns["ten a turn"] = per_thousand(tens[1], tens[0])
    print(f"{machine()}. Small messages: bodies of 1 KiB, three attributes. Lanes: ", end="")
    print(", ".join(f"{run.lanes} for {run.messages:,}" for run in runs) + ".\n")
    print("Requests per 1,000 messages, as the embedded AWS counted them; each run's own summary says the same:\n")
    print(
        table(["", *columns, "goal"], [[n, *(f"{c[n]:,.1f}" for c in columns.values()), g] for n, g in GOALS.items()])
    )
    print("\nDollars per 1,000,000 messages, at that rate (us-east-1, 2026-11-24; sources in [facts.md](facts.md));")
    print("Lambda's time is that of a run in one lane, whose functions have a processor to themselves:\n")
    rows = [[name, *(f"{1_000 * c[name]:,.3f}" for c in columns.values()), ""] for name in BILLED]
    rows.append(["together", *(f"**{in_dollars(c):,.2f}**" for c in columns.values()), f"{DOLLARS_A_MILLION:.2f}"])
    print(table(["", *columns, "goal"], rows))
    print(f"\nThe floor, SQS's own three requests for ten messages: {300_000 * DOLLARS['SQS request']:.2f}.")
    missed = [name for name, goal in GOALS.items() if further[name] > goal or per_thousand(runs[2])[name] > goal]
    if in_dollars(further) > DOLLARS_A_MILLION:
        missed.append("dollars")
    if missed:
        sys.exit(f"Missed: {', '.join(missed)}.")


if __name__ == "__main__":
    main()

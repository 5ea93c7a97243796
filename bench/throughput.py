"""Messages a second, on one embedded AWS: a bare loop, the usual hand-written Lambda, and Redrive.

`make bench-throughput`. Every round gives each of them the same dead letters, and the ratios are taken round by round,
so that a machine whose speed drifts does not matter. Fails when (d) is too small a part of (a), or too few times (b).
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from measure import LIGHT, feed, machine, spread, table, tell, two_queues

from redrive_cli.stack.local import local_stack
from support.aws import count
from support.embedded import function
from support.engine import Deployed

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 16
GOALS = {"a": 0.7, "b": 4}  # (d), as many times each of these
# What the blog posts have: receive one, send its body, delete it. No attributes, no batches, no refusals.
HAND_WRITTEN = """
import boto3

def handler(event, context):
    sqs = boto3.client("sqs")
    while messages := sqs.receive_message(QueueUrl=event["from"], MaxNumberOfMessages=1).get("Messages"):
        sqs.send_message(QueueUrl=event["to"], MessageBody=messages[0]["Body"])
        sqs.delete_message(QueueUrl=event["from"], ReceiptHandle=messages[0]["ReceiptHandle"])
"""


def bare(stack: Any, dlq: str, home: str, config: Config | None = None) -> float:
    """The three requests, ten messages each, from many threads: no page, no ledger, no journal, no second look."""
    clients = [stack.aws.client("sqs", config=config) for _ in range(THREADS)]

    def loop(sqs: Any) -> None:
        while found := sqs.receive_message(
            QueueUrl=dlq,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            sqs.send_message_batch(
                QueueUrl=home,
                Entries=[
                    {"Id": str(n), "MessageBody": m["Body"], "MessageAttributes": m["MessageAttributes"]}
                    for n, m in enumerate(found)
                ],
            )
            handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)]
            sqs.delete_message_batch(QueueUrl=dlq, Entries=handles)

    began = time.monotonic()
    threads = [threading.Thread(target=loop, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def hand_written(stack: Any, dlq: str, home: str) -> float:
    """One function, one message at a time."""
    arn = function(stack.aws, source=HAND_WRITTEN, timeout=900)
    client = stack.aws.client("lambda", config=Config(read_timeout=900, retries={"total_max_attempts": 1}))
    began = time.monotonic()
    answer = client.invoke(FunctionName=arn, Payload=json.dumps({"from": dlq, "to": home}).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
    return time.monotonic() - began


def redrive(lanes: int | None) -> Callable[[Any, str, str], float]:
    """The state machine, on its custom path; without `lanes`, as many as it chooses."""

    def run(stack: Any, dlq: str, home: str) -> float:
        asked = {"queue": dlq, "destination": home, "path": "custom"} | ({"lanes": lanes} if lanes else {})
        engine = Deployed(stack)
        found = engine.end(engine.start(asked), timeout=600, every=0.2)
        assert found["status"] == "SUCCEEDED", found
        tell(f"    {json.loads(found['output'])['requests']}")
        return (found["stopDate"] - found["startDate"]).total_seconds()

    return run


WAYS: dict[str, Callable[[Any, str, str], float]] = {
    f"(a) a bare loop, {THREADS} threads, no safety": bare,
    "(A) the same, with the settings of Redrive's clients": functools.partial(bare, config=LIGHT),
    "(b) the hand-written Lambda, one message at a time": hand_written,
    "(c) Redrive, one lane": redrive(1),
    "(d) Redrive, its own choice of lanes": redrive(None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="aAbcd", help="which of them, as in ad")
    options = parser.parse_args()
    ways = {name: way for name, way in WAYS.items() if name[1] in options.only}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with local_stack() as stack:
        sqs = stack.client("sqs")
        dlq, home = two_queues(sqs, "warm")
        feed(sqs, dlq, range(8_000))
        redrive(4)(stack, dlq, home)  # the functions' first, cold, invocations are bench-cold's
        for number in range(options.rounds):
            for name, way in ways.items():
                dlq, home = two_queues(sqs, f"round-{number}-{name[1]}")
                feed(sqs, dlq, range(options.messages))
                seconds = way(stack, dlq, home)
                assert (count(sqs, dlq), count(sqs, home)) == ((0, 0), (options.messages, 0)), name
                rates[name].append(options.messages / seconds)
                tell(f"round {number + 1}: {name}: {rates[name][-1]:,.0f} messages/s")
                for url in (dlq, home):
                    sqs.delete_queue(QueueUrl=url)
    of = {name[1]: found for name, found in rates.items()}
    others = [other for other in GOALS if other in of]
    rows = [
        [name, spread(found), *(spread(ratios(found, of[other]), ".2f") for other in others)]
        for name, found in rates.items()
    ]
    print(f"{machine()}. {options.messages:,} messages of 1 KiB with three attributes, {options.rounds} rounds;")
    print("medians (least to greatest), ratios taken within each round. Goals for (d), in the median: ", end="")
    print(" and ".join(f"at least {goal} times ({other})" for other, goal in GOALS.items()) + ".\n")
    print(table(["", "messages/s", *(f"of ({other})" for other in others)], rows))
    reached = {other: statistics.median(ratios(of["d"], of[other])) for other in others if "d" in of}
    if missed := [f"{ratio:.2f} times ({other})" for other, ratio in reached.items() if ratio < GOALS[other]]:
        sys.exit(f"Missed: (d) is {' and '.join(missed)}.")


def ratios(found: list[float], other: list[float]) -> list[float]:
    """Each round's figure as many times that round's other one."""
    return [mine / its for mine, its in zip(found, other, strict=True)]


if __name__ == "__main__":
    main()

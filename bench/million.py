"""A million messages in one execution: how far histories, payloads and memory are from their limits, and who arrived.

`make bench-million`; some 20 minutes. A feeder tops the dead-letter queue up while it drains, and a consumer ticks off
what arrives, so that the embedded AWS never holds more than some thousand messages. Fails when a message is missing or
came twice, when a limit is near, or when a function's process has grown from its second tenth to its last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from measure import LIGHT, feed, machine, table, tell, two_queues

from redrive_cli.stack.local import local_stack
from support.aws import count
from support.engine import Deployed

WAITING = 12_000  # messages in the dead-letter queue, at the most
EVENTS, PAYLOAD, MEMORY = 25_000, 262_144, 256  # limits: events, bytes (docs/facts.md B1); and MiB, our own goal
FLAT = 1.15  # times as large as before is still the same


class Feeder(threading.Thread):
    """Keeps the dead-letter queue filled until all have been put in."""

    def __init__(self, sqs: Any, url: str, messages: int) -> None:
        super().__init__(daemon=True)
        self.sqs, self.url, self.messages, self.fed = sqs, url, messages, 0

    def run(self) -> None:
        while self.fed < self.messages:
            room = WAITING - sum(count(self.sqs, self.url))
            if room < 1_000:
                time.sleep(0.1)
                continue
            feed(self.sqs, self.url, range(self.fed, min(self.fed + room, self.messages)))
            self.fed = min(self.fed + room, self.messages)


class Consumer(threading.Thread):
    """Takes what arrives, and counts how often each came."""

    def __init__(self, sqs: Any, url: str, messages: int) -> None:
        super().__init__(daemon=True)
        self.sqs, self.url, self.came, self.stopping = sqs, url, bytearray(messages), threading.Event()

    def run(self) -> None:
        while True:
            found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages = found.get("Messages", [])
            for message in messages:
                self.came[json.loads(message["Body"])["n"]] += 1
            if messages:
                handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
                self.sqs.delete_message_batch(QueueUrl=self.url, Entries=handles)
            elif self.stopping.is_set():
                return


class Memory(threading.Thread):
    """Looks every two seconds at the functions' processes: process id → the resident MiB seen, in order."""

    def __init__(self, group: int) -> None:
        super().__init__(daemon=True)
        self.group, self.seen, self.ended = group, defaultdict(list), threading.Event()

    def run(self) -> None:
        while not self.ended.wait(2):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if int((process / "stat").read_text().rpartition(")")[2].split()[2]) != self.group:
                        continue
                    pages = int((process / "statm").read_text().split()[1])
                except (OSError, ValueError):
                    continue  # it has just ended
                if int(process.name) != self.group:
                    self.seen[process.name].append(pages * 4096 / 2**20)

    def lasting(self) -> list[list[float]]:
        """What was seen of each process that was there long enough to have tenths."""
        return [samples for samples in self.seen.values() if len(samples) >= 20]


def tenths(samples: list[float]) -> tuple[float, float]:
    """The medians of the second and of the last tenth of what was seen of a process."""
    tenth = len(samples) // 10
    return statistics.median(samples[tenth : 2 * tenth]), statistics.median(samples[-tenth:])


def extremes(engine: Deployed, arns: list[str]) -> tuple[int, int]:
    """The most events of an execution, and the largest payload of a state, in bytes."""
    events = largest = 0
    for arn in arns:
        found = engine.events(arn)
        events = max(events, len(found))
        for event in found:
            details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails") or {}
            largest = max(largest, *(len(details.get(name, "").encode()) for name in ("input", "output")))
    return events, largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--lanes", type=int, default=4)
    options = parser.parse_args()
    with local_stack() as stack:
        sqs, engine = stack.client("sqs"), Deployed(stack)
        dlq, home = two_queues(sqs, "million")
        feeder = Feeder(stack.aws.client("sqs", config=LIGHT), dlq, options.messages)
        consumers = [Consumer(stack.aws.client("sqs", config=LIGHT), home, options.messages) for _ in range(2)]
        memory = Memory(stack.aws.process_id)
        feeder.start()
        while feeder.fed < min(WAITING, options.messages):
            time.sleep(0.1)
        for thread in (*consumers, memory):
            thread.start()
        began = time.monotonic()
        arn = engine.start({"queue": dlq, "destination": home, "path": "custom", "lanes": options.lanes})
        sfn = stack.client("stepfunctions")
        while sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
            time.sleep(15)
            came = sum(sum(consumer.came) for consumer in consumers)
            tell(f"{time.monotonic() - began:5,.0f} s: {feeder.fed:,} fed, {came:,} arrived")
        memory.ended.set()
        run = engine.wait(arn)
        for consumer in consumers:
            consumer.stopping.set()
        for consumer in consumers:
            consumer.join()
        left = (count(sqs, dlq), count(sqs, home))
        events, largest = extremes(engine, [arn, *engine.lanes(arn)])
    came = [sum(times) for times in zip(*(consumer.came for consumer in consumers), strict=True)]
    missing, again = came.count(0), sum(times - 1 for times in came if times > 1)
    first, last = max(map(tenths, memory.lasting()), key=lambda tenths: tenths[1] / tenths[0])
    peak = max(max(samples) for samples in memory.seen.values())
    summary = run.output
    print(f"{machine()}. {options.messages:,} messages of 1 KiB with three attributes, in one execution.\n")
    rows = [
        ["messages sent, deleted", f"{summary['sent']:,}, {summary['deleted']:,}", f"{options.messages:,}"],
        ["missing, arrived again", f"{missing:,}, {again:,}", "0, 0"],
        [
            "minutes; messages a second",
            f"{summary['seconds'] / 60:.1f}; {summary['sent'] / summary['seconds']:,.0f}",
            "",
        ],
        ["lanes, rounds", f"{summary['lanes']}, {summary['rounds']}", ""],
        ["most events of an execution", f"{events:,}", f"below {EVENTS:,}"],
        ["largest payload of a state, bytes", f"{largest:,}", f"below {PAYLOAD:,}"],
        ["the process of a function that grew most, MiB: in its second tenth", f"{first:,.0f}", ""],
        ["… in its last tenth", f"{last:,.0f}", "the same"],
        ["the largest process of a function ever, MiB", f"{peak:,.0f}", f"below {MEMORY}"],
        *([f"{name} requests", f"{n:,}", ""] for name, n in summary["requests"].items() if name != "transitions"),
        ["state transitions", f"{summary['requests']['transitions']:,}", ""],
    ]
    print(table(["", "measured", "must be"], rows))
    conserved = not missing and not again and left == ((0, 0), (0, 0)) and summary["sent"] == options.messages
    within = events < EVENTS and largest < PAYLOAD / 2 and peak < MEMORY and last < first * FLAT
    if not (conserved and within):
        sys.exit("A goal is missed.")


if __name__ == "__main__":
    main()

"""How lanes add up when SQS is as far away as AWS is: messages a second for 1 to 16 lanes, as numbers and as a plot.

`make bench-latency`. Every answer of SQS is 15 ms late. Fails when one lane is not faster than SQS's own move task.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from measure import feed, machine, spread, table, tell, two_queues

from redrive.plan import NATIVE_RATE
from redrive_cli.local import install, local_aws
from support.engine import Deployed

LANES = (1, 2, 4, 8, 16)
MESSAGES = 2_000  # for each lane, and as many more for all
ROUNDS = 2
FEEDERS = 8
PROCESSORS = os.cpu_count() or 1
SERVER = Path(__file__).with_name("far_server.py")
PLOT = Path(__file__).parents[1] / "docs" / "lanes.png"


def busy(stack: Any) -> tuple[float, float, float]:
    """Seconds that all processors have worked, that the embedded AWS's own process has, and the clock's."""
    user, nice, system, _idle, _wait, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    its = Path(f"/proc/{stack.aws.process_id}/stat").read_text().rpartition(")")[2].split()[11:13]
    ticks = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + sum(rest)) / ticks, sum(map(int, its)) / ticks, time.monotonic()


def drained(stack: Any, lanes: int, name: str) -> tuple[float, float, float]:
    """Redrive in so many lanes.

    Gives messages a second, from the first lane's start to the last deletion, and the parts of their time that all
    processors worked, and that the embedded AWS's own process did, which has one thread.
    """
    sqs = stack.client("sqs")
    messages = MESSAGES * (lanes + 1)
    dlq, home, _ = two_queues(sqs, name)
    with ThreadPoolExecutor(FEEDERS) as pool:
        list(pool.map(lambda first: feed(sqs, dlq, range(first, first + 500)), range(0, messages, 500)))
    engine = Deployed(stack)
    before = busy(stack)
    run = engine.run({"queue": dlq, "destination": home, "path": "custom", "lanes": lanes}, timeout=600)
    all_now, its_now, time_now = busy(stack)
    assert run.output["sent"] == messages, run
    for url in (dlq, home):
        sqs.delete_queue(QueueUrl=url)
    events = [event for lane in engine.lanes(run.arn) for event in engine.events(lane)]
    began = min(event["timestamp"] for event in events)
    ended = max(event["timestamp"] for event in events if _left(event) == "Delete what was sent")
    elapsed = time_now - before[2]
    part, its_part = (all_now - before[0]) / elapsed / PROCESSORS, (its_now - before[1]) / elapsed
    return messages / (ended - began).total_seconds(), part, its_part


def _left(event: dict[str, Any]) -> str | None:
    return event.get("stateExitedEventDetails", {}).get("name")


def plot(rates: dict[int, list[float]]) -> None:
    """Draw the medians with their spread, and the straight line of the first lane."""
    medians = [statistics.median(found) for found in rates.values()]
    below = [median - min(found) for median, found in zip(medians, rates.values(), strict=True)]
    above = [max(found) - median for median, found in zip(medians, rates.values(), strict=True)]
    figure = Figure(figsize=(7, 4.2), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.errorbar(list(rates), medians, [below, above], marker="o", capsize=3, label="Redrive, median of the rounds")
    axes.plot(list(rates), [medians[0] * lanes for lanes in rates], "--", color="grey", label="as many times one lane")
    axes.axhline(NATIVE_RATE, color="tab:red", linewidth=1, label=f"SQS's move task: at most {NATIVE_RATE} a second")
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(rates), list(map(str, rates)))
    axes.set_ylim(0, max(medians) * 1.4)
    axes.set_xlabel("lanes")
    axes.set_ylabel("messages a second")
    axes.set_title("Every answer of SQS 15 ms late, on one small machine", fontsize=10)
    axes.legend(loc="lower right", fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(PLOT, metadata={"Software": None})


def main() -> None:
    aws = local_aws()
    aws.server = (str(SERVER),)
    rates: dict[int, list[float]] = {lanes: [] for lanes in LANES}
    worked: dict[int, list[list[float]]] = {lanes: [] for lanes in LANES}
    with aws:
        stack = install(aws)
        drained(stack, max(LANES), "warm")
        for number in range(ROUNDS):
            for lanes in LANES:
                rate, *parts = drained(stack, lanes, f"round-{number}-{lanes}")
                rates[lanes].append(rate)
                worked[lanes].append([100 * part for part in parts])
                tell(f"round {number + 1}: {lanes} lanes: {rate:,.0f} messages/s")
    plot(rates)
    print(
        f"{machine()}. 1 KiB, three attributes, {MESSAGES:,} messages a lane and as many more, {ROUNDS} rounds; every"
    )
    print("answer of SQS 15 ms late. From the first lane's start to the last deletion:\n")
    one = statistics.median(rates[1])
    rows = [
        [lanes, spread(found), f"{statistics.median(found) / one:.2f}", *map(spread, zip(*worked[lanes], strict=True))]
        for lanes, found in rates.items()
    ]
    print(table(["lanes", "messages/s", "of one lane", "all processors busy, %", "the embedded AWS busy, %"], rows))
    if one <= NATIVE_RATE:
        sys.exit(f"One lane moves {one:,.0f} messages a second, and SQS's move task {NATIVE_RATE}.")


if __name__ == "__main__":
    main()

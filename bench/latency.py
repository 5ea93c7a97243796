"""How lanes add up when SQS is as far away as AWS is: messages a second for 1 to 16 lanes, as numbers and as a plot.

`make bench-latency`. Every answer of SQS is 15 ms late. Fails when one lane is not faster than SQS's own move task.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from measure import feed, machine, spread, table, tell, two_queues

from redrive.plan import NATIVE_RATE
from redrive_cli.local import install, local_aws
from support.engine import Deployed

LANES = (1, 2, 4, 8, 16)
MESSAGES = 2_000  # for each lane, and as many more for all
ROUNDS = 3
SERVER = Path(__file__).with_name("far_server.py")
PLOT = Path(__file__).parents[1] / "docs" / "lanes.png"


def busy() -> tuple[float, float]:
    """Seconds that this machine's processors have worked, and been there, since it started."""
    user, nice, system, idle, wait, *rest = map(float, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    working = user + nice + system + sum(rest)
    return working, working + idle + wait


def drained(stack: Any, lanes: int, name: str) -> tuple[float, float]:
    """Redrive in so many lanes; give messages a second, and the part of the processors that worked meanwhile."""
    sqs = stack.client("sqs")
    messages = MESSAGES * (lanes + 1)
    dlq, home, _ = two_queues(sqs, name)
    feed(sqs, dlq, range(messages))
    before = busy()
    asked = {"queue": dlq, "destination": home, "path": "custom", "lanes": lanes}
    run = Deployed(stack).run(asked, timeout=600)
    worked, there = (now - then for now, then in zip(busy(), before, strict=True))
    assert run.output["sent"] == messages, run
    entered = {}
    for event in run.events:
        if details := event.get("stateEnteredEventDetails"):
            entered.setdefault(details["name"], event["timestamp"])
    for url in (dlq, home):
        sqs.delete_queue(QueueUrl=url)
    seconds = (entered["Anything left?"] - entered["Drain the queue"]).total_seconds()
    return messages / seconds, worked / there


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
    worked: dict[int, list[float]] = {lanes: [] for lanes in LANES}
    with aws:
        stack = install(aws)
        drained(stack, max(LANES), "warm")
        for number in range(ROUNDS):
            for lanes in LANES:
                rate, part = drained(stack, lanes, f"round-{number}-{lanes}")
                rates[lanes].append(rate)
                worked[lanes].append(100 * part)
                tell(f"round {number + 1}: {lanes} lanes: {rate:,.0f} messages/s, processors {part:.0%} busy")
    plot(rates)
    print(
        f"{machine()}. 1 KiB, three attributes, {MESSAGES:,} messages a lane and as many more, {ROUNDS} rounds; every"
    )
    print(
        "answer of SQS 15 ms late. From the first lane's start to the last lane's end, the last empty polls included:\n"
    )
    one = statistics.median(rates[1])
    rows = [
        [lanes, spread(found), f"{statistics.median(found) / one:.2f}", spread(worked[lanes])]
        for lanes, found in rates.items()
    ]
    print(table(["lanes", "messages/s", "of one lane", "processors busy, %"], rows))
    if one <= NATIVE_RATE:
        sys.exit(f"One lane moves {one:,.0f} messages a second, and SQS's move task {NATIVE_RATE}.")


if __name__ == "__main__":
    main()

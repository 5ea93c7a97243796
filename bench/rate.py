"""Whether a rate is kept: messages that arrive in any ten seconds, all lanes together.

`make bench-rate`. Fails when a window of the middle of a run sees more than the rate, or less than nine tenths of it.
Arrivals are what SQS stamped on them (`SentTimestamp`), in milliseconds.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from typing import Any

from measure import feed, machine, table, tell, two_queues

from redrive_cli.local import local_stack
from support.aws import drain
from support.engine import Deployed

WINDOW = 10_000  # milliseconds
RUNS = ((1, 30), (100, 2_000), (1_000, 20_000))  # messages a second, messages


def windows(arrivals: list[int]) -> list[int]:
    """Arrivals in each window of ten seconds that begins with one, or just after one, while the run lasts."""
    starts = sorted({at + shift for at in arrivals for shift in (0, 1)})
    return [
        bisect_left(arrivals, start + WINDOW) - bisect_left(arrivals, start)
        for start in starts
        if start + WINDOW <= arrivals[-1]
    ]


def redriven(stack: Any, rate: int, messages: int) -> tuple[int, list[int]]:
    """Run with a rate; give the number of lanes, and the arrivals."""
    sqs = stack.client("sqs")
    dlq, home, _ = two_queues(sqs, f"rate-{rate}-{messages}")
    feed(sqs, dlq, range(messages))
    run = Deployed(stack).run({"queue": dlq, "destination": home, "path": "custom", "rate": rate}, timeout=600)
    assert run.status == "SUCCEEDED", run.cause
    arrivals = sorted(int(message["Attributes"]["SentTimestamp"]) for message in drain(sqs, home))
    assert len(arrivals) == messages
    return run.output["lanes"], arrivals


def main() -> None:
    rows, missed = [], []
    with local_stack() as stack:
        redriven(stack, 1_000, 4_000)  # the functions' first, cold, invocations
        for rate, messages in RUNS:
            lanes, arrivals = redriven(stack, rate, messages)
            seen = windows(arrivals)
            extremes = [f"{number / 10:,.1f}" for number in (min(seen), max(seen))]
            rows.append([f"{rate:,}", f"{messages:,}", lanes, *extremes, f"{len(seen):,}"])
            tell(str(rows[-1]))
            if min(seen) < 9 * rate or max(seen) > 10 * rate:
                missed.append(rate)
    print(f"{machine()}. Messages a second over any ten seconds of a run, by their arrival in the destination:\n")
    print(table(["rate", "messages", "lanes", "least", "most", "windows"], rows))
    if missed:
        sys.exit(f"Not kept: {missed} a second.")


if __name__ == "__main__":
    main()

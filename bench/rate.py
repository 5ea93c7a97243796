"""Whether a rate is kept: messages that arrive in any ten seconds, all lanes together.

`make bench-rate`. Fails when a window of a run sees more than the rate, or one of its middle less than nine tenths of
it: the middle is from when all lanes are at work until one of them may find less than a page.
Arrivals are what SQS stamped on them (`SentTimestamp`), in milliseconds.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from typing import Any

from measure import feed, machine, table, tell, two_queues

from redrive_cli.stack.local import local_stack
from support.aws import drain
from support.engine import Deployed

WINDOW = 10_000  # milliseconds
EDGE = 2_000  # milliseconds at either end of a run that are not its middle
RUNS = ((1, None, 30), (10, 4, 200), (100, None, 2_000), (1_000, None, 20_000))  # messages a second, lanes, messages


def windows(arrivals: list[int], edge: int = 0) -> list[int]:
    """Arrivals in each window of ten seconds that begins with one, or just after one, and keeps from both ends."""
    starts = sorted({at + shift for at in arrivals for shift in (0, 1)})
    return [
        bisect_left(arrivals, start + WINDOW) - bisect_left(arrivals, start)
        for start in starts
        if arrivals[0] + edge <= start and start + WINDOW <= arrivals[-1] - edge
    ]


def redriven(stack: Any, rate: int, lanes: int | None, messages: int) -> tuple[int, list[int]]:
    """Run with a rate; give the number of lanes, and the arrivals."""
    sqs = stack.client("sqs")
    dlq, home = two_queues(sqs, f"rate-{rate}-{messages}")
    feed(sqs, dlq, range(messages))
    asked = {"queue": dlq, "destination": home, "path": "custom", "rate": rate} | ({"lanes": lanes} if lanes else {})
    run = Deployed(stack).run(asked, timeout=600)
    assert run.status == "SUCCEEDED", run.cause
    arrivals = sorted(int(message["Attributes"]["SentTimestamp"]) for message in drain(sqs, home))
    assert len(arrivals) == messages
    return run.output["lanes"], arrivals


def main() -> None:
    rows, missed = [], []
    with local_stack() as stack:
        redriven(stack, 1_000, 4, 4_000)  # the functions' first, cold, invocations
        for rate, asked, messages in RUNS:
            lanes, arrivals = redriven(stack, rate, asked, messages)
            seen, middle = windows(arrivals), windows(arrivals, EDGE)
            extremes = [f"{number / 10:,.1f}" for number in (min(middle), max(seen))]
            rows.append(
                [f"{rate:,}", f"{messages:,}", f"{lanes}, set" if asked else lanes, *extremes, f"{len(seen):,}"]
            )
            tell(str(rows[-1]))
            if min(middle) < 9 * rate or max(seen) > 10 * rate:
                missed.append(rate)
    print(f"{machine()}. Messages a second over any ten seconds of a run, by their arrival in the destination;")
    print(f"the least without the first and the last {EDGE / 1_000:.0f} seconds:\n")
    print(table(["rate", "messages", "lanes", "least", "most", "windows"], rows))
    if missed:
        sys.exit(f"Not kept: {missed} a second.")


if __name__ == "__main__":
    main()

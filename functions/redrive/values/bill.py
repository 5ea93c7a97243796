"""The bill: what a run asked of AWS, and which states of the machine its steps lead through.

Step Functions bills each state that is entered, and each retry of one. A test holds the table to the machine's file.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

Requests: TypeAlias = dict[str, int]  # service → requests; `lambda`: functions run; `transitions`: states entered
SERVICES = ("sqs", "s3", "dynamodb")  # whose requests the steps make
BILLED = (*SERVICES, "lambda", "transitions")

# The states that are entered from a step on, up to the next one or the end: by step, and by the way that it leads.
WAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "check": {"": ("Check the request",)},
    "count": {"": ("Count dead letters",)},
    "plan": {
        "step back": ("Plan the redrive", "Must this run step back?"),
        "": ("Plan the redrive", "Must this run step back?", "Can SQS move them itself?"),
    },
    "find": {
        "adopted": ("Find our move task", "Did it start after all?", "Adopt the move task"),
        "": ("Find our move task", "Did it start after all?"),
    },
    "receive": {
        "page": ("Receive a page", "Did any arrive?"),
        "end": ("Receive a page", "Did any arrive?", "Lane drained"),
    },
    "filter": {
        "page": ("Filter the page", "Anything to send?"),
        "turn": ("Filter the page", "Anything to send?", "Another page?"),
        "pause": ("Filter the page", "Anything to send?", "Another page?", "Keep the pace"),
        "end": ("Filter the page", "Anything to send?", "Another page?", "Lane drained"),
    },
    "send": {"": ("Send the matches",)},
    "archive": {"": ("Archive the page",)},
    "delete": {
        "turn": ("Delete what is done", "Another page?"),
        "pause": ("Delete what is done", "Another page?", "Keep the pace"),
        "end": ("Delete what is done", "Another page?", "Lane drained"),
    },
    "release": {"": ("Release what was held",)},
    "report": {"": ("Write the report", "Did everything arrive?", "Redrive complete")},  # or another end
}
# Between the steps, in states that no function of ours stands behind.
A_ROUND = ("Drain the queue", "Another round?")
A_START = ("Is a destination named?", "Start the move home")  # or elsewhere
A_LOOK = ("Lengthen the wait", "Wait for the move", "Read the move task", "Has the move ended?")
A_REFUSED_REQUEST = ("Nothing was touched",)


def add(*tallies: dict[str, int]) -> dict[str, int]:
    """Add up tallies key by key."""
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return dict(total)


def no_requests() -> Requests:
    """Give the bill of what has not asked anything."""
    return dict.fromkeys(BILLED, 0)


def transitions(step: str, way: str = "") -> int:
    """Count the states that a step is billed for: its own, and those up to the next step."""
    return len(WAYS[step][way])

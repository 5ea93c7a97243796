"""What the benches share: the machine's name, medians and spread, Markdown tables, dead letters, requests counted.

A bench prints Markdown on stdout and its progress on stderr; `into.py` puts the Markdown into docs/performance.md.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# For the benches' own clients, so that they take as little as may be of the two processors.
LIGHT = Config(user_agent="bench", parameter_validation=False)
ATTRIBUTES = {
    "tenant": {"DataType": "String", "StringValue": "tenant-7"},
    "attempt": {"DataType": "Number", "StringValue": "3"},
    "kind": {"DataType": "String", "StringValue": "order.created"},
}


def machine() -> str:
    """The processor, how many of them, and the Python that runs here."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{os.cpu_count()} x {model}, {platform.system()}, Python {platform.python_version()}"


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """The median, and the least and the greatest: `1,234 (1,200 to 1,301)`."""
    low, middle, high = (format(value, form) for value in (min(values), statistics.median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; all columns but the first are numbers, and stand to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def tell(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def body(number: int, size: int = 1024) -> str:
    """The JSON body of dead letter `number`, `size` bytes of it."""
    code = "TIMEOUT" if number % 2 else "INVALID"
    head = f'{{"n": {number}, "error": {{"code": "{code}"}}, "attempts": {number % 7}, "pad": "'
    return f'{head:x<{size - 2}}"}}'


def feed(sqs: Any, url: str, numbers: range) -> None:
    """Put these dead letters into a queue: 1 KiB bodies, three attributes."""
    for start in range(numbers.start, numbers.stop, 10):
        entries = [
            {"Id": str(n), "MessageBody": body(n), "MessageAttributes": ATTRIBUTES}
            for n in range(start, min(start + 10, numbers.stop))
        ]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def two_queues(sqs: Any, name: str) -> tuple[str, str]:
    """A queue of dead letters and one for what is redriven: their URLs."""
    dlq, home = (sqs.create_queue(QueueName=f"{name}{end}")["QueueUrl"] for end in ("-dlq", ""))
    return dlq, home


def requests_of(stack: Any) -> Counter[tuple[str, str]]:
    """What the embedded AWS has answered so far: (service, action) → requests."""
    with urllib.request.urlopen(f"{stack.endpoint}/_redrive/requests") as answer:
        counted = json.load(answer)
    return Counter({(service, action): n for service, actions in counted.items() for action, n in actions.items()})

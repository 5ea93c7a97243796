"""Counts the requests that really go to AWS, retries included, so that each run can state its own cost."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

SERVICES = ("sqs", "s3", "dynamodb")


class Meter:
    """Requests by service. Thread-safe: the clients it watches are shared by the threads of a step."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def watch(self, client: Any) -> None:
        """Count every HTTP request of `client`, a boto3 client, from now on."""
        service = client.meta.service_model.service_name

        def count(**_event: Any) -> None:
            with self._lock:
                self._counts[service] += 1

        # `before-send` fires once for each attempt that botocore makes, not once for each call.
        client.meta.events.register(f"before-send.{service}", count)

    def read(self) -> dict[str, int]:
        """Give the requests so far: `{"sqs": n, "s3": n, "dynamodb": n}`."""
        with self._lock:
            return {service: self._counts[service] for service in SERVICES}

    def since(self, before: dict[str, int]) -> dict[str, int]:
        """Give the requests made since `before`, an earlier reading."""
        return {service: count - before[service] for service, count in self.read().items()}


def add(*tallies: dict[str, int]) -> dict[str, int]:
    """Add up tallies of requests key by key."""
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return dict(total)

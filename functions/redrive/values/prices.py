"""Prices: what a run's requests cost in dollars, by the counts in its bill.

us-east-1, without free tiers, of 2026-11-24; each with its source in docs/facts.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redrive.values.bill import Requests

# By what the bill counts. S3 as if each request were a PUT, which costs twelve times a GET; DynamoDB as if each wrote
# one unit: what a wave's record is larger than a KiB costs more, what is only read less.
EACH = {
    "transitions": 25e-6,  # B2
    "sqs": 0.40e-6,  # A6, a standard queue's; a FIFO queue's is 0.50e-6
    "s3": 5e-6,  # G
    "dynamodb": 0.625e-6,  # G
    "lambda": 0.20e-6,  # C4
}
GIGABYTE_SECOND = 13.3334e-6  # C4, arm64
# MiB of the functions behind the states (template.yaml).
FUNCTIONS = {
    "Check the request": 512,
    "Count dead letters": 512,
    "Plan the redrive": 512,
    "Find our move task": 512,
    "Receive a page": 768,
    "Filter the page": 1769,
    "Send the matches": 768,
    "Delete what was sent": 512,
    "Release what was held": 768,
    "Write the report": 512,
}


def dollars(requests: Requests) -> dict[str, float]:
    """Give what the requests of a bill cost, service by service."""
    return {service: requests.get(service, 0) * price for service, price in EACH.items()}


def dollars_of_time(seconds: dict[str, float]) -> float:
    """Give what Lambda bills for its time: seconds by the state whose function ran."""
    return sum(spent * FUNCTIONS[state] / 1024 * GIGABYTE_SECOND for state, spent in seconds.items())

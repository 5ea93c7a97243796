"""Prices: what a run's requests cost in dollars, by the counts in its bill.

us-east-1, without free tiers, of 2026-11-24; each with its source in docs/facts.md (A6, B2, C4, G).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redrive.values.bill import Requests

DOLLARS = {
    "SQS request": 0.40e-6,
    "SQS request, FIFO": 0.50e-6,
    "transition": 25e-6,
    "invocation": 0.20e-6,
    "GB-second (arm64)": 13.3334e-6,
    "S3 PUT or LIST": 5e-6,
    "S3 GET": 0.4e-6,
    "DynamoDB write unit": 0.625e-6,
    "DynamoDB read unit": 0.125e-6,
}
# By what the bill counts. S3 as if each request were a PUT, which costs twelve times a GET; DynamoDB as if each wrote
# one unit: what a wave's record is larger than a KiB costs more, what is only read less.
EACH = {
    "transitions": DOLLARS["transition"],
    "sqs": DOLLARS["SQS request"],  # a standard queue's
    "s3": DOLLARS["S3 PUT or LIST"],
    "dynamodb": DOLLARS["DynamoDB write unit"],
    "lambda": DOLLARS["invocation"],
}
# MiB of the functions behind the states (template.yaml).
FUNCTIONS = {
    "Check the request": 512,
    "Count dead letters": 512,
    "Plan the redrive": 512,
    "Find our move task": 512,
    "Receive a page": 768,
    "Filter the page": 1769,
    "Send the matches": 768,
    "Archive the page": 768,
    "Delete what is done": 512,
    "Release what was held": 768,
    "Write the report": 1769,
}


def dollars(requests: Requests) -> dict[str, float]:
    """Give what the requests of a bill cost, service by service."""
    return {service: requests.get(service, 0) * price for service, price in EACH.items()}


def dollars_of_time(seconds: dict[str, float]) -> float:
    """Give what Lambda bills for its time: seconds by the state whose function ran."""
    return sum(spent * FUNCTIONS[state] / 1024 * DOLLARS["GB-second (arm64)"] for state, spent in seconds.items())

"""The functions' clients: made once a worker, when first needed, and every request of theirs counted."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from redrive.values.bill import SERVICES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

# Retries of single calls are botocore's; retries of steps are the state machine's. Threads share a client's pool.
# A plain user agent is what CloudTrail should show of us; it and the missing second look at parameters, which SQS
# validates itself, take two fifths off what a batch call costs this side (docs/decisions.md).
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    user_agent="redrive",
    parameter_validation=False,
    max_pool_connections=32,
    connect_timeout=5,
    read_timeout=30,
)


class Meter:
    """Counts the requests that really go to AWS, retries included, so that each run can state its own cost.

    Thread-safe: the clients it watches are shared by the threads of a step.
    """

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


meter = Meter()


@functools.cache
def _session() -> Session:
    # What boto3 makes its clients with. boto3 itself brings file transfers to S3, which no step needs, and every cold
    # start would import them.
    return Session()


@functools.cache
def _client(service: str) -> Any:
    client = _session().create_client(service, config=CONFIG)
    meter.watch(client)
    return client


def sqs() -> SQSClient:
    """Give the SQS client."""
    client: SQSClient = _client("sqs")
    return client


def s3() -> S3Client:
    """Give the S3 client."""
    client: S3Client = _client("s3")
    return client


def dynamodb() -> DynamoDBClient:
    """Give the DynamoDB client."""
    client: DynamoDBClient = _client("dynamodb")
    return client


def stepfunctions() -> SFNClient:
    """Give the Step Functions client."""
    client: SFNClient = _client("stepfunctions")
    return client


def lambda_() -> LambdaClient:
    """Give the Lambda client."""
    client: LambdaClient = _client("lambda")
    return client


def forget() -> None:
    """Let the next call make its client anew."""
    _client.cache_clear()

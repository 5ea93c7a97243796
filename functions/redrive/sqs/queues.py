"""Queues: from a name, a URL or an ARN to what a run must know of them; and how many messages they have."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from redrive.values.errors import InvalidRequest, QueueNotFound
from redrive.values.queue import Queue, QueueDepth, name_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

NAME = r"[A-Za-z0-9_-]{1,80}(?:\.fifo)?"
_NAME = re.compile(NAME)
_ARN = re.compile(rf"arn:(?P<partition>aws[a-z-]*):sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{{12}}):(?P<name>{NAME})")
_URL = re.compile(rf"https?://(?P<host>[^/]+)/(?:.*/)?(?P<account>\d{{12}})/(?P<name>{NAME})")
_HOST = re.compile(r"sqs\.(?P<new>[a-z0-9-]+)\.amazonaws\.com.*|(?P<old>[a-z0-9-]+)\.queue\.amazonaws\.com.*")

MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"}
DENIED = {"AccessDenied", "AccessDeniedException"}
IN_FLIGHT_LIMIT = 120_000  # received and not yet deleted, per queue (SQS Developer Guide, message quotas)
THREADS = 10  # an account may have thousands of sources
IN_FLIGHT_MARGIN = 5_000  # left free for the pages in hand and for whoever else reads the queue


def resolve(sqs: SQSClient, reference: str, field: str) -> Queue:
    """Find the queue that `reference` (a name, a URL or an ARN) means.

    `field` is the request's field it stands in. Raises InvalidRequest when it is none of the three, and
    QueueNotFound when SQS knows no such queue or this run may not look at it.
    """
    try:
        url = _url(sqs, reference, field)
        return describe(sqs, url)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in MISSING:
            raise QueueNotFound(
                f"{field}: there is no queue {reference!r} in this account and Region; "
                "write the queue's name, its URL or its ARN."
            ) from error
        if code in DENIED:
            raise QueueNotFound(
                f"{field}: this stack may not look at the queue {reference!r}; "
                "add its ARN to the stack's queue parameters."
            ) from error
        raise


def describe(sqs: SQSClient, url: str) -> Queue:
    """Read a queue's attributes. Raises botocore's ClientError as SQS answers."""
    attributes = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["QueueArn", "MaximumMessageSize", "FifoQueue", "VisibilityTimeout", "RedrivePolicy"],
    )["Attributes"]
    arn = attributes["QueueArn"]
    policy = json.loads(attributes.get("RedrivePolicy") or "{}")
    return Queue(
        name=name_of(arn),
        url=url,
        arn=arn,
        fifo=attributes.get("FifoQueue") == "true",
        max_bytes=int(attributes["MaximumMessageSize"]),
        hidden_for=int(attributes["VisibilityTimeout"]),
        moves_on_to=name_of(policy["deadLetterTargetArn"]) if policy else None,
    )


def depth(sqs: SQSClient, url: str) -> QueueDepth:
    """Count the messages of a queue. Good for choosing lanes, never for deciding that a drain is over."""
    found = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    return QueueDepth(
        visible=int(found["ApproximateNumberOfMessages"]),
        in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(found["ApproximateNumberOfMessagesDelayed"]),
    )


def exists(sqs: SQSClient, queue: Queue) -> bool:
    """Tell whether there is such a queue; one that this stack may not look at is taken to be there."""
    try:
        sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in MISSING:
            return False
        if code not in DENIED:
            raise
    return True


def sources_of(sqs: SQSClient, queue: Queue) -> list[Queue]:
    """Give the queues whose dead-letter queue this is."""
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=queue.url)
    urls = [url for page in pages for url in page.get("queueUrls", [])]
    with ThreadPoolExecutor(THREADS) as pool:
        return [source for source in pool.map(lambda url: _source(sqs, queue, url), urls) if source]


def _source(sqs: SQSClient, queue: Queue, url: str) -> Queue | None:
    try:
        return describe(sqs, url)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in MISSING:
            return None  # deleted since; SQS lists it a while longer
        if code in DENIED:
            # This stack may not even look at it. Whether it may send there, SQS will say of each message.
            return queue.sibling(queue.arn.replace(queue.name, url.rsplit("/", 1)[-1]))
        raise


def _url(sqs: SQSClient, reference: str, field: str) -> str:
    # Names, URLs and ARNs are all asked by name and account: what is sent to is always a URL that SQS gave.
    if match := _ARN.fullmatch(reference):
        _must_be_here(sqs, match["region"], reference, field)
        return sqs.get_queue_url(QueueName=match["name"], QueueOwnerAWSAccountId=match["account"])["QueueUrl"]
    if match := _URL.fullmatch(reference):
        if host := _HOST.fullmatch(match["host"]):
            _must_be_here(sqs, host["new"] or host["old"], reference, field)
        return sqs.get_queue_url(QueueName=match["name"], QueueOwnerAWSAccountId=match["account"])["QueueUrl"]
    if _NAME.fullmatch(reference):
        return sqs.get_queue_url(QueueName=reference)["QueueUrl"]
    raise InvalidRequest(f"{field}: {reference!r} is no queue; write the queue's name, its URL or its ARN.")


def _must_be_here(sqs: SQSClient, region: str, reference: str, field: str) -> None:
    here = sqs.meta.region_name
    if region != here:
        raise InvalidRequest(
            f"{field}: the queue {reference!r} is in {region}, and this stack works in {here}; "
            "name a queue of this Region."
        )

"""Queues: from a name, a URL or an ARN to what a run must know of them; and how many messages they have."""

from __future__ import annotations

import functools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from botocore.loaders import create_loader

from redrive.values.errors import InvalidRequest, QueueNotFound
from redrive.values.queue import Queue, QueueDepth, name_of

if TYPE_CHECKING:
    from botocore.client import ClientMeta
    from mypy_boto3_sqs import SQSClient

NAME = r"(?:[A-Za-z0-9_-]{1,75}\.fifo|[A-Za-z0-9_-]{1,80})"
_NAME = re.compile(NAME)
_OWNED = rf"(?P<account>[0-9]{{12}})%s(?P<name>{NAME})"
_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]{0,20}):sqs:(?P<region>[a-z0-9-]{1,40}):" + _OWNED % ":")
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9a-fA-F:]{2,39}\])(?::(?P<port>[0-9]{1,5}))?/"
    + _OWNED % "/"
)
# Every form of host that SQS has had, without its partition's suffix (docs/facts.md I).
_HOST = re.compile(
    r"(?:vpce-[a-z0-9-]+\.)?sqs(?:-fips)?\.(?P<now>[a-z0-9-]+)(?:\.vpce)?"
    r"|(?P<before>[a-z0-9-]+)\.queue"
    r"|queue"
)
_FIRST_REGION = "us-east-1"
_LOCAL = re.compile(r"localhost|[a-z0-9.-]+\.localhost|127(?:\.[0-9]{1,3}){3}|::1")
_PORTS = {"http": "80", "https": "443"}

MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"}
DENIED = {"AccessDenied", "AccessDeniedException"}
IN_FLIGHT_LIMIT = 120_000  # received and not yet deleted, per queue (SQS Developer Guide, message quotas)
THREADS = 10  # an account may have thousands of sources
_LONGEST_SHOWN = 100  # characters of what is no queue
IN_FLIGHT_MARGIN = 5_000  # left free for the pages in hand and for whoever else reads the queue


@dataclass(frozen=True)
class Reference:
    """A queue as it was written, in `field` of the request; of what it does not tell, None."""

    written: str
    field: str
    name: str
    account: str | None = None
    partition: str | None = None
    region: str | None = None
    scheme: str | None = None
    host: str | None = None
    port: str | None = None


def read(written: str, field: str) -> Reference:
    """Read a name, a URL or an ARN. Raises InvalidRequest when it is none of the three."""
    if match := _ARN.fullmatch(written) or _URL.fullmatch(written):
        return Reference(written, field, **match.groupdict())
    if _NAME.fullmatch(written):
        return Reference(written, field, written)
    shown = written if len(written) <= _LONGEST_SHOWN else f"{written[:_LONGEST_SHOWN]}…"
    raise InvalidRequest(f"{field}: {shown!r} is no queue; write the queue's name, its URL or its ARN.")


def resolve(sqs: SQSClient, reference: str, field: str) -> Queue:
    """Find the queue that `reference` (a name, a URL or an ARN) means.

    `field` is the request's field it stands in. Raises InvalidRequest when it is none of the three, and
    QueueNotFound when SQS knows no such queue or this run may not look at it.
    """
    try:
        return describe(sqs, _url(sqs, read(reference, field)))
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


def refusal_of(sqs: SQSClient, queue: Queue) -> str | None:
    """Say why a queue would take nothing that is sent to it; None when nothing is known against it.

    The stack may look at the queues that it may send to, and at no other (DestinationQueueArns).
    """
    try:
        sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in MISSING:
            return gone(queue)
        if code in DENIED:
            return denied(queue)
        raise
    return None


def gone(queue: Queue) -> str:
    """Say that there is no such queue any more."""
    return f"{queue.name} does not exist any more"


def denied(queue: Queue) -> str:
    """Say that this stack may not send to a queue."""
    return f"this stack may not send to {queue.name}"


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


def _url(sqs: SQSClient, queue: Reference) -> str:
    # Names, URLs and ARNs are all asked by name and account: what is sent to is always a URL that SQS gave.
    _must_be_here(sqs.meta, queue)
    if queue.account is None:
        return sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
    return sqs.get_queue_url(QueueName=queue.name, QueueOwnerAWSAccountId=queue.account)["QueueUrl"]


def _must_be_here(here: ClientMeta, queue: Reference) -> None:
    """Refuse what is elsewhere: a queue of its name here would be another one."""
    if queue.host is not None and _of_aws(queue.host.lower()) is None and not _is_spoken_to(queue, here.endpoint_url):
        raise InvalidRequest(
            f"{queue.field}: {queue.host} is no host of SQS that this stack knows; write the queue's name or its ARN."
        )
    must_be_in(here.region_name, here.partition, queue)


def must_be_in(region: str, partition: str, queue: Reference) -> None:
    """Refuse a queue that is, by what was written, in another Region or partition. Raises InvalidRequest."""
    named, partitions = queue.region, [queue.partition or partition]
    if queue.host is not None and (found := _of_aws(queue.host.lower())):
        named, partitions = found
    where = None
    if named not in {None, region}:
        where = f"in {named}, and this stack works in {region}"
    elif partition not in partitions:
        where = f"in the partition {partitions[0]}, and this stack works in {partition}"
    if where:
        raise InvalidRequest(f"{queue.field}: the queue {queue.written!r} is {where}; name a queue of this Region.")


def _of_aws(host: str) -> tuple[str, list[str]] | None:
    """Give the Region of a host of AWS's, and the partitions that have such hosts; None when it is none of SQS's."""
    for suffix, partitions in _suffixes().items():
        name = host.removesuffix(f".{suffix}")
        if name != host and (match := _HOST.fullmatch(name)):
            return match["now"] or match["before"] or _FIRST_REGION, partitions
    return None


@functools.cache
def _suffixes() -> dict[str, list[str]]:
    """Give the ends of AWS's hosts as botocore knows them, each with its partitions."""
    found: dict[str, list[str]] = {}
    for partition in create_loader().load_data("partitions")["partitions"]:
        for suffix in ("dnsSuffix", "dualStackDnsSuffix"):
            found.setdefault(partition["outputs"][suffix], []).append(partition["id"])
    return found


def _is_spoken_to(queue: Reference, endpoint: str) -> bool:
    """Tell whether a URL is of the SQS that is spoken to here: an AWS on this machine has several names, and a port."""
    ours = urlsplit(endpoint)
    host, our_host = (queue.host or "").lower().strip("[]"), ours.hostname or ""
    port, our_port = queue.port or _PORTS[queue.scheme or ""], str(ours.port or _PORTS[ours.scheme])
    both_local = bool(_LOCAL.fullmatch(host) and _LOCAL.fullmatch(our_host))
    return port == our_port and (host == our_host or both_local)

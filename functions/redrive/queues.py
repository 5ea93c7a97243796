"""Queues: from a name, a URL or an ARN to what a run must know of them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from redrive.errors import InvalidRequest, QueueNotFound

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

NAME = r"[A-Za-z0-9_-]{1,80}(?:\.fifo)?"
_NAME = re.compile(NAME)
_ARN = re.compile(rf"arn:(?P<partition>aws[a-z-]*):sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{{12}}):(?P<name>{NAME})")
_URL = re.compile(rf"https?://(?P<host>[^/]+)/(?:.*/)?(?P<account>\d{{12}})/(?P<name>{NAME})")
_HOST = re.compile(r"sqs\.(?P<new>[a-z0-9-]+)\.amazonaws\.com.*|(?P<old>[a-z0-9-]+)\.queue\.amazonaws\.com.*")

LARGEST = 1_048_576  # bytes; the most that any queue takes per message, and a batch in all (SQS API, SendMessageBatch)
MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"}
DENIED = {"AccessDenied", "AccessDeniedException"}


@dataclass(frozen=True)
class Queue:
    """A queue as a run knows it. `max_bytes` is what it takes per message (`MaximumMessageSize`)."""

    name: str
    url: str
    arn: str
    fifo: bool
    max_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Give the queue as it travels through the state machine."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Queue:
        """Read what `to_json` wrote."""
        return cls(**value)


def name_of(arn: str) -> str:
    """Give the queue name at the end of a queue's ARN."""
    return arn.rsplit(":", 1)[-1]


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
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "MaximumMessageSize", "FifoQueue"])[
        "Attributes"
    ]
    arn = attributes["QueueArn"]
    return Queue(
        name=name_of(arn),
        url=url,
        arn=arn,
        fifo=attributes.get("FifoQueue") == "true",
        max_bytes=int(attributes["MaximumMessageSize"]),
    )


def sibling_url(queue_url: str, arn: str) -> str:
    """Give the URL of the queue `arn`, which lives in the same account and Region as `queue_url`.

    A source queue always does: a dead-letter queue must be in its source's account and Region
    (SQS Developer Guide, dead-letter queues).
    """
    return f"{queue_url.rsplit('/', 1)[0]}/{name_of(arn)}"


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

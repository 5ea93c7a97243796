"""Queues and dead letters, made with nothing but the AWS SDK, so that they serve on every engine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4


@dataclass(frozen=True)
class Queues:
    """A dead-letter queue and the source queues that it serves."""

    sqs: Any
    name: str
    dlq: str
    sources: list[str]
    arns: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return self.sources[0]


def make_queues(sqs: Any, *, fifo: bool = False, sources: int = 1, name: str | None = None) -> Queues:
    """A DLQ `<name>-dlq` and source queues `<name>`, `<name>-2`, … with a redrive policy of one receive."""
    name = name or f"orders-{uuid4().hex[:8]}"
    suffix = ".fifo" if fifo else ""
    kind = {"FifoQueue": "true"} if fifo else {}
    dlq = sqs.create_queue(QueueName=f"{name}-dlq{suffix}", Attributes=kind)["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dlq), "maxReceiveCount": 1})
    urls = [
        sqs.create_queue(
            QueueName=f"{name}{'' if n == 1 else f'-{n}'}{suffix}",
            Attributes={**kind, "RedrivePolicy": policy, "VisibilityTimeout": "0"},
        )["QueueUrl"]
        for n in range(1, sources + 1)
    ]
    return Queues(sqs, f"{name}-dlq{suffix}", dlq, urls)


def arn_of(sqs: Any, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def send(sqs: Any, url: str, bodies: list[str], **common: Any) -> list[str]:
    """Send bodies in batches of ten; `group` may be a function of the position. Gives the message ids."""
    group = common.pop("group", None)
    ids = []
    for start in range(0, len(bodies), 10):
        entries = []
        for n, body in enumerate(bodies[start : start + 10], start):
            entry = {"Id": str(n), "MessageBody": body, **common}
            if group:
                entry |= {"MessageGroupId": group(n), "MessageDeduplicationId": uuid4().hex}
            entries.append(entry)
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert not answer.get("Failed"), answer["Failed"]
        ids += [done["MessageId"] for done in sorted(answer["Successful"], key=lambda done: int(done["Id"]))]
    return ids


def dead_letter(queues: Queues) -> None:
    """Receive from the sources, and fail, until SQS itself has dead-lettered everything."""
    for url in queues.sources:
        while queues.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            pass


def count(sqs: Any, url: str) -> tuple[int, int]:
    """(visible, in flight)."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Receive and delete everything visible, with all attributes, in the order it comes."""
    found = []
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=60,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages", []):
        for message in messages:
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def numbered(sqs: Any, numbers: list[int]) -> Queues:
    """Queues with dead letters whose bodies are `{"n": number}`."""
    queues = make_queues(sqs)
    send(sqs, queues.source, [json.dumps({"n": n}) for n in numbers])
    dead_letter(queues)
    return queues


def where_they_are(queues: Queues, numbers: list[int]) -> tuple[list[int], list[int]]:
    """(what stayed, what arrived) of `numbered` queues; nothing may be hidden, and every message is there once."""
    assert count(queues.sqs, queues.dlq)[1] == 0
    stayed, arrived = (
        sorted(json.loads(message["Body"])["n"] for message in drain(queues.sqs, url))
        for url in (queues.dlq, queues.source)
    )
    assert sorted(stayed + arrived) == numbers
    return stayed, arrived

"""The library's steps over one run, as the state machine calls them; and messages, by hand and by hypothesis."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
from hypothesis import strategies as st

from redrive.delete import delete_page
from redrive.filter import filter_page
from redrive.journal import DynamoDBJournal
from redrive.lane import Lane
from redrive.messages import Message
from redrive.queues import Queue, describe
from redrive.receive import receive_page
from redrive.release import release
from redrive.send import Destinations, send_page

if TYPE_CHECKING:
    from redrive.ledger import Ledger

BUCKET, TABLE = "redrive-ledger", "redrive-journal"
STARTED = "2026-11-21T06:00:00.250Z"
SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
SENT = 1_763_700_000_000  # 2025-11-21T04:40:00Z
BLOB = b"\x00\xff\x80redrive\n"


class Context:
    """What Lambda tells a handler about its invocation; `seconds` is all the time it has left."""

    memory_limit_in_mb = 512
    function_name = "redrive-step"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:redrive-step"
    aws_request_id = "request-1"

    def __init__(self, seconds: float = 60) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def criteria(**changes: Any) -> dict[str, Any]:
    """The criteria of a run that selects everything."""
    return {
        "now": "2026-11-21T06:00:00+00:00",
        "today": "2026-11-21",
        "yesterday": "2026-11-20",
        "sent_from": None,
        "sent_to": None,
        "where": None,
        "max_redrives": None,
        "transform": None,
        "preview": False,
    } | changes


def message(number: int = 0, body: str = "", *, attributes: Any = None, **system: Any) -> Message:
    """A dead letter; `system` are its system attributes."""
    return Message(
        f"id-{number}",
        f"handle-{number}",
        body or f"body {number}",
        attributes or {},
        {"SentTimestamp": str(SENT + number), "ApproximateReceiveCount": "1"} | system,
    )


def text(value: str) -> dict[str, str]:
    """A message attribute of type String."""
    return {"DataType": "String", "StringValue": value}


def mark(count: int, run: str, first: str) -> dict[str, dict[str, str]]:
    """The `redrive` attribute."""
    return {"redrive": text(f'{{"count":{count},"run":"{run}","id":"{first}"}}')}


@dataclass
class Run:
    """One lane of one run over real (moto's) queues: every method is the step of that name."""

    sqs: Any
    dynamodb: Any
    ledger: Ledger
    queue: Queue
    sources: list[Queue]
    named: Queue | None = None
    criteria: dict[str, Any] = field(default_factory=criteria)
    context: Context = field(default_factory=Context)

    @property
    def destinations(self) -> Destinations:
        return Destinations(self.queue, self.named, self.sources)

    @property
    def journal(self) -> DynamoDBJournal:
        return DynamoDBJournal(lambda: self.dynamodb, TABLE, self.context)

    def lane(self, **changes: Any) -> Lane:
        return replace(Lane(index=0, page_size=100, pollers=1), **changes)

    def receive(self, lane: Lane, *, retried: bool = False) -> Lane:
        return receive_page(self.sqs, self.ledger, self.queue, lane, retried=retried)

    def filter(self, lane: Lane) -> Lane:
        return filter_page(self.ledger, self.journal, self.queue, self.criteria, lane)

    def send(self, lane: Lane) -> Lane:
        return send_page(
            self.sqs,
            self.ledger,
            self.journal,
            self.destinations,
            lane,
            self.context.get_remaining_time_in_millis,
        )

    def delete(self, lane: Lane) -> Lane:
        return delete_page(self.sqs, self.ledger, self.queue, lane)

    def state(self, *lanes: Lane, **more: Any) -> dict[str, Any]:
        """What the run knows of itself when its lanes have ended."""
        return {
            "request": {"preview": self.criteria["preview"]},
            "started": STARTED,
            "plan": {"path": "custom", "drain": {"lanes": [lane.to_json() for lane in lanes]}},
            **more,
        }

    def release(self, *lanes: Lane, **more: Any) -> dict[str, Any]:
        return release(self.sqs, self.ledger, self.journal, self.destinations, self.state(*lanes, **more))

    def judged(self, **changes: Any) -> Lane:
        """A lane with a page received and judged."""
        return self.filter(self.receive(self.lane(**changes)))

    def turn(self, lane: Lane) -> Lane:
        """One whole turn of the loop, as the state machine takes it."""
        lane = self.receive(lane)
        if not lane.arrived:
            return lane
        lane = self.filter(lane)
        return self.delete(self.send(lane)) if lane.page.selected else lane

    def drain(self, lane: Lane | None = None) -> Lane:
        """Turn until the lane is done."""
        lane = self.turn(lane or self.lane())
        while lane.go_on:
            lane = self.turn(lane)
        return lane

    def another(self, run: str) -> Run:
        """Another run over the same queues."""
        return replace(self, ledger=replace(self.ledger, run=run))

    def lose(self, kind: str, page: str = "0/001-0001") -> None:
        """Let an object of a page be gone, as when somebody deletes it."""
        self.ledger.s3.delete_object(Bucket=self.ledger.bucket, Key=f"runs/{self.ledger.run}/{kind}/{page}.jsonl.gz")

    def outcomes(self, page: str = "0/001-0001") -> list[dict[str, Any]]:
        return self.ledger.read("outcomes", page)


def a_run(sqs: Any, dynamodb: Any, ledger: Ledger, dlq: str, sources: list[str], **changes: Any) -> Run:
    """A run over the queues with these URLs."""
    return Run(sqs, dynamodb, ledger, describe(sqs, dlq), [describe(sqs, url) for url in sources], **changes)


def a_queue(name: str = "orders", *, max_bytes: int = 1_048_576, fifo: bool = False) -> Queue:
    """A queue that only exists on paper."""
    arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
    return Queue(name, f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}", arn, fifo, max_bytes)


def soon() -> float:
    """When a page that was received just now lapses."""
    return time.time() + 600


# What SQS takes as text: XML 1.0's characters (SQS API, SendMessage).
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"])
    | st.sampled_from("\t\n\r\x85\u2028\u2029\ud7ff\ufffd\U0010ffff"),
    min_size=1,
)
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}[A-Za-z0-9_]", fullmatch=True) | st.just("n" * 256)
kinds = st.sampled_from(["", ".custom", ".日本"])
numbers = st.sampled_from(["0", "007", "-0.0", "1.10", "1e10", "1E-128", "9" * 38, "3.141592653589793238462643383279"])
attribute = st.one_of(
    st.builds(lambda kind, value: {"DataType": f"String{kind}", "StringValue": value}, kinds, texts),
    st.builds(lambda kind, value: {"DataType": f"Number{kind}", "StringValue": value}, kinds, numbers),
    st.builds(lambda kind, value: {"DataType": f"Binary{kind}", "BinaryValue": value}, kinds, st.binary(min_size=1)),
)
attribute_sets = st.dictionaries(names, attribute, max_size=10)
systems = st.fixed_dictionaries(
    {
        "SentTimestamp": st.integers(1_500_000_000_000, 1_900_000_000_000).map(str),
        "ApproximateReceiveCount": st.integers(1, 1000).map(str),
        "SenderId": st.just("AIDAEXAMPLE"),
    },
    optional={
        "MessageGroupId": st.sampled_from(["a", "b", "g" * 128]),
        "MessageDeduplicationId": st.sampled_from(["once", "twice"]),
        "SequenceNumber": st.just("18849496460467696128"),
        "AWSTraceHeader": st.just("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
        "DeadLetterQueueSourceArn": st.just("arn:aws:sqs:us-east-1:123456789012:orders"),
    },
)
messages = st.builds(Message, st.uuids().map(str), st.text(min_size=1), texts, attribute_sets, systems)

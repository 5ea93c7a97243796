"""The library's steps over one run, as the state machine calls them; and messages, by hand and by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import moto.core.models  # noqa: F401 - a session that is made before would not know of moto, and would ask AWS
from hypothesis import strategies as st

from redrive.origins.destinations import Destinations
from redrive.sqs.queues import describe, refusal_of
from redrive.steps.archive import archive_page
from redrive.steps.delete import delete_page
from redrive.steps.filter import filter_page
from redrive.steps.receive import receive_page
from redrive.steps.release import release
from redrive.steps.send import send_page
from redrive.stores import pages, runs
from redrive.stores.journal import DynamoDBJournal
from redrive.values.criteria import Criteria
from redrive.values.lane import Budget, Hold, Lane, Next, Tally
from redrive.values.message import Message, Stamp
from redrive.values.plan import Move, Path, Plan, RunState
from redrive.values.queue import LARGEST, Queue
from redrive.values.request import Request
from support.context import Context

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger
    from redrive.values.message import StoredPage
    from redrive.values.outcome import MessageOutcome
    from redrive.values.plan import Released

BUCKET, TABLE = "redrive-ledger", "redrive-journal"
STARTED = "2026-11-21T06:00:00.250Z"
STARTED_MS = 1_795_240_800_250
SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
LATE = 4_102_444_800_000  # 2100-01-01
SENT = 1_763_700_000_000  # 2025-11-21T04:40:00Z
BLOB = b"\x00\xff\x80redrive\n"


def run_named(name: str) -> str:
    """The identity of the run whose execution has this name and began at STARTED."""
    return f"2026-11-21/{name}"


def criteria(**changes: Any) -> Criteria:
    """The criteria of a run that selects everything, and begins after whatever a test sends."""
    return replace(Criteria("2026-11-21T06:00:00+00:00", "2026-11-21", "2026-11-20", began=LATE), **changes)


_PARTS = {"budget": Budget, "tally": Tally, "hold": Hold, "next": Next}


def changed(lane: Lane, **changes: Any) -> Lane:
    """A lane with some things different, wherever in it they are: `changed(lane, another_turn=True, turn=3)`."""
    for name, kind in _PARTS.items():
        own = {field.name: changes.pop(field.name) for field in fields(kind) if field.name in changes}
        lane = replace(lane, **{name: replace(getattr(lane, name), **own)})
    return replace(lane, **changes)


def a_lane(**changes: Any) -> Lane:
    """A small lane that has not started, and whose polls do not wait: moto's empty answers are true at once."""
    return changed(Lane(0, Budget(page_size=100, pollers=1, poll_seconds=0)), **changes)


def a_plan(*lanes: Lane, path: Path = Path.CUSTOM, **more: Any) -> Plan:
    """A plan with these lanes."""
    move = Move("arn:aws:sqs:us-east-1:123456789012:orders-dlq")
    return replace(Plan(path, ["path is custom"], True, move, [], list(lanes), ["few"]), **more)


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


def stamp(count: int, run: str, first: str) -> dict[str, dict[str, str]]:
    """The `redrive` attribute."""
    return {"redrive": Stamp(count, run, first).attribute()}


@dataclass
class Run:
    """One lane of one run over real (moto's) queues: every method is the step of that name."""

    sqs: Any
    dynamodb: Any
    ledger: Ledger
    queue: Queue
    sources: list[Queue]
    named: Queue | None = None
    criteria: Criteria = field(default_factory=criteria)
    context: Context = field(default_factory=Context)

    @property
    def destinations(self) -> Destinations:
        return Destinations(self.queue, self.named, self.sources)

    @property
    def journal(self) -> DynamoDBJournal:
        return DynamoDBJournal(lambda: self.dynamodb, TABLE, self.context)

    def lane(self, **changes: Any) -> Lane:
        return a_lane(**changes)

    def choosing(self, **changes: Any) -> None:
        """Judge by other criteria from now on."""
        self.criteria = replace(self.criteria, **changes)

    def receive(self, lane: Lane, *, retried: bool = False) -> Lane:
        return receive_page(self.sqs, self.ledger, self.queue, lane, retried=retried)

    def filter(self, lane: Lane) -> Lane:
        there = partial(refusal_of, self.sqs)
        return filter_page(self.ledger, self.journal, self.destinations, self.criteria, lane, there)

    def send(self, lane: Lane) -> Lane:
        return send_page(
            self.sqs,
            self.ledger,
            self.journal,
            self.destinations,
            lane,
            self.context.get_remaining_time_in_millis,
        )

    def archive(self, lane: Lane) -> Lane:
        return archive_page(self.ledger, self.journal, self.queue, lane)

    def delete(self, lane: Lane) -> Lane:
        return delete_page(self.sqs, self.ledger, self.queue, lane)

    def state(self, *lanes: Lane, **more: Any) -> RunState:
        """What the run knows of itself when its lanes have ended."""
        request = Request(self.queue.name, preview=self.criteria.preview)
        known = RunState(STARTED, request, self.queue, self.named, plan=a_plan(*lanes))
        return replace(known, **more)

    def release(self, *lanes: Lane, **more: Any) -> Released:
        return release(self.sqs, self.ledger, self.journal, self.queue, self.state(*lanes, **more))

    def judged(self, **changes: Any) -> Lane:
        """A lane with a page received and judged."""
        return self.filter(self.receive(self.lane(**changes)))

    def turn(self, lane: Lane) -> Lane:
        """One whole turn of the loop, as the state machine takes it."""
        lane = self.receive(lane)
        if not lane.arrived:
            return lane
        lane = self.filter(lane)
        if not lane.page.selected:
            return lane
        return self.delete(self.archive(lane) if self.criteria.deletes else self.send(lane))

    def drain(self, lane: Lane | None = None) -> Lane:
        """Turn until the lane is done."""
        lane = self.turn(lane or self.lane())
        while lane.next.another_turn:
            lane = self.turn(lane)
        return lane

    def another(self, name: str) -> Run:
        """Another run over the same queues, whose execution has this name."""
        runs.register(self.dynamodb, TABLE, run_named(name))
        return replace(self, ledger=replace(self.ledger, run=run_named(name)))

    def lose(self, kind: str, page: str = "0/001-0001") -> None:
        """Let an object of a page be gone, as when somebody deletes it."""
        self.ledger.s3.delete_object(Bucket=self.ledger.bucket, Key=f"runs/{self.ledger.run}/{kind}/{page}.jsonl.gz")

    def page(self, name: str = "0/001-0001") -> StoredPage:
        return pages.read(self.ledger, name)

    def outcomes(self, page: str = "0/001-0001") -> list[MessageOutcome]:
        return pages.read_outcomes(self.ledger, page)


def a_run(sqs: Any, dynamodb: Any, ledger: Ledger, dlq: str, sources: list[str], **changes: Any) -> Run:
    """A run over the queues with these URLs, planned, so that the journal knows it."""
    runs.register(dynamodb, TABLE, ledger.run)
    return Run(sqs, dynamodb, ledger, describe(sqs, dlq), [describe(sqs, url) for url in sources], **changes)


def a_queue(name: str = "orders", *, max_bytes: int = LARGEST, fifo: bool = False) -> Queue:
    """A queue that only exists on paper."""
    arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
    return Queue(name, f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}", arn, fifo, max_bytes)


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

"""The plan of a run, and what a run knows of itself by its end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from redrive.values.bill import Requests, add, no_requests
from redrive.values.errors import Failure
from redrive.values.lane import Lane
from redrive.values.queue import Queue, QueueDepth
from redrive.values.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef

    from redrive.values.outcome import Counts

NATIVE_RATE = 500  # messages a second, the most a move task can be told (SQS API, StartMessageMoveTask)
MOST_BESIDE = 20
MOST_SOURCES = 20  # a state's payload must stay small, whatever the account looks like


class Path(StrEnum):
    """Which way a run goes."""

    NATIVE = "native"  # SQS's own move task
    CUSTOM = "custom"  # ours
    STEP_BACK = "none"  # another run is at the queue


@dataclass(frozen=True)
class Move:
    """The move task that a run asks for; without `destination` each message goes to its source."""

    source: str
    destination: str | None = None
    rate: int = NATIVE_RATE

    def to_json(self) -> dict[str, Any]:
        """Give the parameters of StartMessageMoveTask; a destination only where there is one."""
        elsewhere = {"DestinationArn": self.destination} if self.destination else {}
        return {"SourceArn": self.source, **elsewhere, "MaxNumberOfMessagesPerSecond": self.rate}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Move:
        """Read what `to_json` wrote."""
        return cls(value["SourceArn"], value.get("DestinationArn"), value["MaxNumberOfMessagesPerSecond"])


@dataclass(frozen=True)
class MoveTask:
    """A move task as SQS lists it. `started` is in milliseconds since the epoch; only a running one has a `handle`."""

    status: str
    moved: int = 0
    to_move: int = 0
    handle: str | None = None
    destination: str | None = None
    rate: int | None = None
    started: int = 0
    failure: str | None = None

    @classmethod
    def from_sqs(cls, listed: Mapping[str, Any] | ListMessageMoveTasksResultEntryTypeDef) -> MoveTask:
        """Read one of ListMessageMoveTasks' `Results`."""
        return cls(
            status=listed["Status"],
            moved=int(listed.get("ApproximateNumberOfMessagesMoved", 0)),
            to_move=int(listed.get("ApproximateNumberOfMessagesToMove", 0)),
            handle=listed.get("TaskHandle"),
            destination=listed.get("DestinationArn"),
            rate=listed.get("MaxNumberOfMessagesPerSecond"),
            started=listed.get("StartedTimestamp", 0),
            failure=listed.get("FailureReason"),
        )


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    path, because  which way, and why
    fallback       whether the custom path may take over from a move task
    move           the move task of the native path
    looks          how many looks at the move task there were; the n-th comes after n more seconds
    sources        the queues whose dead-letter queue this is, the first MOST_SOURCES of them
    more_sources   how many more there are
    beside         names of the other runs at the queue, the first MOST_BESIDE of them
    lanes          of the custom path; also on the native path, for SQS may hand the rest back
    more           whether the lanes go on in another round
    lanes_because  why so many lanes, and pages of that size
    """

    path: Path
    because: list[str]
    fallback: bool
    move: Move
    sources: list[Queue]
    lanes: list[Lane]
    lanes_because: list[str]
    more_sources: int = 0
    beside: list[str] = field(default_factory=list)
    looks: int = 0
    more: bool = True

    def to_json(self) -> dict[str, Any]:
        """Give the plan as it travels through the state machine, which counts `looks` and replaces `drain`."""
        return {
            "path": self.path,
            "because": self.because,
            "fallback": self.fallback,
            "looks": {"number": self.looks},
            "move": self.move.to_json(),
            "sources": [source.to_json() for source in self.sources],
            "more_sources": self.more_sources,
            "drain": {"lanes": [lane.to_json() for lane in self.lanes], "more": self.more},
            "lanes_because": self.lanes_because,
            "beside": self.beside,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Plan:
        """Read what `to_json` wrote, perhaps with a bill beside it."""
        return cls(
            Path(value["path"]),
            value["because"],
            value["fallback"],
            Move.from_json(value["move"]),
            [Queue.from_json(source) for source in value["sources"]],
            [Lane.from_json(lane) for lane in value["drain"]["lanes"]],
            value["lanes_because"],
            value["more_sources"],
            value["beside"],
            value["looks"]["number"],
            value["drain"]["more"],
        )


@dataclass(frozen=True)
class Released:
    """What the release did: how many messages it made visible, and the counts anew where a lane's own are not all.

    `unreadable` counts the pages of which an object in the bucket could not be read: their messages become visible by
    themselves, and are in no count that was made anew.
    """

    released: int
    counts: Counts | None = None
    reasons: dict[str, int] | None = None
    unreadable: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give it as it travels through the state machine, without what is None."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Released:
        """Read what `to_json` wrote, perhaps with a bill beside it."""
        return cls(value["released"], value.get("counts"), value.get("reasons"), value.get("unreadable", 0))


@dataclass(frozen=True)
class RunState:
    """What a run knows of itself by its end, as far as it came; what it never knew is None.

    started     when it began (ISO 8601)
    move_began  whether it had started, or adopted, a move task
    task        that task as SQS listed it last
    refusal     what SQS said to the start of a move task
    failure     what the run failed with
    released    what the release did; `unreleased` when it failed
    requests    the bill of the run's own steps, without its lanes
    cleaned_up  whether the run was stopped, and nobody knows what its lanes did beside what the ledger has
    in_flight   then, how many messages were in flight in the queue after what it held was released
    """

    started: str
    request: Request | None = None
    queue: Queue | None = None
    destination: Queue | None = None
    count: QueueDepth | None = None
    plan: Plan | None = None
    move_began: bool = False
    task: MoveTask | None = None
    refusal: Failure | None = None
    failure: Failure | None = None
    released: Released | None = None
    unreleased: bool = False
    requests: Requests = field(default_factory=no_requests)
    cleaned_up: bool = False
    in_flight: int | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any], started: str) -> RunState:
        """Read the state machine's state."""

        def read(name: str, kind: Any) -> Any:
            return kind.from_json(value[name]) if value.get(name) else None

        listed = value.get("moves", {}).get("Results")
        bills = [value[step].get("requests", {}) for step in ("count", "plan", "found", "release") if step in value]
        return cls(
            started=started,
            request=read("request", Request),
            queue=read("queue", Queue),
            destination=read("destination", Queue),
            count=read("count", QueueDepth),
            plan=read("plan", Plan),
            move_began="move" in value,
            task=MoveTask.from_sqs(listed[0]) if listed else None,
            refusal=read("refusal", Failure),
            failure=read("failure", Failure),
            released=read("release", Released),
            unreleased="unreleased" in value,
            requests=add(no_requests(), value.get("requests", {}), *bills),
        )

    @property
    def drained(self) -> bool:
        """Whether it came to drain the queue itself: every way out of that leads through the release."""
        return self.released is not None or self.unreleased

    @property
    def lanes(self) -> list[Lane]:
        """The lanes as they are now."""
        return self.plan.lanes if self.plan else []


@dataclass(frozen=True)
class RunRecord:
    """What a clean-up needs to know of a run that was stopped: it stands in the ledger as `plan.json`."""

    run: str
    execution: str
    started: str
    request: Request
    queue: Queue
    destination: Queue | None
    count: QueueDepth
    plan: Plan

    def to_json(self) -> dict[str, Any]:
        """Give the record as it is written."""
        return {
            "run": self.run,
            "execution": self.execution,
            "started": self.started,
            "request": self.request.to_json(),
            "queue": self.queue.to_json(),
            "destination": self.destination.to_json() if self.destination else None,
            "count": self.count.to_json(),
            "plan": self.plan.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RunRecord:
        """Read what `to_json` wrote."""
        return cls(
            value["run"],
            value["execution"],
            value["started"],
            Request.from_json(value["request"]),
            Queue.from_json(value["queue"]),
            Queue.from_json_or_none(value["destination"]),
            QueueDepth.from_json(value["count"]),
            Plan.from_json(value["plan"]),
        )

    def state(self, failure: Failure) -> RunState:
        """Give the state of a run that ended with `failure` as it had planned, and nothing more."""
        return replace(
            RunState(self.started, failure=failure, cleaned_up=True),
            request=self.request,
            queue=self.queue,
            destination=self.destination,
            count=self.count,
            plan=self.plan,
        )

"""Executions on AWS: start one, follow it as it happens, read what happened.

The only module of the tool that speaks to Step Functions. An execution is read as a stream of `Event`s, and the
lanes of *Drain the queue*, which are executions of their own, are read as part of the run they belong to.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import boto3
from botocore import exceptions
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_stepfunctions import SFNClient

Json: TypeAlias = dict[str, Any]

_NAME_LENGTH = 80  # Step Functions API, StartExecution
_STATUSES = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_ATTEMPT_FAILED = re.compile(r"(LambdaFunction|Task|MapRun)\w*(Failed|TimedOut|Aborted)")
_ATTEMPT_SCHEDULED = {"LambdaFunctionScheduled", "TaskScheduled"}
_PAGE = 1_000  # events; the most that GetExecutionHistory gives at once
_RECENT = 100  # executions, among which the last to start is looked for
_NEWS = 100  # events; enough for what happens between two looks
# GetExecutionHistory is limited to 20 a second for the whole account, and may be lower (docs/facts.md B1).
_LOOK_EVERY = 1.0  # seconds, on AWS
_LOOK_EVERY_LOCALLY = 0.2
_LANES_A_LOOK = 5
_SETTLING = 10.0  # seconds that AWS may take to show what has happened already: its reads are eventually consistent
_LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


class AwsError(Exception):
    """AWS cannot do what was asked. `str()` is one sentence of what is wrong; `hint` says what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.hint = hint


@dataclass(frozen=True)
class Event:
    """Something that happened in a run. `lane` is the lane's number, from 1, or None for the run itself."""

    at: datetime
    lane: int | None


@dataclass(frozen=True)
class Entered(Event):
    """A state was entered. `kind` is its type (`Task`, `Choice`, …), `input` what it was given."""

    state: str
    kind: str
    input: Any


@dataclass(frozen=True)
class AttemptFailed(Event):
    """A try of a task ended in an error, which the state machine may retry or catch."""

    state: str
    error: str
    cause: str


@dataclass(frozen=True)
class Retried(Event):
    """A task is tried again; `attempt` counts from 1, so the first retry is attempt 2."""

    state: str
    attempt: int


@dataclass(frozen=True)
class Left(Event):
    """A state was left; `output` is what it gave."""

    state: str
    kind: str
    output: Any


@dataclass(frozen=True)
class LanesStarted(Event):
    """The lanes of a round started, `lanes` of them, as the children of a Map Run."""

    map_run: str
    lanes: int


@dataclass(frozen=True)
class Ended(Event):
    """The execution ended. `status` is SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    status: str
    error: str
    cause: str


@dataclass
class Visit:
    """A state that a run went through.

    `status` is `ok`, `caught`, `failed` or `running`; `error` and `cause` are those of the last attempt. `lanes` are
    the visits inside *Drain the queue*, lane by lane; `seconds` is None for a state that was not left.
    """

    state: str
    kind: str
    lane: int | None
    entered: datetime
    status: str = "running"
    seconds: float | None = None
    attempts: int = 1
    error: str = ""
    cause: str = ""
    lanes: list[Visit] = field(default_factory=list)


@dataclass(frozen=True)
class Machine:
    """A stack's state machine, and the client that speaks to it."""

    sfn: SFNClient
    arn: str

    def start(self, document: Json, name: str) -> str:
        """Start a run of this request; gives the execution's ARN. Raises AwsError."""
        with aws_errors():
            return self.sfn.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(document))[
                "executionArn"
            ]

    def find(self, execution: str | None) -> str:
        """Give the ARN of an execution by its name or ARN, or of the one that started last. Raises AwsError."""
        if execution is None:
            return self._latest()
        if execution.startswith("arn:"):
            return execution
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{execution}"

    def events(self, execution: str, *, live: bool) -> Iterator[Event]:
        """Tell what happened in an execution; `live`, also what happens until it ends. Raises AwsError."""
        with aws_errors():
            yield from _Telling(self.sfn, execution, live=live).events()

    def _latest(self) -> str:
        with aws_errors():
            found = self.sfn.list_executions(stateMachineArn=self.arn, maxResults=_RECENT)["executions"]
            if not found:
                self.sfn.describe_state_machine(stateMachineArn=self.arn)  # is there such a machine at all?
        if not found:
            raise AwsError("This stack has not run yet.", "Start a run, as in: redrive run orders-dlq")
        # They are listed by when they ended, or started if they run: the last to start need not be the first.
        return max(found, key=lambda execution: execution["startDate"])["executionArn"]


def find_machine(
    stack: str, endpoint_url: str | None = None, region: str | None = None, profile: str | None = None
) -> Machine:
    """Find a stack's state machine: it has the stack's name, in the caller's account and Region. Raises AwsError."""
    with aws_errors():
        session = boto3.Session(profile_name=profile, region_name=region)
        # A few attempts: an endpoint that is not there should be said soon.
        config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=30)
        sfn = session.client("stepfunctions", endpoint_url=endpoint_url, config=config)
        caller = session.client("sts", endpoint_url=endpoint_url, config=config).get_caller_identity()
    partition = caller["Arn"].split(":")[1]
    arn = f"arn:{partition}:states:{sfn.meta.region_name}:{caller['Account']}:stateMachine:{stack}"
    return Machine(sfn, arn)


def name_execution(queue: str) -> str:
    """Make a name that says which queue and when, as in `orders-dlq-20261121T060000Z-ab12cd`.

    `queue` is a name, a URL or an ARN. Only letters, digits, `-` and `_`: what CloudWatch Logs can show.
    """
    ending = f"-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    queue_name = re.split(r"[/:]", queue)[-1]
    return re.sub(r"[^A-Za-z0-9_-]", "-", queue_name)[: _NAME_LENGTH - len(ending)] + ending


def visits(events: Iterable[Event]) -> tuple[list[Visit], Ended | None]:
    """Put a run's events together to the states it went through, and its end, if it has ended."""
    own: list[Visit] = []
    lanes: dict[int, list[Visit]] = {}
    end = None
    for event in events:
        here = own if event.lane is None else lanes.setdefault(event.lane, [])
        if isinstance(event, Entered):
            here.append(Visit(event.state, event.kind, event.lane, event.at))
        elif here:
            _continue(here[-1], event)
        if isinstance(event, Left) and event.kind == "Map":
            _hang(own, lanes)
        if isinstance(event, Ended) and event.lane is None:
            end = event
    _hang(own, lanes)
    return own, end


def _continue(visit: Visit, event: Event) -> None:
    match event:
        case AttemptFailed():
            visit.error, visit.cause = event.error, event.cause
        case Retried():
            visit.attempts, visit.error, visit.cause = event.attempt, "", ""
        case Left():
            visit.status = "caught" if visit.error else "ok"
            visit.seconds = (event.at - visit.entered).total_seconds()
        case Ended() if visit.status == "running":  # a Fail state, or one that was cut off, is never left
            visit.status, visit.error, visit.cause = "failed", event.error or event.status, event.cause


def _hang(own: list[Visit], lanes: dict[int, list[Visit]]) -> None:
    """Hang what the lanes went through under the state that started them: the last Map that was entered."""
    for number in sorted(lanes):
        starter = next(visit for visit in reversed(own) if visit.kind == "Map")
        starter.lanes += lanes.pop(number)


class _Telling:
    """One execution, with its lanes, told as events in the order they become known."""

    def __init__(self, sfn: SFNClient, execution: str, *, live: bool) -> None:
        self._sfn = sfn
        self._run = _Track(sfn, execution, lane=None)
        self._live = live
        local = urlsplit(sfn.meta.endpoint_url).hostname in _LOCAL_HOSTS
        self._pause = _LOOK_EVERY_LOCALLY if local else _LOOK_EVERY
        self._lanes: _Lanes | None = None

    def events(self) -> Iterator[Event]:
        self._wait_until_known()
        while not self._run.ended:
            for event in _unless_throttled(self._run.news):
                yield from self._with_lanes(event)
            if self._lanes:
                yield from self._lanes.news(_LANES_A_LOOK if self._live else None)
            if not self._live:
                return
            if not self._run.ended:
                time.sleep(self._pause)

    def _with_lanes(self, event: Event) -> Iterator[Event]:
        if isinstance(event, LanesStarted):
            self._lanes = _Lanes(self._sfn, event, self._pause)
        elif self._lanes and isinstance(event, Left | AttemptFailed | Ended):
            yield from self._lanes.rest()
            self._lanes = None
        yield event

    def _wait_until_known(self) -> None:
        """An execution that was only just started may not be readable yet."""
        deadline = time.monotonic() + (_SETTLING if self._live else 0)
        while True:
            try:
                self._sfn.describe_execution(executionArn=self._run.execution)
            except self._sfn.exceptions.ExecutionDoesNotExist:
                if time.monotonic() >= deadline:
                    raise
            else:
                return
            time.sleep(self._pause)


class _Lanes:
    """The lanes of one round."""

    def __init__(self, sfn: SFNClient, started: LanesStarted, pause: float) -> None:
        self._sfn = sfn
        self._started = started
        self._pause = pause
        self._known: dict[str, _Track] = {}

    def news(self, most: int | None) -> Iterator[Event]:
        """What happened since the last look; in at most `most` of the lanes, each in its turn."""
        self._find()
        active = [lane for lane in self._known.values() if not lane.ended]
        for lane in sorted(active, key=lambda lane: (lane.looked_at, lane.lane))[:most]:
            yield from _unless_throttled(lane.news)

    def rest(self) -> Iterator[Event]:
        """What happened in all of them until they ended, which they have."""
        deadline = time.monotonic() + _SETTLING
        yield from self.news(None)
        while not self._complete() and time.monotonic() < deadline:
            time.sleep(self._pause)
            yield from self.news(None)

    def _complete(self) -> bool:
        return self._all_found() and all(lane.ended for lane in self._known.values())

    def _all_found(self) -> bool:
        return len(self._known) >= self._started.lanes

    def _find(self) -> None:
        if self._all_found():
            return
        pages = self._sfn.get_paginator("list_executions").paginate(mapRunArn=self._started.map_run)
        for arn in (child["executionArn"] for page in pages for child in page["executions"]):
            if arn not in self._known:
                given = json.loads(self._sfn.describe_execution(executionArn=arn)["input"])
                self._known[arn] = _Track(self._sfn, arn, lane=given["lane"]["index"] + 1)


class _Track:
    """One execution's own history, read as it grows."""

    def __init__(self, sfn: SFNClient, execution: str, lane: int | None) -> None:
        self.execution = execution
        self.lane = lane
        self.ended = False
        self.looked_at = 0.0
        self._sfn = sfn
        self._last_id = 0
        self._entered: Entered | None = None
        self._attempts = 0

    def news(self) -> Iterator[Event]:
        """What happened since the last look."""
        self.looked_at = time.monotonic()
        for raw in self._all() if self._last_id == 0 else self._newest():
            self._last_id = raw["id"]
            if event := self._read(raw):
                self.ended = isinstance(event, Ended)
                yield event

    def _all(self) -> Iterator[Any]:
        pages = self._sfn.get_paginator("get_execution_history").paginate(
            executionArn=self.execution, PaginationConfig={"PageSize": _PAGE}
        )
        for page in pages:
            yield from page["events"]

    def _newest(self) -> list[Any]:
        """The events after the last one known. AWS has no "since", so: from the newest back to that one."""
        pages = self._sfn.get_paginator("get_execution_history").paginate(
            executionArn=self.execution, reverseOrder=True, PaginationConfig={"PageSize": _NEWS}
        )
        found: list[Any] = []
        for page in pages:
            found += [raw for raw in page["events"] if raw["id"] > self._last_id]
            if page["events"] and page["events"][-1]["id"] <= self._last_id:
                break
        return found[::-1]

    def _read(self, raw: Json) -> Event | None:
        """Give AWS's event (Step Functions API, HistoryEvent) as ours; None when it tells nothing new."""
        kind, where = raw["type"], (raw["timestamp"], self.lane)
        details: Json = next((value for name, value in raw.items() if name.endswith("EventDetails")), {})
        error, cause = details.get("error", ""), details.get("cause", "")
        if kind.endswith("StateEntered"):
            given = json.loads(details.get("input", "null"))
            self._entered = Entered(*where, details["name"], kind.removesuffix("StateEntered"), given)
            self._attempts = 0
            return self._entered
        if kind.endswith("StateExited"):
            given = json.loads(details.get("output", "null"))
            return Left(*where, details["name"], kind.removesuffix("StateExited"), given)
        if kind in _STATUSES:
            return Ended(*where, _STATUSES[kind], error, cause)
        if self._entered is None:
            return None
        if kind in _ATTEMPT_SCHEDULED:
            self._attempts += 1
            return Retried(*where, self._entered.state, self._attempts) if self._attempts > 1 else None
        if kind == "MapRunStarted":
            return LanesStarted(*where, details["mapRunArn"], len(self._entered.input["plan"]["drain"]["lanes"]))
        if _ATTEMPT_FAILED.fullmatch(kind):
            return AttemptFailed(*where, self._entered.state, error or kind, cause)
        return None


def _unless_throttled(news: Callable[[], Iterator[Event]]) -> Iterator[Event]:
    """The news, or what was read of them when AWS asked for patience: the next look has the rest."""
    try:
        yield from news()
    except exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ThrottlingException":
            raise


@contextlib.contextmanager
def aws_errors() -> Iterator[None]:
    """Turn what boto3 raises into an AwsError: one sentence, and a hint."""
    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(error) from error
    except exceptions.BotoCoreError as error:
        raise _unable(error) from error


def _refused(error: exceptions.ClientError) -> AwsError:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    match code:
        case "StateMachineDoesNotExist":
            return AwsError(
                "There is no such stack in this account and Region.",
                "Name it with --stack, its Region with --region, or deploy it first: the README says how.",
            )
        case "ExecutionDoesNotExist":
            return AwsError(
                "There is no such execution in this account and Region.",
                "`redrive history` without a name shows the most recent one; AWS keeps 90 days.",
            )
        case "AccessDenied" | "AccessDeniedException":
            return AwsError(
                f"AWS denies it: {message.rstrip('.')}.",
                "The README lists the permissions that each command needs.",
            )
        case "ExpiredToken" | "ExpiredTokenException":
            return AwsError("The credentials have expired.", "Sign in again, as in: aws sso login")
        case "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch":
            return AwsError("AWS does not know these credentials.", "Check --profile, or sign in again.")
    return AwsError(
        f"AWS refuses {error.operation_name}: {message.rstrip('.') or code}.", "Correct that, and run it again."
    )


def _unable(error: exceptions.BotoCoreError) -> AwsError:
    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return AwsError(
                "There are no AWS credentials.",
                "Name a profile with --profile, or sign in; `redrive local` takes any: "
                "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
            )
        case exceptions.ProfileNotFound():
            return AwsError(f"{error}.", "`aws configure list-profiles` lists them.")
        case exceptions.NoRegionError():
            return AwsError("No AWS Region is chosen.", "Name it with --region, or set AWS_DEFAULT_REGION.")
        case exceptions.ConnectionError() | exceptions.HTTPClientError():
            return AwsError(
                f"{error.kwargs.get('endpoint_url', 'The endpoint')} cannot be reached.",
                "Check --endpoint-url (is `redrive local` running?), --region and the network.",
            )
    return AwsError(f"{str(error).rstrip('.')}.", "Check --profile and --region, or sign in: aws sso login")

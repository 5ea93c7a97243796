"""The tail of a run: its history and its lanes', told as one stream of events while they happen."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import exceptions

from redrive.history.events import AttemptFailed, Ended, LanesStarted, Left, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_stepfunctions import SFNClient

    from redrive.history.events import Event

_PAGE = 1_000  # events; the most that GetExecutionHistory gives at once
_NEWS = 100  # events; enough for what happens between two looks
# GetExecutionHistory is limited to 20 a second for the whole account, and may be lower (docs/facts.md B1).
_LOOK_EVERY = 1.0  # seconds, on AWS
_LOOK_EVERY_LOCALLY = 0.2
_LANES_A_LOOK = 5
_SETTLING = 10.0  # seconds that AWS may take to show what has happened already: its reads are eventually consistent
_LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


class Tail:
    """One execution, with its lanes, told as events in the order they become known."""

    def __init__(self, sfn: SFNClient, execution: str, *, live: bool) -> None:
        self._sfn = sfn
        self._run = _Track(sfn, execution, lane=None)
        self._live = live
        local = urlsplit(sfn.meta.endpoint_url).hostname in _LOCAL_HOSTS
        self._pause = _LOOK_EVERY_LOCALLY if local else _LOOK_EVERY
        self._lanes: _Lanes | None = None

    def events(self) -> Iterator[Event]:
        """What has happened and, where it is live, what happens until the end. Raises botocore's errors."""
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


def newest(sfn: SFNClient, execution: str) -> list[Event]:
    """Give the last things that happened in an execution itself, in their order. Raises botocore's errors."""
    answer: Any = sfn.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=_NEWS)
    reader = Reader(None)
    return [event for raw in reversed(answer["events"]) if (event := reader.read(raw))]


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
        self._reader = Reader(lane)

    def news(self) -> Iterator[Event]:
        """What happened since the last look."""
        self.looked_at = time.monotonic()
        for raw in self._all() if self._last_id == 0 else self._newest():
            self._last_id = raw["id"]
            if event := self._reader.read(raw):
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


def _unless_throttled(news: Callable[[], Iterator[Event]]) -> Iterator[Event]:
    """The news, or what was read of them when AWS asked for patience: the next look has the rest."""
    try:
        yield from news()
    except exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ThrottlingException":
            raise

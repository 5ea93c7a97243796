"""SQS's move tasks on moto, which has none: one task a queue, as far as a run looks at it (docs/facts.md A4).

It moves nothing: what is asked for is what matters here. That a move really moves is tested on the embedded AWS.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.sqs.exceptions import SQSException
from moto.sqs.responses import SQSResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from support.clock import Clock

START = ("SourceArn", "DestinationArn", "MaxNumberOfMessagesPerSecond")


class RefusedError(SQSException):
    code = "InvalidParameterValue"
    message = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."


class Moves:
    """`hear` is told of every call: its operation and its parameters."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, clock: Clock, hear: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._clock, self._hear = clock, hear
        actions = {"start_message_move_task": self._start, "list_message_move_tasks": self._list}
        for name, action in {**actions, "cancel_message_move_task": self._cancel}.items():

            def answer(response: SQSResponse, action: Any = action) -> ActionResult:
                return action(response)

            monkeypatch.setattr(SQSResponse, name, answer, raising=False)
        self.expect()

    def expect(
        self,
        *,
        looks: int = 1,
        lost: bool = False,
        broken: bool = False,
        at_start: Callable[[], None] = lambda: None,
        at_look: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin anew: a task is seen running so often before it has completed.

        `lost`: a start takes effect, and is answered as if another task ran; `broken`: looks at it are refused.
        """
        self.task: dict[str, Any] | None = None
        self.cancelled = 0
        self._looks, self._lost, self._broken, self._at_start, self._at_look = looks, lost, broken, at_start, at_look

    def _start(self, response: Any) -> ActionResult:
        given = {name: value for name in START if (value := response._get_param(name))}
        self._hear("StartMessageMoveTask", given)
        source = given["SourceArn"]
        handle = base64.b64encode(json.dumps({"taskId": "1", "sourceArn": source}).encode()).decode()
        self.task = {
            **given,
            "TaskHandle": handle,
            "Status": "RUNNING",
            "ApproximateNumberOfMessagesMoved": 16,  # all of a scenario
            "StartedTimestamp": int(self._clock.time() * 1000) + 1_000,
        }
        self._at_start()
        if self._lost:
            raise RefusedError
        return ActionResult({"TaskHandle": handle})

    def _list(self, response: Any) -> ActionResult:
        self._hear("ListMessageMoveTasks", {"SourceArn": response._get_param("SourceArn")})
        if self.task is None:
            return ActionResult({"Results": []})
        self._at_look()
        if self._broken:
            raise RefusedError
        if self.task["Status"] == "RUNNING" and self._looks == 0:
            self.task = {**self.task, "Status": "COMPLETED"}
            del self.task["TaskHandle"]
        self._looks -= 1
        return ActionResult({"Results": [self.task]})

    def _cancel(self, response: Any) -> ActionResult:
        self._hear("CancelMessageMoveTask", {"TaskHandle": response._get_param("TaskHandle")})
        self.cancelled += 1
        assert self.task is not None
        self.task = {**self.task, "Status": "CANCELLED"}
        return ActionResult({"ApproximateNumberOfMessagesMoved": 1})

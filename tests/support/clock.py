"""The clock of a run: the machine's own time, and whatever the run has waited for on top of it."""

from __future__ import annotations

import datetime as dt
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import moto.sqs.models
from aws_lambda_powertools.utilities.idempotency import base as idempotency
from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb
from moto.core.utils import unix_time, unix_time_millis
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from redrive import clock
from support import moto_machine

if TYPE_CHECKING:
    import pytest


class Clock:
    """`ahead` of the real time by so many seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += max(0.0, seconds)

    def rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be the clock of the library and of SQS."""
        monkeypatch.setattr(clock, "now", self.time)
        monkeypatch.setattr(moto.sqs.models, "unix_time", lambda: unix_time() + self.ahead)
        monkeypatch.setattr(moto.sqs.models, "unix_time_millis", lambda: unix_time_millis() + self.ahead * 1000)

    def rule_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be the clock of the state machine, the journal, Lambda and the SDK as well; whoever waits moves it on."""
        self.rule(monkeypatch)
        monkeypatch.setattr(clock, "pause", self.sleep)
        namespace = SimpleNamespace(
            **{**vars(time), "time": self.time, "monotonic": self.monotonic, "sleep": self.sleep}
        )
        for module in (moto_machine, retrier_decl, sys.modules["botocore.endpoint"]):
            monkeypatch.setattr(module, "time", namespace)
        monkeypatch.setattr(WaitFunction, "_wait_interval", lambda _self, env, wait_seconds: self.sleep(wait_seconds))
        ruler = self

        class Datetime(dt.datetime):
            @classmethod
            def now(cls, tz: Any = None) -> dt.datetime:
                return dt.datetime.now(tz) + dt.timedelta(seconds=ruler.ahead)

        dates = SimpleNamespace(**{**vars(dt), "datetime": Datetime})
        for module in (idempotency, base, datarecord, dynamodb):
            monkeypatch.setattr(module, "dt", dates)
        # Where a Wait looks at the time, and where an execution's start is noted.
        for module in (timestamp, models):
            monkeypatch.setattr(module, "datetime", dates)

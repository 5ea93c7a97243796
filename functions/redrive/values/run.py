"""Runs: what tells one from every other, and how its execution ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redrive.values.queue import name_of

# A name is what Step Functions takes for an execution (API, StartExecution).
_RUN = re.compile(r"""\d{4}-\d\d-\d\d/[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""", re.ASCII)


def run_of(name: str, started: datetime) -> str:
    """Give a run's identity, `<day>/<name>`: its execution's name, and the day (UTC) on which that started.

    A name alone is not enough: it may be used again 90 days after the execution has ended (Step Functions API,
    StartExecution), and outcomes are kept for longer.
    """
    return f"{started.astimezone(UTC):%Y-%m-%d}/{name}"


def is_run(text: str) -> bool:
    """Tell whether a text can be a run's identity."""
    return _RUN.fullmatch(text) is not None


def name_in(run: str) -> str:
    """Give the execution's name of a run."""
    return run.rpartition("/")[2]


@dataclass(frozen=True)
class End:
    """How an execution ended: `status` is FAILED, TIMED_OUT, ABORTED or SUCCEEDED."""

    execution: str
    status: str
    started: datetime

    @property
    def run(self) -> str:
        """The run that ended."""
        return run_of(name_of(self.execution), self.started)

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> End:
        """Read a *Step Functions Execution Status Change* (EventBridge); `startDate` is in milliseconds."""
        detail = event["detail"]
        return cls(detail["executionArn"], detail["status"], datetime.fromtimestamp(detail["startDate"] / 1000, UTC))

    def to_event(self) -> dict[str, Any]:
        """Give what `from_event` reads."""
        started = round(self.started.timestamp() * 1000)
        return {"detail": {"executionArn": self.execution, "status": self.status, "startDate": started}}

"""Runs, for people and for programs: a list of them, and one of them whole."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.values.outcome import Outcome
from redrive.values.summary import Status
from redrive_cli.view.console import SIGNS
from redrive_cli.view.request import in_short
from redrive_cli.view.table import show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive_cli.aws.runs import Run
    from redrive_cli.view.console import Screen

RED = {Status.INCOMPLETE, Status.FAILED}
_HEAD = ("WHEN", "RUN", "QUEUE", "REQUEST", "BY", "OUTCOME")
_MOST = {"QUEUE": 40, "REQUEST": 40, "BY": 24}


def show_runs(out: Screen, runs: Sequence[Run]) -> None:
    """Print a list of runs."""
    rows = [
        (_when(run), run.name, run.queue or "", in_short(run.request) or "all", by(run), outcome(run)) for run in runs
    ]
    show_table(out, _HEAD, rows, _MOST)


def run_json(run: Run) -> dict[str, Any]:
    """Give a run for programs."""
    return {
        "run": run.id,
        "execution": run.execution,
        "started": run.started.astimezone(UTC).isoformat() if run.started else None,
        "status": run.status,
        "queue": run.queue,
        "started_by": _started_by(run),
        "request": run.request,
        "summary": run.summary,
    }


def outcome(run: Run) -> tuple[str, str]:
    """Say how a run ended, with its style."""
    status = str((run.summary or {}).get("status"))
    if run.status == "RUNNING":
        word, text = "running", "running"
    elif status in {*Status}:
        word, text = "failed" if status in RED else "ok", f"{status}{_counts(run.summary or {})}"
    elif run.status:
        word, text = "ok" if run.status == "SUCCEEDED" else "failed", run.status.lower().replace("_", " ")
    else:
        return "left no summary", "yellow"
    symbol, colour = SIGNS[word]
    return f"{symbol} {text}", colour


def by(run: Run) -> str:
    """Say in short who started a run."""
    who = _started_by(run) or ""
    kind, _, arn = who.partition(" arn:")
    if not arn:
        return who
    last = re.split("[/:]", arn)[-1]
    return last if kind.startswith("command line") else f"{kind.rstrip(',')} {last}"


def _started_by(run: Run) -> str | None:
    who = (run.summary or {}).get("started_by") or (run.request or {}).get("started_by")
    return str(who) if who else None


def _counts(summary: dict[str, Any]) -> str:
    numbers = [(name, summary.get(name)) for name in Outcome]
    told = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in numbers if isinstance(n, int) and n)
    return f": {told}" if told else ""


def _when(run: Run) -> str:
    return time_of(run.started) if run.started else run.id[:10]


def time_of(at: datetime) -> str:
    """Write a time."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

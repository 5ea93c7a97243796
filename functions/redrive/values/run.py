"""Runs: what tells one from every other."""

from __future__ import annotations

from datetime import UTC, datetime


def run_of(name: str, started: datetime) -> str:
    """Give a run's identity, `<day>/<name>`: its execution's name, and the day (UTC) on which that started.

    A name alone is not enough: it may be used again 90 days after the execution has ended (Step Functions API,
    StartExecution), and outcomes are kept for longer.
    """
    return f"{started.astimezone(UTC):%Y-%m-%d}/{name}"


def name_in(run: str) -> str:
    """Give the execution's name of a run."""
    return run.rpartition("/")[2]

"""The document of a run: everything that its report shows, of what its ledger and its execution's history say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive import clock
from redrive.report.messages import pack
from redrive.report.words import next_steps, sentence
from redrive.values import prices
from redrive.values.run import name_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive.report.history import History
    from redrive.values.plan import RunRecord
    from redrive.values.summary import Summary

FORMAT = 1


@dataclass(frozen=True)
class Found:
    """What was found of a run; what is None, or left out, was not.

    outcomes    lines of the ledger's outcomes, page by page; None for a page that cannot be read
    files       `report.files.hashed`; `files_of` says when, or by whom, they were read
    lock        `report.files.object_lock`
    bodies      by message id; only where they were asked for
    """

    run: str
    summary: Summary | None
    record: RunRecord | None = None
    history: History | None = None
    outcomes: Sequence[tuple[str, list[Any] | None]] = ()
    files: Sequence[dict[str, Any]] = ()
    lock: dict[str, Any] | None = None
    bodies: dict[str, str] | None = None
    left_out: str | None = None
    notes: list[str] = field(default_factory=list)


def run_document(found: Found) -> dict[str, Any]:
    """Give the document of a run's report."""
    table = pack((name, line) for name, lines in found.outcomes for line in lines or ())
    unread = [name for name, lines in found.outcomes if lines is None]
    notes = [*found.notes]
    if unread:
        notes.append(f"The outcomes of {len(unread):,} pages cannot be read: {', '.join(unread[:5])}.")
    if found.bodies is not None:
        table["bodies"] = [found.bodies.get(row[0]) for row in table["rows"]]
    summary = found.summary
    return {
        "format": FORMAT,
        "kind": "run",
        "made": datetime.fromtimestamp(clock.now(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "run": found.run,
        "name": name_in(found.run),
        "sentence": sentence(summary),
        "next": next_steps(summary, found.run),
        "summary": summary.to_json() if summary else None,
        "plan": _plan(found.record) if found.record else None,
        "history": found.history.to_json() if found.history else None,
        "messages": table,
        "left_out": found.left_out,
        "files": list(found.files),
        "lock": found.lock,
        "cost": cost(summary, found.history),
        "notes": notes,
    }


def cost(summary: Summary | None, history: History | None) -> dict[str, Any] | None:
    """Give what a run cost: `{"requests", "dollars", "seconds", "dollars_of_time"}`; None where it has no bill."""
    if summary is None or summary.requests is None:
        return None
    seconds: dict[str, float] = {}
    for visit in history.visits if history else ():
        if visit["kind"] == "Task" and visit["state"] in prices.FUNCTIONS:
            seconds[visit["state"]] = seconds.get(visit["state"], 0.0) + (visit["seconds"] or 0.0)
    return {
        "requests": summary.requests,
        "dollars": prices.dollars(summary.requests),
        "seconds": round(sum(seconds.values()), 3) if history else None,
        "dollars_of_time": prices.dollars_of_time(seconds) if history else None,
    }


def _plan(record: RunRecord) -> dict[str, Any]:
    return {
        "execution": record.execution,
        "started": record.started,
        "request": record.request.to_json(),
        "queue": record.queue.name,
        "queue_arn": record.queue.arn,
        "destination": record.destination.name if record.destination else None,
        "sources": [source.name for source in record.plan.sources],
        "more_sources": record.plan.more_sources,
        "counted": record.count.to_json(),
        "path": record.plan.path,
        "because": record.plan.because,
        "lanes": len(record.plan.lanes),
        "lanes_because": record.plan.lanes_because,
    }

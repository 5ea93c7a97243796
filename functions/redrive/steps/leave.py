"""Leave a report beside the summary: the way that the execution went, and a page for people. No run fails of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from redrive.history.tail import Tail
from redrive.report.files import object_lock
from redrive.report.history import History, read_history
from redrive.report.messages import read_lines
from redrive.report.page import page
from redrive.report.run import Found, run_document
from redrive.stores.pages import closed_names
from redrive.values.plan import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_stepfunctions import SFNClient

    from redrive.stores.ledger import Ledger
    from redrive.stores.manifest import Recorded
    from redrive.values.plan import RunState
    from redrive.values.summary import Summary

PUTS = 1  # that `leave` makes, of which the bill is told before
MOST_EVENTS = 20_000  # of a history: some 10 MB as visits
RESERVE = 45.0  # seconds of the step's time that stay for the summary, and all that must not be missing
MOST_SECONDS = 20.0  # for the history, however much time there is


def gather(
    ledger: Ledger,
    sfn: Callable[[], SFNClient],
    execution: str,
    state: RunState,
    most_messages: int,
    remaining_ms: Callable[[], int],
) -> Found | None:
    """Read the history, leave it as `history.json`, and read what else a report shows. Never raises.

    `sfn` makes the client, which a run without a report does not need. None where the run has more than
    `most_messages`, or nothing could be read: then there is no report. With 0 there is no history either.
    """
    if most_messages < 1:
        return None
    try:
        history = _history(ledger, sfn, execution, remaining_ms)
        received = sum(lane.tally.counts["received"] for lane in state.lanes)
        if received > most_messages or _left(remaining_ms) <= 0:
            return None
        outcomes = list(read_lines(ledger, sorted(closed_names(ledger)))) if state.plan else []
        record = _record(ledger, execution, state)
        return Found(ledger.run, None, record, history, outcomes, lock=object_lock(ledger))
    except Exception:  # noqa: BLE001  whatever it is, the summary comes first
        return None


def leave(ledger: Ledger, summary: Summary, gathered: Found, recorded: Iterable[Recorded]) -> bool:
    """Leave `report.html`, with what the manifest recorded; tell whether it is there. Never raises."""
    folder = f"runs/{ledger.run}/"
    files = [{"key": file.key.removeprefix(folder), "bytes": file.bytes, "sha256": file.sha256} for file in recorded]
    try:
        history = gathered.history
        foretold = history.foretold(summary.status) if history else None
        found = replace(gathered, summary=summary, history=foretold, files=files)
        body = page(run_document(found))
        ledger.s3.put_object(Bucket=ledger.bucket, Key=f"{folder}report.html", Body=body, ContentType="text/html")
    except Exception:  # noqa: BLE001  the run is as it is, with its report or without
        return False
    return True


def _history(
    ledger: Ledger, sfn: Callable[[], SFNClient], execution: str, remaining_ms: Callable[[], int]
) -> History | None:
    seconds = min(MOST_SECONDS, _left(remaining_ms))
    if seconds <= 0:
        return None
    try:
        events = Tail(sfn(), execution, live=False).events()
        history = read_history(events, most=MOST_EVENTS, seconds=seconds)
        ledger.write_document("history", history.to_json())
    except Exception:  # noqa: BLE001  a report without the way is a report
        return None
    return history


def _record(ledger: Ledger, execution: str, state: RunState) -> RunRecord | None:
    if not (state.plan and state.request and state.queue and state.count):
        return None
    return RunRecord(
        ledger.run, execution, state.started, state.request, state.queue, state.destination, state.count, state.plan
    )


def _left(remaining_ms: Callable[[], int]) -> float:
    return remaining_ms() / 1000 - RESERVE

"""What a report says at its top: what happened in one sentence, and what to look at next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.values.outcome import ARRIVED, Outcome
from redrive.values.request import DELETE
from redrive.values.summary import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive.values.outcome import Counts
    from redrive.values.summary import Summary

RUNNING = "This run has no summary yet: it is still running, or it was stopped and not cleaned up after."


def sentence(summary: Summary | None) -> str:
    """Say what happened."""
    if summary is None:
        return RUNNING
    queue, counts = summary.queue or "the queue", summary.counts
    received, sent = counts["received"], _arrived(counts)
    match summary.status:
        case Status.NOTHING:
            return f"There was nothing in {queue} to redrive."
        case Status.IN_FLIGHT:
            return f"All messages of {queue} were in other hands, so none was redriven."
        case Status.STEPPED_BACK:
            return f"Another run was at {queue}, so this one stepped back and touched nothing."
        case Status.NOTHING_MATCHED:
            return f"None of the {_messages(received)} in {queue} matched, so none was sent."
        case Status.FAILED if not received:
            return "The run failed before it received anything."
    parts = []
    if counts[Outcome.PREVIEWED]:
        parts.append(
            f"of the {_messages(received)} in {queue}, {counts[Outcome.PREVIEWED]:,} would be {_done(summary)}"
        )
    elif (summary.request or {}).get("action") == "restore":
        parts.append(f"{sent:,} of {_messages(received)} were sent again, to {summary.destination}")
    elif counts[Outcome.DISCARDED]:
        parts.append(
            f"{counts[Outcome.DISCARDED]:,} of {_messages(received)} in {queue} were archived, and deleted for good"
        )
    else:
        to = f"to {summary.destination}" if summary.destination else "back where they came from"
        parts.append(f"{sent:,} of {_messages(received)} went from {queue} {to}")
    for outcome, said in ((Outcome.HELD, "stayed"), (Outcome.RETURNED, "came back"), (Outcome.FAILED, "failed")):
        if counts[outcome]:
            parts.append(f"{counts[outcome]:,} {said}")
    said = ", ".join(parts)
    ending = {Status.FAILED: ", and then the run failed", Status.INCOMPLETE: ": the run is incomplete"}
    return f"{said[0].upper()}{said[1:]}{ending.get(summary.status, '')}."


def next_steps(summary: Summary | None, run: str) -> list[dict[str, str]]:
    """Say what to look at next: each `{"say"}`, with a `{"command"}` where one does it."""
    return [{"say": say, **({"command": command} if command else {})} for say, command in _next(summary, run)]


def _next(summary: Summary | None, run: str) -> Iterator[tuple[str, str]]:
    if summary is None:
        yield "See what its execution is doing.", f"redrive show {run.rpartition('/')[2]}"
        return
    name, counts = summary.run, summary.counts
    if counts[Outcome.FAILED]:
        yield "Look at what failed, and why.", f"redrive messages {name} --outcome failed"
        yield "When the cause is mended, redrive just these again.", f"redrive retry {name}"
    if counts[Outcome.RETURNED]:
        yield (
            "Some came back while the run lasted: their consumer still fails on them. Mend it before the next run.",
            "",
        )
    if counts[Outcome.PREVIEWED]:
        deletes = (summary.request or {}).get("action") == DELETE
        yield f"This was a preview. Leave --preview out to {'delete' if deletes else 'send'} them.", ""
    if counts[Outcome.DISCARDED]:
        restore = f"redrive restore {name} --outcome discarded --to {summary.queue}"
        yield "As long as the archive is kept, this brings them back.", restore
    if summary.status == Status.NOTHING_MATCHED:
        yield "See which fields the messages have.", f"redrive peek {summary.queue}"
    elif summary.status == Status.INCOMPLETE and not counts[Outcome.FAILED]:
        yield "Run it again: it goes on with what this one left.", f"redrive run {summary.queue}"
    if summary.status == Status.FAILED:
        yield "The cause is below, and the state that failed is marked in the graph.", ""
    if summary.status == Status.COMPLETE and _arrived(counts):
        yield "Nothing is left to do. If they come back, their consumer still fails on them.", ""


def _arrived(counts: Counts) -> int:
    return sum(counts[outcome] for outcome in ARRIVED)


def _done(summary: Summary) -> str:
    return "deleted for good" if (summary.request or {}).get("action") == DELETE else "sent"


def _messages(number: int) -> str:
    return f"{number:,} message{'' if number == 1 else 's'}"

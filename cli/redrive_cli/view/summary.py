"""The summary of a run, for people: one aligned line for each thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.values.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redrive.values.summary import Summary
    from redrive_cli.view.console import Screen

_ALWAYS = ("sent", "held", "failed")  # of the outcomes; the others where there are any
_SERVICES = {"sqs": "SQS", "s3": "S3", "dynamodb": "DynamoDB", "lambda": "Lambda", "transitions": "transitions"}


def show_summary(out: Screen, summary: Summary) -> None:
    """Print a run's summary."""
    show_lines(out, list(_lines(summary)))


def show_lines(out: Screen, lines: Sequence[tuple[str, str]]) -> None:
    """Print names and texts, aligned."""
    width = max([9, *(len(name) for name, _ in lines)]) + 1
    for name, value in lines:
        out.line(f"{name:<{width}}{value}")


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "run", summary.run
    yield "status", summary.status
    if summary.queue:
        yield "queue", summary.queue
    if summary.destination:
        yield "to", summary.destination
    if summary.started_by:
        yield "by", summary.started_by
    if summary.path:
        yield "path", f"{summary.path}, because {' and '.join(summary.because)}"
        yield "received", f"{summary.counts['received']:,}"
        for outcome in Outcome:
            if summary.counts[outcome] or outcome in _ALWAYS:
                yield outcome.replace("_", " "), f"{summary.counts[outcome]:,}"
        if summary.counts["unstamped"]:
            yield "unstamped", f"{summary.counts['unstamped']:,}"
    if summary.lanes:
        yield "lanes", f"{summary.lanes}, because {' and '.join(summary.lanes_because)}"
    for reason, number in summary.reasons.items():
        yield "", f"{number:,} failed: {reason}"
    for number, (group, reason) in enumerate(summary.groups.items()):
        yield "" if number else "stopped", f"group {group}: {reason}"
    if summary.more_groups:
        yield "", f"and {summary.more_groups:,} more group{'s' if summary.more_groups > 1 else ''}"
    for number, note in enumerate(summary.notes):
        yield "" if number else "note", note
    yield "seconds", f"{summary.seconds}"
    if summary.requests:
        yield "requests", ", ".join(f"{summary.requests[key]:,} {name}" for key, name in _SERVICES.items())
    yield "ledger", summary.ledger

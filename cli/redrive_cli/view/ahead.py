"""What a run is about to do, for people, before it does it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from redrive.values.plan import Path
from redrive.values.request import EVERY
from redrive_cli.view.summary import show_lines
from redrive_cli.view.words import duration, plural, told_depth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive.values.criteria import Criteria
    from redrive.values.request import Request
    from redrive_cli.aws.ahead import Ahead
    from redrive_cli.view.console import Screen

_SOURCES_NAMED = 5
_CENT = 0.01


def show_ahead(out: Screen, ahead: Ahead) -> None:
    """Print what a run is about to do."""
    show_lines(out, list(_lines(ahead)))


def _lines(ahead: Ahead) -> Iterator[tuple[str, str]]:
    request = ahead.request
    yield "queue", f"{request.queue}{f': {told_depth(ahead.depth)}' if ahead.depth else ''}"
    for number, part in enumerate(_asked(request, ahead.criteria)):
        yield "" if number else "which", part
    yield "to", _to(ahead)
    if request.transform is not None:
        yield "with", "a new body" if isinstance(request.transform, str) else f"new {' and '.join(request.transform)}"
    if request.preview:
        yield "preview", "nothing is sent or deleted"
    if plan := ahead.plan:
        if plan.path == Path.STEP_BACK:
            yield "path", f"none: it will step back, because {' and '.join(plan.beside)} is working on the queue"
        else:
            yield "path", f"{plan.path}, because {' and '.join(plan.because)}"
        if plan.path == Path.NATIVE:
            yield "record", "none of single messages, and no copy of them; --record keeps both"
        if plan.path == Path.CUSTOM:
            yield "lanes", f"{len(plan.lanes)}, because {' and '.join(plan.lanes_because)}"
    if told := _estimated(ahead):
        yield "at most", told
    for number, what in enumerate(ahead.unknown):
        yield "" if number else "unknown", what


def _asked(request: Request, criteria: Criteria) -> Iterator[str]:
    chosen = request.filter
    if criteria.sent_from is not None or criteria.sent_to is not None:
        yield f"first sent {_span(criteria, request.timezone)}"
    if chosen.where is not None:
        yield f"where {chosen.where}"
    if chosen.of_run is not None:
        yield f"what ended as {' or '.join(chosen.of_run.outcomes)} in {chosen.of_run.run}"
    if chosen.max_redrives is not None:
        yield f"redriven fewer than {plural(chosen.max_redrives, 'time')} before"
    if request.limit is not None:
        yield f"{request.limit:,} at most"
    if chosen == EVERY and request.limit is None:
        yield "all that are there"


def _span(criteria: Criteria, zone: str) -> str:
    """The time that is asked for, and how long ago that is."""
    now = datetime.fromisoformat(criteria.now)
    ends = []
    for word, at in (("from", criteria.sent_from), ("until", criteria.sent_to)):
        if at is not None:
            moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(now.tzinfo)
            away = (now - moment).total_seconds()
            ago = f"{duration(away)} ago" if away >= 0 else f"in {duration(-away)}"
            ends.append(f"{word} {moment:%Y-%m-%d %H:%M:%S} ({ago})")
    return f"{' '.join(ends)}, {zone}"


def _to(ahead: Ahead) -> str:
    if ahead.request.deletes:
        return "nowhere: deleted for good, when it is archived"
    if ahead.request.destination is not None:
        return ahead.request.destination
    if ahead.plan is None or not ahead.sources:
        return "each back to its source"
    named = [source.name for source in ahead.plan.sources[:_SOURCES_NAMED]]
    more = len(ahead.plan.sources) - len(named) + ahead.plan.more_sources
    return f"each back to its source: {', '.join(named)}{f' and {more:,} more' if more else ''}"


def _estimated(ahead: Ahead) -> str:
    found = ahead.estimate
    if found is None or ahead.messages is None:
        return ""
    dollars = "less than $0.01" if found.dollars < _CENT else f"about ${found.dollars:,.2f}"
    seconds = "as long as its groups need" if found.seconds is None else f"about {duration(found.seconds)}"
    return f"{plural(ahead.messages, 'message')}, {seconds}, {dollars}"

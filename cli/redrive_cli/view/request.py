"""A request, in words: what was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive.values.criteria import Criteria

Json: TypeAlias = dict[str, Any]  # a request document, perhaps as somebody wrote it who was refused

_FLAGS = ("record", "preview", "alone")
_MOST_LISTED = 6  # ids or outcomes
_VALUES = ("limit", "rate", "lanes", "as_of")


def in_short(request: Json | None) -> str:
    """Give what a request chooses in a few words; the queue is not in it."""
    return ", ".join(f"{name} {value}" if value else name for name, value in _parts(request or {}) if name != "queue")


def request_lines(request: Json, criteria: Criteria | None = None) -> Iterator[tuple[str, str]]:
    """Give what a request means, a name and a text for each part; with `criteria`, its times are fixed."""
    for name, value in _parts(request):
        if name == "sent" and criteria:
            yield name, f"{value}: {_span(criteria)}"
        else:
            yield name, value or "yes"
    action = request.get("action", "redrive")
    if "destination" not in request and action == "redrive":
        yield "to", "the queue that each message came from"
    if not request.get("filter") and action != "restore":
        yield "which", "every message that was sent before the run began"


def _parts(request: Json) -> Iterator[tuple[str, str]]:
    chosen = request.get("filter")
    chosen = chosen if isinstance(chosen, dict) else {}
    for name, value in (("queue", request.get("queue")), ("to", request.get("destination"))):
        if value is not None:
            yield name, str(value)
    if request.get("action") == "restore":
        yield "restore", f"{_listed(request.get('outcomes') or request.get('ids'))} of {request.get('run')}"
    elif request.get("action", "redrive") != "redrive":
        yield str(request["action"]), ""
    if isinstance(of_run := chosen.get("of_run"), dict):
        yield "only", f"{_listed(of_run.get('outcomes', ['failed']))} in {of_run.get('run')}"
    if chosen.get("sent") is not None:
        yield "sent", _sent(chosen["sent"])
    for name in ("where", "max_redrives"):
        if chosen.get(name) is not None:
            yield name.replace("_", " "), str(chosen[name])
    if transform := request.get("transform"):
        for name, source in transform.items() if isinstance(transform, dict) else (("body", transform),):
            yield f"new {name}", str(source)
    key = request.get("key")
    if key is not None:
        yield "key", f"{key.get('expression')}, hashed" if isinstance(key, dict) and key.get("hashed") else _of(key)
    for name in _VALUES:
        if request.get(name) is not None:
            yield name.replace("_", " "), str(request[name])
    if request.get("path", "auto") != "auto":
        yield "path", str(request["path"])
    if request.get("timezone", "UTC") != "UTC":
        yield "timezone", str(request["timezone"])
    yield from ((name, "") for name in _FLAGS if request.get(name))


def _listed(words: Any) -> str:
    words = words if isinstance(words, list) else [words]
    more = f" and {len(words) - _MOST_LISTED:,} more" if len(words) > _MOST_LISTED else ""
    return f"{' or '.join(map(str, words[:_MOST_LISTED]))}{more}"


def _of(key: Any) -> str:
    return str(key.get("expression") if isinstance(key, dict) else key)


def _sent(window: Any) -> str:
    if not isinstance(window, dict):
        return str(window)
    if window.get("day") is not None:
        return str(window["day"])
    if window.get("older_than") is not None:
        return f"more than {window['older_than']} ago"
    return f"{window.get('from') or ''}..{window.get('to') or ''}"


def _span(criteria: Criteria) -> str:
    ends = [
        (word, datetime.fromtimestamp(at / 1000, UTC).astimezone(datetime.fromisoformat(criteria.now).tzinfo))
        for word, at in (("from", criteria.sent_from), ("until", criteria.sent_to))
        if at is not None
    ]
    return " ".join(f"{word} {at.isoformat(timespec='seconds')}" for word, at in ends)

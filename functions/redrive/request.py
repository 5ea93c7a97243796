"""The request: what an operator types, validated once, at the door.

The same document starts a run from the command line, from the console's *Start execution* box and from the schedule.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic_core import CoreConfig, SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from redrive.errors import InvalidRequest
from redrive.lane import MOST_LANES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import CoreSchema, ErrorDetails


# What to write in each field: the second half of every refusal.
EXAMPLES = {
    "queue": 'the dead-letter queue\'s name, URL or ARN, as in "orders-dlq"',
    "destination": 'a queue\'s name, URL or ARN, as in "orders", or leave it out',
    "filter": 'an object, as in {"sent": {"day": "yesterday"}}',
    "filter.sent": '{"day": "yesterday"}, {"from": "2026-11-19", "to": "2026-11-20"} or {"older_than": "PT2H"}',
    "filter.sent.day": '"yesterday", "today" or a day such as "2026-11-20"',
    "filter.sent.from": 'a day or a time in ISO 8601, as in "2026-11-19" or "2026-11-19T18:00:00+09:00"',
    "filter.sent.to": 'a day or a time in ISO 8601, as in "2026-11-20" or "2026-11-20T06:00:00Z"',
    "filter.sent.older_than": 'a duration in ISO 8601, as in "PT2H" or "P1D"',
    "filter.where": 'a JSONata condition, as in "body.error.code = \\"TIMEOUT\\""',
    "filter.max_redrives": "a whole number of 0 or more, as in 3",
    "transform": 'a JSONata expression that gives the new body, as in "$merge([body, {\\"retried\\": true}])"',
    "limit": "a whole number of 1 or more, as in 100",
    "rate": "a whole number of 1 or more messages a second, as in 50",
    "lanes": f"a whole number from 1 to {MOST_LANES}, as in 4, or leave it out",
    "path": '"auto", "native" or "custom"',
    "preview": "true or false",
    "alone": "true or false",
    "timezone": 'an IANA time zone, as in "Asia/Seoul"',
}


@dataclass(frozen=True)
class Sent:
    """When the message was first sent: a day, a span, or an age."""

    day: str | None = None
    from_: str | None = None
    to: str | None = None
    older_than: str | None = None


@dataclass(frozen=True)
class Filter:
    """Which messages; a message must satisfy every part."""

    sent: Sent | None = None
    where: str | None = None
    max_redrives: int | None = None


EVERY = Filter()


@dataclass(frozen=True)
class Request:
    """A whole request. Only `queue` is required. The README's request table is the reference."""

    queue: str
    destination: str | None = None
    filter: Filter = EVERY
    transform: str | None = None
    limit: int | None = None
    rate: int | None = None
    lanes: int | None = None
    path: str = "auto"
    preview: bool = False
    alone: bool = False
    timezone: str = "UTC"

    def as_typed(self) -> dict[str, Any]:
        """Give the request as a document again, without what was left out."""
        return _as_typed(self)


def _as_typed(part: Request | Filter | Sent) -> dict[str, Any]:
    typed = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if value is not None and value != field.default:
            typed[field.name.rstrip("_")] = _as_typed(value) if isinstance(value, Filter | Sent) else value
    return typed


def _sent(given: dict[str, str | None]) -> Sent:
    sent = Sent(given.get("day"), given.get("from"), given.get("to"), given.get("older_than"))
    ways = [sent.day is not None, bool(sent.from_ or sent.to), sent.older_than is not None]
    if sum(ways) != 1:
        raise ValueError("exactly one of a day, a span and an age is needed")
    return sent


def _object(make: Callable[[Any], Any], **schemas: CoreSchema) -> CoreSchema:
    """Give the schema of an object that `make` takes as a dictionary; of its fields only `queue` must be there."""
    given = {name: schema.typed_dict_field(of, required=name == "queue") for name, of in schemas.items()}
    return schema.no_info_after_validator_function(make, schema.typed_dict_schema(given, config=_STRICT))


# pydantic-core by itself: pydantic's models on top of it would double the time that `check` takes to start.
_STRICT = CoreConfig(strict=True, extra_fields_behavior="forbid", hide_input_in_errors=True)
_TEXT, _SOME_TEXT = schema.str_schema(), schema.str_schema(min_length=1)
_BOOL, _COUNT = schema.bool_schema(), schema.int_schema(ge=1)
_OR_NONE = schema.nullable_schema
_SENT = _object(_sent, **dict.fromkeys(("day", "from", "to", "older_than"), _OR_NONE(_TEXT)))
_FILTER = _object(
    lambda given: Filter(**given),
    sent=_OR_NONE(_SENT),
    where=_OR_NONE(_SOME_TEXT),
    max_redrives=_OR_NONE(schema.int_schema(ge=0)),
)
_REQUEST = SchemaValidator(
    _object(
        lambda given: Request(**given),
        queue=_SOME_TEXT,
        destination=_OR_NONE(_SOME_TEXT),
        filter=_FILTER,
        transform=_OR_NONE(_SOME_TEXT),
        limit=_OR_NONE(_COUNT),
        rate=_OR_NONE(_COUNT),
        lanes=_OR_NONE(schema.int_schema(ge=1, le=MOST_LANES)),
        path=schema.literal_schema(["auto", "native", "custom"]),
        preview=_BOOL,
        alone=_BOOL,
        timezone=_TEXT,
    ),
    _STRICT,
)
_DURATION = SchemaValidator(schema.timedelta_schema())


def parse(document: Any) -> Request:
    """Validate a request document. Raises InvalidRequest naming the field and what to write instead."""
    if not isinstance(document, dict):
        raise InvalidRequest('the request: it must be a JSON object, as in {"queue": "orders-dlq"}.')
    try:
        request: Request = _REQUEST.validate_python(document)
    except ValidationError as error:
        # A misspelt field is said before the one that is missing because of it.
        worst = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise InvalidRequest(_sentence(worst)) from error
    return request


def zone(request: Request) -> ZoneInfo:
    """Give the request's time zone. Raises InvalidRequest when IANA knows none of that name."""
    try:
        return ZoneInfo(request.timezone)
    except (KeyError, ValueError, OSError) as error:
        raise _wrong("timezone", f"{request.timezone!r} is no time zone") from error


def sent_window(request: Request, now: datetime) -> tuple[int | None, int | None]:
    """Turn `filter.sent` into a half-open span `[from, to)` in milliseconds since the epoch; None is open.

    `now` is the execution's start in the request's time zone, so that a retry, or a run across midnight, decides
    the same. A bare day means all of it, at both ends of a span.
    """
    sent = request.filter.sent
    if sent is None:
        return None, None
    if sent.older_than is not None:
        # In UTC: between two clock times of a zone that changes its clocks, less or more time may have passed.
        try:
            return None, _ms(now.astimezone(UTC) - _duration(sent.older_than))
        except OverflowError as error:
            raise _wrong("filter.sent.older_than", f"{sent.older_than!r} is longer than time goes back") from error
    if sent.day is not None:
        first = _day(sent.day, now)
        try:
            return _ms(_midnight(first, now)), _ms(_midnight(first + timedelta(days=1), now))
        except OverflowError as error:
            raise _wrong("filter.sent.day", f"{sent.day!r} is no day that ends") from error
    start = _moment(sent.from_, "filter.sent.from", now, end=False) if sent.from_ else None
    end = _moment(sent.to, "filter.sent.to", now, end=True) if sent.to else None
    if start is not None and end is not None and start >= end:
        raise InvalidRequest(
            f"filter.sent: from ({sent.from_}) is not before to ({sent.to}); write the earlier one in from."
        )
    return (None if start is None else _ms(start)), (None if end is None else _ms(end))


def _day(text: str, now: datetime) -> date:
    if text in {"today", "yesterday"}:
        return now.date() - timedelta(days=1 if text == "yesterday" else 0)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _wrong("filter.sent.day", f"{text!r} is no day") from error


def _moment(text: str, field: str, now: datetime, *, end: bool) -> datetime:
    try:
        return _midnight(date.fromisoformat(text) + timedelta(days=1 if end else 0), now)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong(field, f"{text!r} is no date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


def _midnight(day: date, now: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)


def _duration(text: str) -> timedelta:
    try:
        value: timedelta | None = _DURATION.validate_python(text) if text.startswith("P") else None
    except ValidationError:
        value = None
    if value is None or value <= timedelta(0):
        raise _wrong("filter.sent.older_than", f"{text!r} is no duration")
    return value


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _sentence(error: ErrorDetails) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(".".join(map(str, error["loc"][:-1])), str(error["loc"][-1]))
    if error["type"] == "dict_type":
        return f"{field}: it should be an object; write {EXAMPLES[field]}."
    if error["type"] == "missing":
        return f"{field}: it is missing; write {EXAMPLES[field]}."
    what = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    what = f"it {what}" if what.startswith(("should", "must")) else what
    return f"{field}: {what}; write {EXAMPLES.get(field, EXAMPLES['filter'])}."


def _unknown(parent: str, name: str) -> str:
    field = f"{parent}.{name}" if parent else name
    known = [path.rpartition(".")[2] for path in EXAMPLES if path.rpartition(".")[0] == parent]
    close = difflib.get_close_matches(name, known, n=1)
    if "." in name and name in EXAMPLES:
        outer, _, inner = name.rpartition(".")
        hint = f"write {inner!r} inside {outer!r}."
    elif close:
        hint = f"did you mean {close[0]!r}?"
    else:
        hint = f"the fields are {', '.join(known)}." if known else "leave it out."
    return f"{field}: there is no such field; {hint}"


def _wrong(field: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {what}; write {EXAMPLES[field]}.")

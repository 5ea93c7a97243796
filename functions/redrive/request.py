"""The request: what an operator types, validated once, at the door.

The same document starts a run from the command line, from the console's *Start execution* box and from the schedule.
"""

from __future__ import annotations

import difflib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from redrive.errors import InvalidRequest
from redrive.lane import MOST_LANES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True, hide_input_in_errors=True)


class Sent(_Model):
    """When the message was first sent: a day, a span, or an age."""

    day: str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    older_than: str | None = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        ways = [self.day is not None, bool(self.from_ or self.to), self.older_than is not None]
        if sum(ways) != 1:
            raise ValueError("exactly one of a day, a span and an age is needed")
        return self


class Filter(_Model):
    """Which messages; a message must satisfy every part."""

    sent: Sent | None = None
    where: Annotated[str, Field(min_length=1)] | None = None
    max_redrives: Annotated[int, Field(ge=0)] | None = None


class Request(_Model):
    """A whole request. Only `queue` is required. The README's request table is the reference."""

    queue: Annotated[str, Field(min_length=1)]
    destination: Annotated[str, Field(min_length=1)] | None = None
    filter: Filter = Filter()
    transform: Annotated[str, Field(min_length=1)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    rate: Annotated[int, Field(ge=1)] | None = None
    lanes: Annotated[int, Field(ge=1, le=MOST_LANES)] | None = None
    path: Literal["auto", "native", "custom"] = "auto"
    preview: bool = False
    alone: bool = False
    timezone: str = "UTC"

    def as_typed(self) -> dict[str, Any]:
        """Give the request as a document again, without what was left out."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)


def parse(document: Any) -> Request:
    """Validate a request document. Raises InvalidRequest naming the field and what to write instead."""
    if not isinstance(document, dict):
        raise InvalidRequest('the request: it must be a JSON object, as in {"queue": "orders-dlq"}.')
    try:
        return Request.model_validate(document)
    except ValidationError as error:
        # A misspelt field is said before the one that is missing because of it.
        worst = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise InvalidRequest(_sentence(worst)) from error


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
        value = _Age.model_validate_json(f'{{"age": "{text}"}}').age if text.startswith("P") else None
    except ValidationError:
        value = None
    if value is None or value <= timedelta(0):
        raise _wrong("filter.sent.older_than", f"{text!r} is no duration")
    return value


class _Age(BaseModel):
    age: timedelta  # pydantic reads ISO 8601 durations


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _sentence(error: ErrorDetails) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(".".join(map(str, error["loc"][:-1])), str(error["loc"][-1]))
    if error["type"] in {"model_type", "model_attributes_type", "dict_type"}:
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

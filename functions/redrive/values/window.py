"""Windows of time: from what an operator calls a day to milliseconds, fixed once for the whole run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from redrive.values.errors import InvalidRequest
from redrive.values.request import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from redrive.values.request import Window

Span = tuple[int | None, int | None]  # [from, to) in milliseconds since the epoch; None is open


def zone(name: str) -> ZoneInfo:
    """Give a time zone. Raises InvalidRequest when IANA knows none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise _wrong("timezone", f"{name!r} is no time zone") from error


def span_of(window: Window | None, now: datetime, duration: Callable[[str], timedelta | None]) -> Span:
    """Turn `filter.sent` into a span. Raises InvalidRequest.

    `now` is the execution's start in the request's time zone, so that a retry, or a run across midnight, decides
    the same. A bare day means all of it, at both ends of a span. `duration` reads ISO 8601, None where it is none.
    """
    if window is None:
        return None, None
    if window.older_than is not None:
        age = duration(window.older_than)
        if age is None or age <= timedelta(0):
            raise _wrong("filter.sent.older_than", f"{window.older_than!r} is no duration")
        # In UTC: between two clock times of a zone that changes its clocks, less or more time may have passed.
        try:
            return None, _ms(now.astimezone(UTC) - age)
        except OverflowError as error:
            raise _wrong("filter.sent.older_than", f"{window.older_than!r} is longer than time goes back") from error
    if window.day is not None:
        first = _day(window.day, now)
        try:
            return _ms(_midnight(first, now)), _ms(_midnight(first + timedelta(days=1), now))
        except OverflowError as error:
            raise _wrong("filter.sent.day", f"{window.day!r} is no day that ends") from error
    start = _moment(window.from_, "filter.sent.from", now, end=False) if window.from_ else None
    end = _moment(window.to, "filter.sent.to", now, end=True) if window.to else None
    if start is not None and end is not None and start >= end:
        raise InvalidRequest(
            f"filter.sent: from ({window.from_}) is not before to ({window.to}); write the earlier one in from."
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


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _wrong(field: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {what}; write {EXAMPLES[field]}.")

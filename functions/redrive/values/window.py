"""Times: from what an operator writes to milliseconds, fixed once for the whole run.

A text is matched by the grammar below before it is read, and what does not match is refused: Python's own parsers take
more than anybody means. docs/request.md has the grammar for people.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from redrive.values.errors import InvalidRequest
from redrive.values.request import EXAMPLES

if TYPE_CHECKING:
    from redrive.values.request import Window

Span = tuple[int | None, int | None]  # [from, to) in milliseconds since the epoch; None is open

YEARS = range(2000, 2100)  # SQS is from 2004; what lies outside is a slip of the keyboard
CLOCKS = timedelta(minutes=5)  # by which the clocks of two machines may differ

_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
_OFFSET = r"Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})"
_DAY = re.compile(_DATE)
_MOMENT = re.compile(rf"{_DATE}[T ]{_TIME}(?P<offset>{_OFFSET})?")
_EPOCH = re.compile(r"[0-9]{10}(?:[0-9]{3})?")  # today's seconds and milliseconds
_N = "([0-9]{1,6})"
_DURATION = re.compile(rf"P(?=[0-9T])(?:{_N}W)?(?:{_N}D)?(?:T(?=[0-9])(?:{_N}H)?(?:{_N}M)?(?:{_N}S)?)?")
_SHORT_DURATION = re.compile(rf"(?=[0-9])(?:{_N}w)?(?:{_N}d)?(?:{_N}h)?(?:{_N}m)?(?:{_N}s)?")
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")
_FURTHEST_OFFSET = timedelta(hours=14)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_OF_ALL = datetime(YEARS[0], 1, 1, tzinfo=UTC)
_LONGEST_SHOWN = 60  # characters


def zone(name: str) -> ZoneInfo:
    """Give a time zone. Raises InvalidRequest when IANA knows none of that name."""
    # `right/…` counts leap seconds, and the others are whatever a machine is set to: none is a name of IANA's.
    if name.startswith(("right/", "posix/")) or name in {"localtime", "posixrules", "Factory"}:
        raise _wrong("timezone", f"{_shown(name)} is no time zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise _wrong("timezone", f"{_shown(name)} is no time zone") from error


def reckoned_from(as_of: str | None, started: datetime) -> datetime:
    """Give the moment that `today`, `yesterday`, `now` and ages are reckoned from. Raises InvalidRequest.

    `started` is the execution's start in the request's time zone. A bare day is its beginning.
    """
    if as_of is None:
        return started
    day = _DAY.fullmatch(as_of)
    moment = _midnight(_date(day, "as_of"), started) if day else _moment(as_of, "as_of", started)
    # In UTC: Python takes two times of one zone for clock times, whatever the clocks did between them.
    moment = moment.astimezone(UTC)
    if moment - started.astimezone(UTC) > CLOCKS:
        raise _wrong("as_of", f"{as_of} is yet to come")
    return moment.astimezone(started.tzinfo)


def span_of(window: Window | None, now: datetime) -> Span:
    """Turn `filter.sent` into a span. Raises InvalidRequest.

    `now` is what `reckoned_from` gave, so that a retry, or a run across midnight, decides the same. A bare day means
    all of it, at both ends of a span.
    """
    if window is None:
        return None, None
    if window.older_than is not None:
        return None, _ms(_before(now, window.older_than))
    if window.day is not None:
        day = _day(window.day, "filter.sent.day", now)
        if day is None:
            raise _no_time("filter.sent.day", window.day, "day")
        span = _ms(_midnight(day, now)), _ms(_midnight(day + timedelta(days=1), now))
        if span[0] == span[1]:  # Samoa had no 2011-12-30
            raise _wrong("filter.sent.day", f"there was no {day} in {now.tzinfo}")
        return span
    start = None if window.from_ is None else _ms(_end(window.from_, "filter.sent.from", now, last=False))
    end = None if window.to is None else _ms(_end(window.to, "filter.sent.to", now, last=True))
    if start is not None and end is not None and start >= end:
        raise InvalidRequest(
            f"filter.sent: from ({window.from_}) is not before to ({window.to}); write the earlier one in from."
        )
    return start, end


def _end(text: str, field: str, now: datetime, *, last: bool) -> datetime:
    """Give an end of a span: of a day, its beginning, or the next day's if it is the `last`."""
    day = _day(text, field, now)
    if day is not None:
        return _midnight(day + timedelta(days=last), now)
    return now if text == "now" else _moment(text, field, now)


def _day(text: str, field: str, now: datetime) -> date | None:
    if text in {"today", "yesterday"}:
        return now.date() - timedelta(days=text == "yesterday")
    match = _DAY.fullmatch(text)
    return _date(match, field) if match else None


def _date(match: re.Match[str], field: str) -> date:
    year, month, day = (int(match[name]) for name in ("year", "month", "day"))
    if year not in YEARS:
        raise _wrong(field, f"{match[0]} is not within the years {YEARS[0]} to {YEARS[-1]}")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise _wrong(field, f"{match[0]} is in no calendar") from error


def _moment(text: str, field: str, now: datetime) -> datetime:
    match = _MOMENT.fullmatch(text)
    if not match:
        raise _no_time(field, text, "date")
    day = _date(match, field)
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    milliseconds = int((match["fraction"] or "0").ljust(3, "0")[:3])  # what is finer is cut off, as SQS does
    try:
        wall = datetime.combine(day, time(hour, minute, second, milliseconds * 1000))
    except ValueError as error:
        raise _wrong(field, f"{text} is a time that no clock shows") from error
    if match["offset"] is None:
        return _local(wall, text, field, now)
    offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    if offset > _FURTHEST_OFFSET or int(match["minutes"] or 0) >= 60:  # noqa: PLR2004
        raise _wrong(field, f"no clock on earth is {match['offset']} from UTC")
    return wall.replace(tzinfo=timezone(-offset if match["sign"] == "-" else offset))


def _local(wall: datetime, text: str, field: str, now: datetime) -> datetime:
    """Give the moment at which the clocks of the request's time zone show `wall`, which must be one."""
    first, second = (wall.replace(tzinfo=now.tzinfo, fold=fold) for fold in (0, 1))
    before, after = first.utcoffset(), second.utcoffset()
    if before == after or before is None or after is None:
        return first
    if before < after:
        raise InvalidRequest(
            f"{field}: there is no {text} in {now.tzinfo}, where the clocks go forward; "
            "write another time, or one with its offset from UTC."
        )
    both = (moment.isoformat() for moment in (first, second))
    raise InvalidRequest(
        f"{field}: {text} comes twice in {now.tzinfo}, where the clocks go back; write {' or '.join(both)}."
    )


def _midnight(day: date, now: datetime) -> datetime:
    # Where the clocks change at midnight: the first moment of the day.
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)


def _before(now: datetime, older_than: str) -> datetime:
    field = "filter.sent.older_than"
    match = _DURATION.fullmatch(older_than) or _SHORT_DURATION.fullmatch(older_than)
    if not match:
        raise _wrong(field, f"{_shown(older_than)} is no duration")
    age = timedelta(**{unit: int(number or 0) for unit, number in zip(_UNITS, match.groups(), strict=True)})
    if not age:
        raise _wrong(field, f"{older_than} is no time at all")
    # In UTC: between two clock times of a zone that changes its clocks, less or more time may have passed.
    now = now.astimezone(UTC)
    if age > now - _FIRST_OF_ALL:
        raise _wrong(field, f"{older_than} ago is before the year {YEARS[0]}")
    return now - age


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH_BEGAN) // _MILLISECOND


def _no_time(field: str, text: str, what: str) -> InvalidRequest:
    if not _EPOCH.fullmatch(text):
        return _wrong(field, f"{_shown(text)} is no {what}")
    # Also the right one is refused: nobody sees that seconds are of another year, and a run chooses by them.
    seconds, milliseconds = text[:10], text[10:]
    moment = f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}{'.' * bool(milliseconds)}{milliseconds}Z"
    meant = moment[:10] if what == "day" else moment
    return InvalidRequest(f'{field}: {text} is a count from 1970, and no {what}; write "{meant}" if you mean that.')


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")


def _wrong(field: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {what}; write {EXAMPLES[field]}.")

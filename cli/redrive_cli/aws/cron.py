"""When a schedule of EventBridge Scheduler fires next, as far as its expression alone tells.

The grammar is Scheduler's (EventBridge Scheduler User Guide, schedule types): six fields, a time zone, and times that
no clock shows passed over. `L`, `W` and `#` are not read, and the moments of a rate() nobody tells: of these, None.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_FURTHEST = 366 * 5  # days, in which there is every date but the 29th of February of some centuries
_MONTHS = {
    name: n
    for n, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
_DAYS = {name: n for n, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_NO_NAMES: dict[str, int] = {}
_FIELDS = (
    (0, 59, _NO_NAMES),
    (0, 23, _NO_NAMES),
    (1, 31, _NO_NAMES),
    (1, 12, _MONTHS),
    (1, 7, _DAYS),
    (1970, 2199, _NO_NAMES),
)
_PART = re.compile(r"(?:(?P<all>\*)|(?P<first>[0-9A-Z]+)(?:-(?P<last>[0-9A-Z]+))?)(?:/(?P<step>[0-9]+))?")


def next_time(expression: str, zone: str, now: datetime) -> datetime | None:
    """Give the next moment after `now`, in UTC; None when it is over, or the expression alone does not tell."""
    found = re.fullmatch(r"(at|cron)\((.+)\)", expression.strip())
    if not found:
        return None
    try:
        local = ZoneInfo(zone)
        if found[1] == "at":
            moment = datetime.fromisoformat(found[2]).replace(tzinfo=local).astimezone(UTC)
            return moment if moment > now else None
        return _next_of(found[2].split(), local, now)
    except (ValueError, KeyError, OSError):
        return None


def _next_of(fields: list[str], zone: ZoneInfo, now: datetime) -> datetime | None:
    minutes, hours, days, months, weekdays, years = (
        _values(text, *field) for text, field in zip(fields, _FIELDS, strict=True)
    )
    today = now.astimezone(zone).date()
    for ahead in range(_FURTHEST):
        day = today + timedelta(days=ahead)
        fits = day.day in days and day.isoweekday() % 7 + 1 in weekdays  # one of the two is a ?
        if not (fits and day.month in months and day.year in years):
            continue
        for minute in (hour * 60 + minute for hour in sorted(hours) for minute in sorted(minutes)):
            wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
            moment = wall.astimezone(UTC)
            if moment > now and moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                return moment
    return None


def _values(text: str, least: int, most: int, names: dict[str, int]) -> set[int]:
    if text == "?":
        return set(range(least, most + 1))
    values: set[int] = set()
    for part in text.upper().split(","):
        found = _PART.fullmatch(part)
        if not found:
            raise ValueError(part)
        step = int(found["step"] or 1)
        first = least if found["all"] else _number(found["first"], names)
        last = (
            most
            if found["all"] or (found["step"] and not found["last"])
            else _number(found["last"] or found["first"], names)
        )
        if not (step and least <= first <= most and least <= last <= most):
            raise ValueError(part)
        # FRI-MON goes over the end.
        whole = range(first, last + 1) if first <= last else [*range(first, most + 1), *range(least, last + 1)]
        values |= set(whole[::step])
    return values


def _number(text: str, names: dict[str, int]) -> int:
    return names[text] if text in names else int(text)

"""Words: counts, times and spans as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.values.outcome import Outcome

if TYPE_CHECKING:
    from redrive.values.outcome import Counts
    from redrive.values.queue import QueueDepth

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def told_counts(counts: Counts) -> str:
    """Give the counts that are not zero, as in `10 received, 8 sent, 2 held`."""
    named = {name: counts[name] for name in ("received", *Outcome)}
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in named.items() if number)


def told_depth(depth: QueueDepth) -> str:
    """Tell how many messages a queue has, as in `5 visible, 0 in flight`."""
    delayed = f", {depth.delayed:,} delayed" if depth.delayed else ""
    return f"{depth.visible:,} visible, {depth.in_flight:,} in flight{delayed}"


def duration(seconds: float) -> str:
    """Give a span of time in its two largest units, as in `9 s`, `4 min 10 s`, `2 h 5 min` or `3 d 4 h`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    for unit, size, smaller, small in (("d", _DAY, "h", _HOUR), ("h", _HOUR, "min", _MINUTE), ("min", _MINUTE, "s", 1)):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    raise AssertionError("a minute is a minute")


def plural(number: int, noun: str) -> str:
    """Give a number and what it counts, as in `1 message` or `2,000 messages`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

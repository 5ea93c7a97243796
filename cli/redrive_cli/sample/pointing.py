"""Pointing: the place in an expression that an error names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACE = re.compile(r"(?P<field>[^:]+): (?:line (?P<line>[0-9]+), )?column (?P<column>[0-9]+): ")


@dataclass(frozen=True)
class Pointed:
    """A line of an expression, and the place in it, from 0."""

    line: str
    at: int


def pointed(sentence: str, source: str) -> Pointed | None:
    """Give the line of `source` that an error of the expressions is about; None when it names no place."""
    found = _PLACE.match(sentence)
    if not found:
        return None
    lines = source.split("\n")
    number = int(found["line"] or 1) - 1
    return Pointed(lines[number], int(found["column"]) - 1) if number < len(lines) else None

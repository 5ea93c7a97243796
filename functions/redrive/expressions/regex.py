"""Regular expressions: JSONata's are JavaScript's, and are written here as Python's."""

from __future__ import annotations

import re
import warnings
from typing import Any

# What means something else there, outside and inside of a set: digits and words are ASCII, an end is the very end.
_OUTSIDE = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\w": "[A-Za-z0-9_]", r"\W": "[^A-Za-z0-9_]"}
_INSIDE = {r"\d": "0-9", r"\w": "A-Za-z0-9_"}
_PART = re.compile(r"\\k<\w+>|\\.|\(\?<(?=[A-Za-z_])|\[\^?|\]|\$|[^\\]", re.DOTALL)


def compiled(pattern: str, flags: Any) -> re.Pattern[str]:
    """Compile a pattern of JavaScript; the flags are the engine's. Raises re.error."""
    parts = []
    inside = False
    for part in _PART.findall(pattern):
        if inside:
            parts.append(_INSIDE.get(part, r"\[" if part == "[" else part))
            inside = part != "]"
        elif part in ("[", "[^"):
            parts.append(part)
            inside = True
        else:
            parts.append(_translated(part, flags.multiline))
    chosen = re.IGNORECASE * flags.case_insensitive | re.MULTILINE * flags.multiline
    with warnings.catch_warnings():
        # Python warns of sets that may mean something else one day, and shows where our file stands.
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile("".join(parts), chosen)


def _translated(part: str, multiline: bool) -> str:
    if part == "$":
        return "$" if multiline else r"\Z"
    if part == "(?<":
        return "(?P<"
    if part.startswith(r"\k<"):
        return f"(?P={part[3:-1]})"
    return _OUTSIDE.get(part, part)

"""JSONata, written: names, texts and numbers as they stand in an expression, on one line and printable."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from redrive.expressions.exact import ANY_DIGIT, Written, decimal_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"and", "or", "in", "true", "false", "null", "function"}
_IN_FULL = 21  # digits
_LAST_OF_FOUR_DIGITS = "\uffff"


def path(names: Iterable[str]) -> str:
    """Write the path to a field of a message, as in ``body.error.`the code` ``."""
    return ".".join(map(_name, names))


def text(value: str) -> str:
    """Write a text in quotation marks."""
    return "".join(map(_visible, json.dumps(value, ensure_ascii=False)))


def number(value: float) -> str:
    """Write a number of a message; what is equal is written alike."""
    if isinstance(value, int):
        return str(value)
    written = value.text if isinstance(value, Written) else repr(value)
    try:
        exact = decimal_of(value)
        if exact == exact.to_integral_value() and exact.adjusted() < _IN_FULL:
            return str(int(exact))  # 1E+2 is nothing that somebody would write of 100
        return str(exact.normalize(ANY_DIGIT))
    except ArithmeticError:  # its exponent has too many digits
        return written


def constant(value: Any) -> str | None:
    """Write a text, a number, true, false or null; None of anything else."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return text(value)
    return number(value) if isinstance(value, int | float) else None


def _name(name: str) -> str:
    if _PLAIN.fullmatch(name) and name not in _WORDS:
        return name
    # Backquotes know no escape; in a path a text is a name as well.
    return f"`{name}`" if name and name.isprintable() and "`" not in name else text(name)


def _visible(character: str) -> str:
    is_fine = character.isprintable() or character > _LAST_OF_FOUR_DIGITS
    return character if is_fine else f"\\u{ord(character):04x}"

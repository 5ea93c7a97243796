"""Exact: JSON whose numbers stay what was written, and what is calculated and compared with them.

A whole number is an `int`, of any size. One with a point or an exponent is a `Written`, which keeps its text. A plain
`float` is one that was calculated.
"""

from __future__ import annotations

import json
import math
import re
import sys
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_DIGITS = 4300  # of a whole number that Python reads and writes
_LARGEST = sys.float_info.max
_LEAST = math.ulp(0.0)
_SAFE = 1 << 53  # from here on a float is no longer exactly the whole number that it was made of
_IN_FULL = 21  # digits of a whole number that was a float; JavaScript writes longer ones with an exponent
EVERY_DIGIT = Context(prec=5000, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Inexact])
ANY_DIGIT = Context(prec=5000, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_ROUNDED = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


class OutOfRange(ArithmeticError):  # noqa: N818 - what happened to a number
    """There is no such number, or it cannot be told exactly."""


class Written(float):
    """A number as it was written. As a float it is the nearest one that is finite, and zero only if it is zero."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Read a number of JSON."""
        near = float(text)
        if math.isinf(near):
            near = math.copysign(_LARGEST, near)
        elif near == 0 and text.lower().partition("e")[0].strip("-0."):
            near = math.copysign(_LEAST, near)
        self = super().__new__(cls, near)
        self.text = text
        return self

    def __repr__(self) -> str:
        """Give the text."""
        return self.text


def _whole(text: str) -> int | Written:
    return int(text) if len(text) <= MOST_DIGITS and text != "-0" else Written(text)


def _no_json(constant: str) -> Any:
    # Python's parser takes NaN and Infinity for JSON; JSON does not.
    raise ValueError(constant)


# Made once: `json.loads` would make one for each text.
_read = json.JSONDecoder(parse_int=_whole, parse_float=Written, parse_constant=_no_json).decode


def read(text: str) -> Any:
    """Read JSON, also behind a byte order mark. Raises ValueError or RecursionError when it is none."""
    return _read(text.removeprefix("\ufeff"))


def write(
    value: Any,
    other: Callable[[Any], str],
    *,
    escapes: Mapping[str, str] | None = None,
    number: Callable[[float], str] = repr,
    indent: str = "",
) -> str:
    """Write JSON, numbers as they were written and calculated ones by `number`.

    `other` writes what is no JSON value; `escapes` are texts (quoted) by what they say; with `indent` each element has
    a line of its own.
    """
    quoted = escapes.get if escapes else None
    colon = ": " if indent else ":"

    def of(value: Any, margin: str) -> str:
        kind = type(value)
        if kind is str:
            return (quoted and quoted(value)) or _quoted(value)
        if kind is Written:
            return str(value.text)
        if kind is int:
            return str(value)
        if isinstance(value, dict):
            deeper = margin + indent
            return _joined(
                [of(key, "") + colon + of(each, deeper) for key, each in value.items()], "{}", margin, indent
            )
        if isinstance(value, list):
            deeper = margin + indent
            return _joined([of(each, deeper) for each in value], "[]", margin, indent)
        if kind is float:
            return number(value)
        return _CONSTANTS[value] if kind is bool or value is None else other(value)

    return of(value, "")


_quoted = json.encoder.encode_basestring
_CONSTANTS = {None: "null", True: "true", False: "false"}


def _joined(parts: list[str], brackets: str, margin: str, indent: str) -> str:
    if not parts or not indent:
        return brackets[0] + ",".join(parts) + brackets[1]
    line = "\n" + margin + indent
    return f"{brackets[0]}{line}{f',{line}'.join(parts)}\n{margin}{brackets[1]}"


_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')


def escapes_of(text: str) -> dict[str, str]:
    """Give the texts in this JSON that have an escape, quoted as they are there, by what they say."""
    if "\\" not in text:
        return {}
    return {_read(quoted): quoted for quoted in _TEXT.findall(text) if "\\" in quoted}


def simplest(text: str) -> float:
    """Read a number of JSON whose text matters to nobody."""
    return settled(_decimal(text))


def literal(text: str) -> float:
    """Read a number that stands in an expression. Raises OutOfRange when its exponent has too many digits."""
    number = simplest(text)
    return number if abs(number) <= _LARGEST else Written(text)  # as it is written, not in hundreds of digits


def settled(exact: Decimal) -> float:
    """Give a decimal as an int or a float, if one is exactly that, else in writing."""
    if exact == exact.to_integral_value() and exact.adjusted() < MOST_DIGITS:
        return int(exact)
    near = float(exact)
    return near if Decimal(repr(near)) == exact else Written(str(exact))


def plain(near: float) -> float:
    """Give a calculated float as an int, if it is whole. Raises OutOfRange when it is no number."""
    if not math.isfinite(near):
        raise OutOfRange
    return int(near) if near.is_integer() and abs(near) < 10**_IN_FULL else near


def decimal_of(number: float) -> Decimal:
    """Give a number as a decimal, a calculated one as it would be written. Raises OutOfRange."""
    if isinstance(number, Written):
        return _decimal(number.text)
    return Decimal(number) if isinstance(number, int) else Decimal(repr(number))


def whole_of(number: float) -> int:
    """Give the whole part of a number. Raises OutOfRange when it has more digits than anybody needs."""
    exact = decimal_of(number)
    if exact.adjusted() >= MOST_DIGITS:
        raise OutOfRange
    return int(exact)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except DecimalException as error:  # its exponent has too many digits
        raise OutOfRange from error


def is_number(value: Any) -> bool:
    """Tell whether it is a number; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def order(left: float, right: float) -> int:
    """Compare two numbers: below, at or above zero as the left one is less, equal or greater."""
    if type(left) is Written or type(right) is Written:
        # To round keeps the order, so that only what is equal then must be looked at.
        near_left, near_right = _near(left), _near(right)
        if near_left == near_right:
            if repr(left) == repr(right):
                return 0
            exact_left, exact_right = decimal_of(left), decimal_of(right)
            return (exact_left > exact_right) - (exact_left < exact_right)
        return 1 if near_left > near_right else -1
    return (left > right) - (left < right)


def _near(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return _LARGEST if number > 0 else -_LARGEST


def equal(left: Any, right: Any, null: Any = None) -> bool:
    """Tell whether two JSON values are the same: of the same type, numbers by their value. `null` is another null."""
    kind = type(left)
    if kind is str or kind is bool:
        return kind is type(right) and bool(left == right)
    if isinstance(left, int | float):
        return is_number(right) and order(left, right) == 0
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(equal(one, other, null) for one, other in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(equal(value, right[key], null) for key, value in left.items())
        )
    return left is right or ((left is None or left is null) and (right is None or right is null))


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are written the same, the order of their keys too."""
    if left is right:
        return True
    if isinstance(left, Written) or isinstance(right, Written):
        return repr(left) == repr(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return equal(left, right)


def calculate(operator: str, left: float, right: float) -> float:
    """Add, subtract, multiply, divide, or give the rest. Raises OutOfRange, ZeroDivisionError.

    Whole numbers are exact; others are as JSONata has them, in floats, unless a float cannot hold what they are.
    """
    if isinstance(left, int) and isinstance(right, int):
        if operator in _WHOLE:
            return _WHOLE[operator](left, right)
        if operator == "%":
            rest = abs(left) % abs(right)
            return -rest if left < 0 else rest
        quotient, rest = divmod(left, right)
        if rest == 0:
            return quotient
    if _is_beyond(left) or _is_beyond(right):
        try:
            return settled(_EXACT[operator](decimal_of(left), decimal_of(right)))
        except DecimalException as error:
            if not right:
                raise ZeroDivisionError from error
            raise OutOfRange from error
    try:
        return plain(_NEAR[operator](float(left), float(right)))
    except (OverflowError, ValueError) as error:  # math.fmod says ValueError of a zero
        if not right:
            raise ZeroDivisionError from error
        raise OutOfRange from error


_WHOLE: dict[str, Callable[[int, int], int]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}
_NEAR: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": math.fmod,
}
_EXACT = {
    "+": EVERY_DIGIT.add,
    "-": EVERY_DIGIT.subtract,
    "*": EVERY_DIGIT.multiply,
    "/": _ROUNDED.divide,
    "%": EVERY_DIGIT.remainder,
}


def negated(number: float) -> float:
    """Give a number with the other sign."""
    if isinstance(number, Written) and _is_beyond(number):
        # As it is written: to calculate it would write all of its digits.
        return Written(number.text[1:] if number.text.startswith("-") else f"-{number.text}")
    return calculate("-", 0, number)


def near(number: float) -> float:
    """Give a number as the nearest float. Raises OutOfRange when it is larger, or smaller, than floats are."""
    try:
        nearest = float(number.text if isinstance(number, Written) else number)
    except OverflowError as error:
        raise OutOfRange from error
    if math.isinf(nearest) or (nearest == 0 and number != 0):
        raise OutOfRange
    return nearest


def _is_beyond(number: float) -> bool:
    """Tell whether a float is not this number."""
    if isinstance(number, int):
        return abs(number) > _SAFE
    return isinstance(number, Written) and Decimal(repr(float(number))) != decimal_of(number)


def short(number: float) -> str:
    """Write a calculated float as JSONata does where it makes texts: with 15 digits."""
    return scripted(float(f"{number:.15g}"))


def scripted(number: float) -> str:
    """Write a calculated float as JavaScript does."""
    text = repr(number)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text.removesuffix(".0")
    least = -7
    if least < int(exponent) < 0:
        return format(Decimal(text), "f")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"

"""The functions of expressions that the engine's library lacks, or has other than JSONata says."""

from __future__ import annotations

import base64
import gzip
import math
import re
import zlib
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.parser import Parser
from jsonata.utils import Utils

from redrive.expressions.exact import (
    ANY_DIGIT,
    OutOfRange,
    calculate,
    decimal_of,
    equal,
    is_number,
    near,
    negated,
    order,
    plain,
    read,
    scripted,
    settled,
    short,
    simplest,
    whole_of,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_EPOCH = datetime.fromtimestamp(0, UTC)
_PER_MILLE = 3  # digits more that a number has as so many of a thousand
_MOST_BITS = 1 << 14  # of a power that is calculated exactly


class Wrong(JException):
    """What is wrong, by its code in `words`. The library would make a text of it, with values in it."""

    def __init__(self, error: str, location: int, current: str | None = None, expected: str | None = None) -> None:
        RuntimeError.__init__(self, error)
        self.error, self.location, self.current, self.expected = error, location, current, expected


def string(value: Any, prettify: bool | None) -> str | None:
    """`$string`: numbers of a message as they are there, calculated ones with 15 digits, whole ones in full."""
    if isinstance(value, Utils.JList) and value.outer_wrapper:
        value = value[0]
    if value is None or isinstance(value, str):
        return value
    if _is_function(value):
        return ""
    return write(value, _other, number=short, indent="  " if prettify else "")


def _other(value: Any) -> str:
    return "null" if value is Utils.NULL_VALUE else '""' if _is_function(value) else scripted(value)


def _is_function(value: Any) -> bool:
    return isinstance(value, Parser.Symbol) or Utils.is_function(value) or Functions.is_regex(value)


def clone(value: Any) -> Any:
    """`$clone`: a copy in which numbers stay what they are."""
    if isinstance(value, dict):
        return {key: clone(each) for key, each in value.items() if not _is_function(each)}
    if isinstance(value, list):
        return [clone(each) for each in value]
    return value


def told(value: Any) -> Any:
    """Copy JSON as the library wants it: null is a value of its own, and None is what is missing."""
    whole = [value]
    open_: list[Any] = [whole]
    while open_:  # no function that calls itself, since JSON may be deeper than Python goes
        outer = open_.pop()
        for key, each in outer.items() if isinstance(outer, dict) else enumerate(outer):
            if each is None:
                outer[key] = Utils.NULL_VALUE
            elif isinstance(each, dict | list):
                outer[key] = each.copy()
                open_.append(outer[key])
    return whole[0]


def in_order(items: Sequence[Any], is_before: Callable[[Any, Any], bool], key: Callable[[Any], Any]) -> list[Any]:
    """Sort, and leave in their order what neither comes before the other."""

    class _Place:
        __slots__ = ("by",)

        def __init__(self, item: Any) -> None:
            self.by = key(item)

        def __lt__(self, other: _Place) -> bool:
            return is_before(self.by, other.by)

    return sorted(items, key=_Place)


def _sort(items: Any, comparator: Any) -> Any:
    if items is None or len(items) <= 1:
        return items
    if comparator is not None:  # it tells whether the first is to come after the second

        def comes_after(one: Any, other: Any) -> bool:
            return bool(Functions.to_boolean(Functions.func_apply(comparator, [one, other])))

        return in_order(items, lambda later, earlier: comes_after(earlier, later), lambda item: item)
    if all(isinstance(item, str) for item in items):
        return sorted(items)
    if not all(is_number(item) for item in items):
        raise Wrong("D3070", -1)
    return in_order(items, lambda one, other: order(one, other) < 0, lambda item: item)


def _distinct(items: Any) -> Any:
    if not isinstance(items, list) or len(items) <= 1:
        return items
    kept = Utils.create_sequence() if isinstance(items, Utils.JList) else []
    found: set[Any] = set()  # to compare each with each would take the square of their number
    for item in items:
        key = _key_of(item)
        if key is not None:
            if key not in found:
                found.add(key)
                kept.append(item)
        elif not any(equal(item, each, Utils.NULL_VALUE) for each in kept):
            kept.append(item)
    return kept


def _key_of(item: Any) -> Any:
    """Give what is the same for what is equal: a text, or a number's value; None for anything else."""
    if isinstance(item, str):
        return item
    return decimal_of(item) if is_number(item) else None


def _sum(numbers: Any) -> Any:
    if numbers is None:
        return None
    total: float = 0
    for each in numbers:
        total = calculate("+", total, each)
    return total


def _average(numbers: Any) -> Any:
    return calculate("/", _sum(numbers), len(numbers)) if numbers else None


def _max(numbers: Any) -> Any:
    return reduce(lambda most, each: each if order(each, most) > 0 else most, numbers) if numbers else None


def _min(numbers: Any) -> Any:
    return reduce(lambda least, each: each if order(each, least) < 0 else least, numbers) if numbers else None


def _number(value: Any) -> Any:
    if value is None or is_number(value):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return simplest(value)
    base = _BASES.get(value[:2].lower()) if isinstance(value, str) else None
    if base is None or not value[2:].isalnum():
        raise Wrong("D3030", -1)
    try:
        return int(value[2:], base)
    except ValueError as error:
        raise Wrong("D3030", -1) from error


def _abs(number: Any) -> Any:
    return number if number is None or number >= 0 else negated(number)


def _floor(number: Any) -> Any:
    return None if number is None else _rounded(number, 0, ROUND_FLOOR)


def _ceil(number: Any) -> Any:
    return None if number is None else _rounded(number, 0, ROUND_CEILING)


def _round(number: Any, places: Any) -> Any:
    return None if number is None else _rounded(number, int(places or 0), ROUND_HALF_EVEN)


def _rounded(number: Any, places: int, way: str) -> Any:
    exact = decimal_of(number)
    whole_of(number)  # so many digits, and no more
    unit = Decimal(1).scaleb(-places)
    if places > -exact.as_tuple().exponent:  # type: ignore[operator]  # there is nothing to round
        return number
    return settled(exact.quantize(unit, rounding=way, context=ANY_DIGIT))


def _sqrt(number: Any) -> Any:
    if number is not None and number < 0:
        raise Wrong("D3060", -1)
    return None if number is None else plain(math.sqrt(near(number)))


def _power(number: Any, exponent: Any) -> Any:
    if number is None:
        return None
    is_whole = isinstance(number, int) and isinstance(exponent, int) and exponent >= 0
    if is_whole and exponent * number.bit_length() < _MOST_BITS:
        return number**exponent
    base, power = near(number), near(exponent)
    try:
        result = base**power
        return plain(result.real if isinstance(result, complex) and not result.imag else result)
    except (ArithmeticError, TypeError) as error:
        raise Wrong("D3061", -1) from error


def _format_number(number: Any, picture: Any, options: Any) -> Any:
    exact: Any = None if number is None else decimal_of(number)  # which it takes, whatever its types say
    if exact is not None and math.isinf(exact.scaleb(_PER_MILLE)):  # the library writes ∞
        raise OutOfRange
    return Functions.format_number(exact, picture, options)


def _format_base(number: Any, radix: Any) -> Any:
    if number is None:
        return None
    base = 10 if radix is None else int(radix)
    if not 2 <= base <= 36:  # noqa: PLR2004 - the digits and letters that there are
        raise Wrong("D3100", -1)
    return Functions.base_repr(whole_of(_rounded(number, 0, ROUND_HALF_EVEN)), base).lower()


def _format_integer(number: Any, picture: Any) -> Any:
    return None if number is None else Functions.format_integer(whole_of(number), picture)


_ISO = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)?)?", re.ASCII)


def _to_millis(text: Any, picture: Any) -> Any:
    if text is None or picture is not None:
        return Functions.datetime_to_millis(text, picture)
    parts = _ISO.fullmatch(_text(text))
    if not parts:
        raise Wrong("D3110", -1)
    year, month, day, rest = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{year}-{month or '01'}-{day or '01'}{rest or ''}")
    except ValueError as error:
        raise Wrong("D3110", -1) from error
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def _type(value: Any) -> Any:
    return "function" if _is_function(value) else Functions.type(value)


def _text(value: Any) -> Any:
    if value is Utils.NULL_VALUE:
        raise Wrong("T0410", -1)
    return value


def _lowercase(text: Any) -> Any:
    return None if text is None else _text(text).lower()


def _split(text: Any, separator: Any, limit: Any) -> Any:
    if text is None:
        return None
    if limit is not None and limit < 0:
        raise Wrong("D3020", -1)
    most = None if limit is None else int(limit)
    if isinstance(separator, str):
        return (text.split(separator) if separator else list(_text(text)))[:most]
    parts, end = [], 0
    for found in separator.finditer(_text(text)):
        parts.append(text[end : found.start()])
        end = found.end()
    return [*parts, text[end:]][:most]


def _replace(text: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
    if text is None:
        return None
    _text(text)
    if pattern == "":
        raise Wrong("D3010", -1)
    if limit is not None and limit < 0:
        raise Wrong("D3011", -1)
    if limit == 0:
        return text
    most = 0 if limit is None else int(limit)
    if isinstance(pattern, str):
        if not isinstance(replacement, str):
            raise Wrong("D3012", -1)
        return text.replace(pattern, replacement, most or -1)
    return pattern.sub(lambda found: _instead(found, replacement), text, count=most)


def _instead(found: re.Match[str], replacement: Any) -> str:
    if not found.group():
        raise Wrong("D1004", -1)
    if isinstance(replacement, str):
        return _filled(found, replacement)
    match = {"match": found.group(), "start": found.start(), "end": found.end(), "groups": list(found.groups())}
    text = Functions.func_apply(replacement, [match])
    if not isinstance(text, str):
        raise Wrong("D3012", -1)
    return text


def _filled(found: re.Match[str], replacement: str) -> str:
    """Put groups where `$1` names them: as many digits as there can be groups, `$$` is a dollar."""
    groups = [found.group(), *found.groups()]
    digits = len(str(len(groups) - 1))

    def group(named: re.Match[str]) -> str:
        name = named[1]
        if name == "$":
            return "$"
        if not name:
            return named[0]
        for end in range(min(digits, len(name)), 0, -1):
            if int(name[:end]) < len(groups):
                return (groups[int(name[:end])] or "") + name[end:]
        return name[1:]

    return re.sub(r"\$(\$|[0-9]*)", group, replacement)


def _base64decode(text: Any) -> Any:
    return None if text is None else _as_text(_unbased(_text(text)))


def _gunzip(text: Any) -> Any:
    """`$gunzip`: what was compressed and written in base64, as CloudWatch Logs and others do."""
    if text is None:
        return None
    try:
        return _as_text(gzip.decompress(_unbased(_text(text))))
    except (OSError, EOFError, zlib.error) as error:
        raise Wrong("gunzip", -1) from error


def _gzip(text: Any) -> Any:
    if text is None:
        return None
    return base64.b64encode(gzip.compress(_text(text).encode(errors="surrogatepass"), mtime=0)).decode()


def _unbased(text: str) -> bytes:
    plain_text = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain_text + "=" * (-len(plain_text) % 4), validate=True)
    except ValueError as error:
        raise Wrong("base64", -1) from error


def _as_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Wrong("binary", -1) from error


def _parse(text: Any) -> Any:
    """`$parse`: the value that a text of JSON says, as in Step Functions."""
    if text is None:
        return None
    try:
        return told(read(_text(text)))
    except (ValueError, RecursionError) as error:
        raise Wrong("parse", -1) from error


INSTEAD: dict[str, Callable[..., Any]] = {
    "string": string,
    "clone": clone,
    "sort": _sort,
    "distinct": _distinct,
    "sum": _sum,
    "average": _average,
    "max": _max,
    "min": _min,
    "number": _number,
    "abs": _abs,
    "floor": _floor,
    "ceil": _ceil,
    "round": _round,
    "sqrt": _sqrt,
    "power": _power,
    "formatNumber": _format_number,
    "formatBase": _format_base,
    "formatInteger": _format_integer,
    "toMillis": _to_millis,
    "type": _type,
    "lowercase": _lowercase,
    "split": _split,
    "replace": _replace,
    "base64decode": _base64decode,
}
MORE: dict[str, tuple[str, Callable[..., Any]]] = {
    "parse": ("<s-:x>", _parse),
    "gunzip": ("<s-:s>", _gunzip),
    "gzip": ("<s-:s>", _gzip),
}

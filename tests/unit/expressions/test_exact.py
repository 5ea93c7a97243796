"""Numbers: exact at any size, texts in full, and what is not touched keeps what was written."""

import json
import time
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from redrive.expressions.exact import (
    OutOfRange,
    Written,
    calculate,
    equal,
    escapes_of,
    order,
    read,
    same,
    scripted,
    simplest,
    write,
)
from redrive.expressions.jsonata import Expression
from redrive.values.errors import ExpressionFailed

IDS = [1610521604143693811, 1610521604143693812, 1610521604143693824]  # one float to all of them
BODY = """{
  "id": 1610521604143693812, "ids": [1610521604143693824, 1610521604143693812, 1610521604143693811],
  "amount": 12345678901234567.89, "price": 1.10, "total": 100.00, "big": 1e400, "small": 1e-400, "e": 1E5, "zero": 0.0,
  "huge": 1e99999, "below": -1e99999
}"""


def value_of(source):
    return Expression(source, "filter.where").evaluate({"body": read(BODY)}, {})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("body.id = 1610521604143693812", True),
        ("body.id = 1610521604143693811", False),
        ("body.id != 1610521604143693811", True),
        ("body.id > 1610521604143693811", True),
        ("body.id >= 1610521604143693813", False),
        ("body.id in [1610521604143693811, 1610521604143693824]", False),
        ("body.id in [7, 1610521604143693812]", True),
        ("$count($distinct(body.ids))", 3),
        ("$sort(body.ids)", IDS),
        ("body.ids^($)", IDS),
        ("body.ids^(>$)[0]", IDS[2]),
        ("$max(body.ids)", IDS[2]),
        ("$min(body.ids)", IDS[0]),
        ("body.ids[$ = 1610521604143693811]", IDS[0]),
        ("body.ids{$string($): $} ~> $keys ~> $count", 3),
        ("-body.id", -IDS[1]),
        ("body.id = -(-1610521604143693812)", True),
        ("body.id + 1", 1610521604143693813),
        ("body.id * 10", 16105216041436938120),
        ("body.id / 2", 805260802071846906),
        ("body.id % 10", 2),
        ("$sum(body.ids)", sum(IDS)),
        ("$abs(-body.id)", IDS[1]),
        ("$floor(body.id)", IDS[1]),
        ("$round(body.id, -1)", 1610521604143693810),
        ("$number('1610521604143693812') = body.id", True),
        ("'ORD-' & body.id", "ORD-1610521604143693812"),
        ("$string(body.id)", "1610521604143693812"),
        ("$string(1764000000000000)", "1764000000000000"),
        ("$string(1e21)", "1000000000000000000000"),  # jsonata-js gives 1e+21, as for any float
        ("$formatNumber(body.id, '#,##0')", "1,610,521,604,143,693,812"),
        ("$formatBase(body.id, 16)", "1659b8ddb613bff4"),
        ("body.amount = 12345678901234567.89", True),
        ("body.amount = 12345678901234567.88", False),
        ("body.amount > 12345678901234567.88", True),
        ("body.amount in [12345678901234567.88]", False),
        ("body.price = 1.1", True),
        ("body.total = 100", True),
        ("body.big > 1", True),
        ("body.big = body.big", True),
        ("body.big = 1e400", True),
        ("true and 1e400", True),
        ("-1e400 = -body.big", True),
        ("2 -1", 1),
        ("body.big > 1e399 and body.big < 1e401", True),
        ("body.huge = 1e99999 and body.huge != 1e99998", True),
        ("body.below = -1e99999", True),
        ("body.small = 1e-400", True),
        ("body.small = 0", False),
        ("body.small > 0", True),
        ("$boolean(body.small)", True),
        ("$boolean(body.zero)", False),
        ("'' & body.price", "1.10"),  # jsonata-js gives 1.1
        ("$string({'p': body.price})", '{"p":1.10}'),
        ("$string(body.big)", "1e400"),
        ("body.price + 1", 2.1),
        ("0.1 + 0.2 = 0.3", False),  # as in JSONata: floats
        ("1 in [true]", False),
        ("true in [1]", False),
        ("$distinct([1, true, 1.0])", [1, True]),
        ("$distinct([1, '1', 1.00, 10e-1, true, [1], [1.0]])", [1, "1", True, [1]]),
        ("$count($distinct([body.big, 1e400, body.huge, body.small, body.price, 1.1]))", 4),
        ("1 = true", False),
        ("[1..body.total][-1]", 100),
    ],
)
def test_numbers_are_exact_at_any_size(source, value):
    found = value_of(source)
    assert same(found, value), found


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("-body.big", "-1e400"),
        ("[1e400, true][0]", "1e400"),
        ("-1e400", "-1e400"),
        ("-(-body.big)", "1e400"),
        ("-body.huge", "-1e99999"),
        ("$abs(-body.huge)", "1e99999"),
        ("$abs(body.below)", "1e99999"),
        ("-body.small", "-1e-400"),
        ("-body.amount", "-12345678901234567.89"),
        ("-body.price", "-1.1"),
        ("-body.zero", "0"),
        ("$formatNumber(body.small, '0.0')", "0.0"),
    ],
)
def test_a_sign_is_changed_without_a_digit_more(source, text):
    found = value_of(source)
    assert (found if isinstance(found, str) else scripted(found) if type(found) is float else repr(found)) == text


def test_distinct_compares_no_number_with_every_other_one():
    begin = time.process_time()
    assert value_of("$count($distinct([1..20000]))") == 20_000
    assert time.process_time() - begin < 10  # the 200 million comparisons take a minute


def test_what_a_float_cannot_hold_is_calculated_exactly():
    assert repr(value_of("body.amount + 1")) == "12345678901234568.89"
    assert repr(value_of("body.id + 0.5")) == "1610521604143693812.5"
    assert repr(value_of("$sum([body.amount, 0.11])")) == "12345678901234568"


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0",
        "body.id / 0",
        "5 % 0",
        "0.5 / 0",
        "$number('1e9999') + $number('1e-9999')",
        "$power(10, 400000)",
        "$sqrt(-1)",
        "$sqrt(body.big)",
        "$sqrt(body.small)",
        "$power(body.big, 0.5)",
        "$power(2, body.small)",
        "$formatNumber(body.big, '0')",
        "$formatNumber(-body.big, '0')",
        "$formatNumber(1e307, '0%')",
    ],
)
def test_what_cannot_be_exact_or_is_no_number_is_refused(source):
    with pytest.raises(ExpressionFailed, match=r"^filter\.where: column \d+: "):
        value_of(source)


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)


@given(numbers, numbers)
def test_order_is_that_of_the_decimals(left, right):
    exact = Fraction(left), Fraction(right)
    assert order(read(left), read(right)) == (exact[0] > exact[1]) - (exact[0] < exact[1])
    assert equal(read(left), read(right)) == (exact[0] == exact[1])
    assert order(simplest(left), read(right)) == order(read(left), simplest(right)) == order(read(left), read(right))


@given(st.integers(), st.integers(), st.sampled_from("+-*"))
def test_whole_numbers_are_calculated_exactly(left, right, operator):
    assert calculate(operator, left, right) == {"+": left + right, "-": left - right, "*": left * right}[operator]


@given(numbers)
def test_a_number_is_written_as_it_was_read(text):
    assert write(read(text), other=repr) == text


@given(numbers)
def test_a_literal_is_what_it_says(text):
    try:
        value = simplest(text)
    except OutOfRange:
        assume(False)
    assert Fraction(repr(value)) == Fraction(text)


@pytest.mark.parametrize("text", ["1e99999999999999999999", "9" * 5000, "-0", "1" + "0" * 400 + ".5", "1e-99999"])
def test_a_number_of_any_length_is_kept(text):
    assert write(read(f"[{text}]"), other=repr) == f"[{text}]"
    assert isinstance(read(text), Written)
    assert equal(read(text), read(text)) or "99999999999999999999" in text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values, st.booleans())
def test_json_is_written_as_it_was_read(value, in_ascii):
    text = json.dumps(value, ensure_ascii=in_ascii, separators=(",", ":"))
    assert write(read(text), other=repr, escapes=escapes_of(text)) == text or "\\" in text
    assert same(read(write(read(text), other=repr, escapes=escapes_of(text))), read(text))


@given(values)
def test_prettified_it_is_as_javascript_writes_it(value):
    text = json.dumps(value)
    assert write(read(text), other=repr, indent="  ") == json.dumps(value, indent=2, ensure_ascii=False)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1 + 0.2, "0.30000000000000004"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (4.0, "4"),
    ],
)
def test_a_calculated_number_is_written_as_javascript_writes_it(number, text):
    assert scripted(number) == text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", ""])
def test_what_json_does_not_have_is_refused(text):
    with pytest.raises(ValueError, match=""):
        read(text)


def test_a_byte_order_mark_hides_no_json():
    assert read('\ufeff{"a":1}') == {"a": 1}

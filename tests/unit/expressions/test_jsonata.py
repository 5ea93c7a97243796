"""JSONata over a message: refused when it does not parse, harmless when it fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.expressions.exact import read
from redrive.expressions.jsonata import LONGEST, Expression
from redrive.values.errors import ExpressionFailed, InvalidRequest

MESSAGE = {
    "body": {"error": {"code": "TIMEOUT"}, "n": 3, "items": [1, 2], "none": None, "big": 12345678901234567890},
    "text": "s3cret-text",
    "attributes": {"tenant": "s3cret"},
    "redrives": 0,
    "group": None,
}
VARIABLES = {"as_of": "2026-11-21T06:00:00Z", "today": "2026-11-21", "yesterday": "2026-11-20"}


def value_of(source):
    return Expression(source, "filter.where").evaluate(MESSAGE, VARIABLES)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('body.error.code = "TIMEOUT"', True),
        ("body.n > 2 and body.n < 4", True),
        ("$contains(text, $yesterday)", False),
        ('$yesterday & "/" & $today & "/" & $as_of', "2026-11-20/2026-11-21/2026-11-21T06:00:00Z"),
        ("body.missing", None),
        ("body.missing = 1", False),
        ("$exists(body.none)", True),
        ("body.none = null", True),
        ("group = null", True),
        ("body.big", 12345678901234567890),
        ("$merge([body.error, {'n': 1}])", {"code": "TIMEOUT", "n": 1}),
        ("redrives < 3", True),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_expression_sees_the_message_and_the_runs_days(source, value):
    assert value_of(source) == value


@pytest.mark.parametrize(
    "source",
    [
        "body.x =",
        "(",
        "[1, 2",
        '"abc',
        "/abc",
        "/(/",
        "/+/",
        "/*",
        "body.a /",
        "body.a !",
        "~",
        "a ~> ",
        "@@",
        "{'a': }",
        "function($x){",
        "`name",
        "1 1",
        ")",
        "?",
        "$f := ",
        "1e9999999999999999999",
        '"\\u12"',
        '"\\q"',
        "body.error\ncode code",
        " ",
    ],
    ids=repr,
)
def test_what_is_no_jsonata_is_refused_in_one_sentence(source):
    with pytest.raises(InvalidRequest) as caught:
        Expression(source, "filter.where")
    sentence = str(caught.value)
    assert sentence.startswith("filter.where: ")
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert "\n" not in sentence


@given(st.text(max_size=30) | st.text("()[]{}.*:=<>/\\'\"`$^%&|?,@# \nab1-", max_size=20))
def test_whatever_is_typed_it_parses_or_is_refused(source):
    said = "transform: "
    try:
        Expression(source, "transform")
    except InvalidRequest as error:
        said = str(error)
    assert said.startswith("transform: ")


def test_an_expression_too_long_to_travel_is_refused():
    Expression("'" + "x" * (LONGEST - 2) + "'", "transform")
    with pytest.raises(InvalidRequest, match=rf"^transform: the expression is longer than {LONGEST} characters"):
        Expression("'" + "x" * (LONGEST - 1) + "'", "transform")


def test_an_expression_nested_too_deeply_is_refused():
    with pytest.raises(InvalidRequest, match=r"^transform: "):
        Expression("(" * 5000 + "1" + ")" * 5000, "transform")


@pytest.mark.parametrize(
    "source",
    [
        "text + 1",
        "-text",
        "$number(text)",
        "$error(text)",
        "$assert(false, text)",
        "$toMillis(text)",
        "$sqrt(-body.n)",
        "text()",
        "$fromMillis('x')",
        "$map(text, text)",
        "$eval(text)",
        "$base64decode(attributes)",
        "$match(text, text)",
    ],
    ids=repr,
)
def test_a_failure_says_why_and_quotes_no_message(source):
    with pytest.raises(ExpressionFailed) as caught:
        value_of(source)
    assert "s3cret" not in str(caught.value)
    assert str(caught.value)


@pytest.mark.parametrize("start", ["", "true and 1 = "], ids=["plain", "in a condition"])
def test_a_recursion_that_does_not_end_is_stopped(start):
    with pytest.raises(ExpressionFailed, match=r"^filter.where: the expression recursed too deeply; "):
        value_of(f"{start}($f := function(){{ 1 + $f() }}; $f())")


def test_recursion_is_allowed_as_far_as_it_is_reasonable():
    assert value_of("($f := function($n){ $n = 0 ? 0 : 1 + $f($n - 1) }; $f(200))") == 200


def test_an_expression_keeps_nothing_of_an_earlier_message():
    expression = Expression("($seen := $exists($seen) ? $seen : body.n; $seen)", "transform")
    assert expression.evaluate({"body": {"n": 1}}, VARIABLES) == 1
    assert expression.evaluate({"body": {"n": 2}}, VARIABLES) == 2


def test_an_expression_changes_nothing_in_the_message():
    message = {"body": {"n": 1, "o": {"x": [None]}}}
    Expression("body ~> |$|{'n': 2}|", "transform").evaluate(message, VARIABLES)
    assert message == {"body": {"n": 1, "o": {"x": [None]}}}


def test_nulls_are_found_in_a_body_of_any_depth():
    deep = "[" * 900 + "null" + "]" * 900
    assert Expression("$exists(body)", "filter.where").evaluate({"body": read(deep)}, VARIABLES) is True


@pytest.mark.parametrize(
    ("source", "conjuncts"),
    [
        ("a = 1", ["a = 1"]),
        (" a = 1 and b and  c ", ["a = 1", "b", "c"]),
        ('a = "x and y" and (b and c)', ['a = "x and y"', "(b and c)"]),
        ("a or b and c", ["a or b and c"]),
        ("(a and b)", ["(a and b)"]),
        ("(a and b)[0]", ["(a and b)[0]"]),
        ("a and\n  b /* and */ and c", ["a", "b /* and */", "c"]),
        ("and and or", ["and", "or"]),
        ("`a and b` and x.y", ["`a and b`", "x.y"]),
    ],
)
def test_conjuncts_are_what_and_joins(source, conjuncts):
    assert Expression(source, "filter.where").conjuncts == conjuncts
    for each in conjuncts:
        Expression(each, "filter.where")

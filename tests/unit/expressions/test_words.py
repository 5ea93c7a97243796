"""Words: every error in ours, with the place and what to write, and no content of a message anywhere."""

import logging
import os
import re
import sys
import warnings

import pytest
from jsonata.jexception import JException

from redrive.expressions import words
from redrive.expressions.guard import LIMITS, guarded
from redrive.expressions.jsonata import Evaluator, Expression
from redrive.expressions.judge import Judge
from redrive.values.errors import ExpressionFailed, InvalidRequest
from support.library import criteria, message

SECRET = "s3cret-4111"
BODY = f'{{"card": "{SECRET}", "items": [{{"card": "{SECRET}"}}, {{"card": "{SECRET}"}}], "deep": {{"{SECRET}": 1}}, "n": 3}}'
CODE = re.compile(r"[SDT]\d{4}|JSONata\b.*Exception|\{\{|\}\}")

SYNTAX = {
    "S0101": '"abc',
    "S0102": "1 = 1e9999999999999999999",
    "S0103": '"\\x"',
    "S0104": '"\\u12"',
    "S0105": "body.`card",
    "S0106": "/* card",
    "S0201": "1 1",
    "S0202": "[1, 2)",
    "S0203": "(1",
    "S0207": "1 +",
    "S0208": "function(x){1}",
    "S0210": "body.items{card: 1}{card: 2}",
    "S0211": "* = )",
    "S0212": "x := 1",
    "S0213": "body.1",
    "S0214": "body@x",
    "S0215": "body[0]@$x",
    "S0216": "body^(n)@$x",
    "S0217": "%",
    "S0301": "//",
    "S0302": "/abc",
    "S0401": "function($x)<n<s>>{1}",
    "S0402": "function($x)<(sa<s>)>{1}",
    "..": "1..3",
    "==": "body.n == 3",
    "===": "body.n === 3",
    "&&": "true && true",
    "||": "true || true",
    "!": "!true",
    "regex": "/[b-a]/",
}
FAILURES = {
    "T0410": "$length(body.n)",
    "T0411": "body.n.$length()",
    "T0412": "$sum(body.items)",
    "D1001": "$number('1e9999') + $number('1e-9999') > body.n",
    "D1002": "-body.card",
    "T1003": "{body.n: body.card}",
    "D1004": "$replace(body.card, /x*/, 'y')",
    "T1005": "length(body.card)",
    "T1006": 'body.card("x")',
    "T1006 of a variable": '($f := body.card; $f("x"))',
    "T1006 of an object": 'body.deep("x") = 1',
    "T1006 of an array": "body.items(0).card",
    "T1007": "length(?, body.card)",
    "T1008": "body.card(?, 1)",
    "D1009": "{'a': body.card, 'a': 1}",
    "T2001": "body.card + 1",
    "T2002": "1 + body.card",
    "T2003": "[body.card..1]",
    "T2004": "[1..body.card]",
    "T2006": "body.card ~> body.card",
    "T2007": "[{'a': 1}, {'a': body.card}]^(a)",
    "T2008": "body.items^($)",
    "T2009": "body.card > 1",
    "T2010": "body.items > body.card",
    "T2011": "body ~> |$|card|",
    "T2012": "body ~> |$|{}, n|",
    "D2014": "[1..99999999]",
    "D3010": "$replace(body.card, '', 'x')",
    "D3011": "$replace(body.card, 'a', 'b', -1)",
    "D3012": "$replace(body.card, /s/, function($m) {$m})",
    "D3020": "$split(body.card, '-', -1)",
    "D3030": "$number(body.card)",
    "D3040": "$match(body.card, /s/, -1)",
    "D3050": "$reduce(body.items, function($x) {$x})",
    "D3060": "$sqrt(-body.n)",
    "D3061": "$power(body.n, 1e9)",
    "D3070": "$sort(body.items)",
    "D3080": "$formatNumber(body.n, body.card & ';;0')",
    "D3081": "$formatNumber(body.n, '0.0.0')",
    "D3085": "$formatNumber(body.n, 'x')",
    "D3100": "$formatBase(body.n, 99)",
    "D3110": "$toMillis(body.card)",
    "D3120": "$eval(body.card & ' (')",
    "D3121": "$eval('card + 1', body)",
    "D3132": "$fromMillis(body.n, '[' & body.card & ']')",
    "D3135": "$fromMillis(body.n, '[Y' & body.card)",
    "D3136": "$toMillis(body.card, '[H]')",
    "D3137": "$error(body.card)",
    "D3137 with some of it": "$error('card ' & body.card)",
    "D3138": "$single(body.items)",
    "D3139": "$single(body.items, function($x) {$x.card = 'x'})",
    "D3140": "$decodeUrl('%' & body.card)",
    "D3141": "$assert(false, body.card)",
    "zero": "body.n / 0",
    "parse": "$parse(body.card)",
    "base64": "$base64decode(body.card & '!')",
    "binary": "$base64decode('/w==' & '')",
    "gunzip": "$gunzip('aGVsbG8=')",
    "Python's own": "$fromMillis(1e300, body.card)",
    "recursion": "($f := function($x) {1 + $f($x)}; $f(body.card))",
    "an object for a text": "$contains(body.card, body.items)",
    "no answer": "body.card",
}


def is_in_our_words(said):
    return not CODE.search(said) and SECRET not in said and "s3cret" not in said


@pytest.mark.parametrize("source", SYNTAX.values(), ids=SYNTAX)
def test_what_does_not_parse_says_where_and_what_to_write(source):
    with pytest.raises(InvalidRequest) as caught:
        Expression(source, "transform.body")
    said = str(caught.value)
    assert re.match(r"transform\.body: (column \d+: )?[^;]+; [^;]+\.$", said), said
    assert is_in_our_words(said)


@pytest.mark.parametrize("field", ["where", "transform"])
@pytest.mark.parametrize("source", FAILURES.values(), ids=FAILURES)
def test_what_fails_says_where_and_what_to_write_and_quotes_nothing(source, field, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    if field == "transform":
        source = f"[{source}]" if source == "body.card" else source
    judge = Judge(criteria(**{field: source}), "run-1")
    [verdict] = judge.judge_all([message(body=BODY)], limit=None, in_order=False)
    assert field == "transform" or verdict.outcome == "failed"
    printed = capfd.readouterr()
    assert is_in_our_words(verdict.reason + printed.out + printed.err + caplog.text)
    if verdict.outcome == "failed":
        assert re.match(r"(filter\.where|transform)(:| gave) [^;]+; [^;]+", verdict.reason), verdict.reason


@pytest.mark.parametrize("code", sorted(JException.error_codes))
def test_every_error_of_the_library_has_words_and_quotes_nothing(code, monkeypatch, capfd):
    error = JException("D3137", 3, SECRET)
    error.error, error.current, error.expected = code, SECRET, SECRET

    def fail(*_):
        raise error

    expression = Expression("true and false", "filter.where")
    monkeypatch.setattr(Evaluator, "run", fail)
    with pytest.raises(ExpressionFailed) as caught:
        expression.evaluate({}, {})
    assert is_in_our_words(str(caught.value))
    assert str(caught.value).startswith("filter.where: column 3: ")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("code", words.SYNTAX)
def test_every_refusal_can_be_said(code, monkeypatch):
    error = JException("D3137", 3, "token")
    error.error, error.current, error.expected = code, ")", "]"

    def fail(*_):
        raise error

    monkeypatch.setattr(Evaluator, "__init__", fail)
    with pytest.raises(InvalidRequest) as caught:
        Expression("a or b", "transform")
    assert re.fullmatch(r"transform: column 3: [^;]+; [^;]+\.", str(caught.value))
    assert is_in_our_words(str(caught.value))


def test_only_what_never_happens_has_no_words_of_its_own():
    unknown = set(JException.error_codes) - set(words.SYNTAX) - set(words.FAILURE)
    assert unknown == {"S0204", "S0205", "S0206", "S0500"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("$error('no order 7; ask {{orders}}')", "column 1: no order 7; ask {{orders}}"),
        ("true and\n  $error('stop')", "line 2, column 3: stop"),
        ("$assert(false, 'D3137 is mine')", "column 1: D3137 is mine"),
        ("$error()", "column 1: $error was reached"),
        ("$assert(false)", "column 1: an $assert does not hold"),
        ("$error('')", "column 1: $error was reached"),
        ("$assert(false, ' ')", "column 1: an $assert does not hold"),
    ],
)
def test_a_text_that_the_operator_wrote_comes_out_whole(source, said):
    with pytest.raises(ExpressionFailed) as caught:
        Expression(source, "filter.where").evaluate({}, {})
    assert str(caught.value) == f"filter.where: {said}"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("true and /* open", "column 10: a comment is not closed"),
        ("true and /[b-a]/", "column 10: the regular expression is none"),
        ("true and /a{99999999999}/", "column 10: the regular expression is none"),
        ("/abc", "column 1: a regular expression is not closed"),
        ("1 & 'abc", "column 5: a text is not closed"),
        ("1 & `abc", "column 5: a name in backquotes is not closed"),
        ("true and //", "column 10: a regular expression is empty"),
        ('true and "\\x"', "column 11: a text has a backslash before a character that needs none"),
        ("1 = 1e9999999999999999999", "column 5: the exponent of a number is too large"),
        ("1e9999999999999999999", "column 1: the exponent of a number is too large"),
        ("%", "column 1: % has no parent here"),
        ("1..3", "column 2: a range .. stands outside of brackets"),
    ],
)
def test_a_refusal_names_the_place_of_what_is_wrong(source, said):
    with pytest.raises(InvalidRequest) as caught:
        Expression(source, "transform")
    assert str(caught.value).startswith(f"transform: {said}; ")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("true and -card", "column 10: what - is before is no number"),
        ("[1, {n: 1}]", "column 5: the key of an object is no text"),
        ("items{$: 1}", "column 6: the key of an object is no text"),
        ("[{'a': card, 'a': 1}]", "column 2: two keys of an object are the same"),
        ("1 = $substring(5)", "column 5: a function was given what it does not take"),
    ],
)
def test_a_failure_names_the_place_of_what_is_wrong(source, said):
    with pytest.raises(ExpressionFailed) as caught:
        Expression(source, "transform").evaluate({"card": SECRET, "items": [1, 2], "n": 3}, {})
    assert str(caught.value).startswith(f"transform: {said}; ")


def test_a_word_of_another_language_gets_the_word_of_this_one():
    for source, remedy in (
        ("a == b", "write ="),
        ("a && b", "write `and`"),
        ("a || b", "write `or`"),
        ("!a", "write $not"),
    ):
        with pytest.raises(InvalidRequest, match=re.escape(remedy)):
            Expression(source, "filter.where")


@pytest.mark.parametrize("pattern", ["[a&&b]", "[a||b]", "[a~~b]", "[+--]"])
def test_an_expression_that_is_read_warns_of_nothing(pattern, capfd):
    """Python prints its warnings, and they show a line of our code."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Expression(f"$contains(body.s, /{pattern}/)", "filter.where")
    assert said == []
    assert capfd.readouterr() == ("", "")


def prints(item):
    print(item, flush=True)
    print(item, file=sys.stderr, flush=True)
    os.write(1, item.encode())
    os.write(2, item.encode())
    return len(item)


def test_what_anything_prints_beside_an_expression_goes_nowhere(capfd):
    assert list(guarded(prints, [SECRET] * 2, LIMITS)) == [len(SECRET)] * 2
    assert capfd.readouterr() == ("", "")

"""What is made right from outside: each fault is still the library's, and what was read of it is as it was."""

import hashlib
import inspect

import pytest
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.parser import Parser
from jsonata.tokenizer import Tokenizer

from redrive.expressions.engine import _KINDS, _OURS, Evaluator
from redrive.expressions.library import INSTEAD, MORE


@pytest.mark.parametrize(
    ("source", "theirs", "right"),
    [
        ("1610521604143693812 = 1610521604143693811", True, False),
        ("'' & 1610521604143693812", "1.61052160414369e+18", "1610521604143693812"),
        ("1 in [true]", True, False),
        ("$distinct([1, true])", 1, [1, True]),
        ("5.5 % 2", 1, 1.5),
        ("$lowercase('ß')", "ss", "ß"),
        ("$split('a1b', /(\\d)/)", ["a", "1", "b"], ["a", "b"]),
        ("$contains('abc\n', /c$/)", True, False),
        ("$contains('٣', /\\d/)", True, False),
        ("$string({'a': 'é'})", '{"a":"\\u00e9"}', '{"a":"é"}'),
        ("$sort([[1, 0], [0, 1], [1, 2]], function($a, $b) {$a[0] > $b[0]})[1][1]", 2, 0),
        ("$replace('aba', /a/, 'ba', 2)", "bbaba", "babba"),
        ("$toMillis('2026-W47')", 1794787200000, None),
        ("$type(/a/)", "object", "function"),
    ],
)
def test_what_the_library_gets_wrong_is_right_here(source, theirs, right):
    """When the library gives what is right, what we have instead of it can go."""
    assert Jsonata(source).evaluate({}) == theirs
    if right is None:
        with pytest.raises(JException):
            Evaluator(source).run({}, {})
    else:
        assert Evaluator(source).run({}, {}) == right


def test_the_library_prints_what_it_cannot_call_and_ours_does_not(capfd):
    for evaluate in (
        lambda source: Jsonata(source).evaluate({"x": "s3cret"}),
        lambda source: Evaluator(source).run({"x": "s3cret"}, {}),
    ):
        with pytest.raises(RuntimeError):
            evaluate("x('a')")
    assert capfd.readouterr().out.count("s3cret") == 1


READ = [
    Jsonata.__init__,
    Jsonata.evaluate,
    Jsonata.eval,
    Jsonata._eval,
    Jsonata.evaluate_binary,
    Jsonata.evaluate_unary,
    Jsonata.evaluate_function,
    Jsonata.evaluate_sort_expression,
    Jsonata.apply_inner,
    Jsonata.Transformer.call,
    Jsonata.JNativeFunction.call,
    Parser.parse,
    Tokenizer.next,
    Functions.function_eval,
]


def test_what_was_read_of_the_library_before_it_was_replaced_is_as_it_was():
    """When it changed: read it again, see whether ours has to follow, and write the new digest here."""
    digest = hashlib.sha256("".join(map(inspect.getsource, READ)).encode()).hexdigest()
    assert digest[:16] == "d2d389cdd6bf2c8e"


def test_every_kind_of_node_is_evaluated():
    theirs = {kind for kind in _KINDS if f'expr.type == "{kind}"' in inspect.getsource(Jsonata._eval)}
    assert theirs == set(_KINDS)
    assert inspect.getsource(Jsonata._eval).count("expr.type == ") == len(_KINDS)


def test_no_function_of_jsonata_is_lost():
    assert set(_OURS.bindings) == set(Jsonata.static_frame.bindings) | set(MORE)
    assert set(INSTEAD) <= set(Jsonata.static_frame.bindings)


def test_nothing_of_the_library_itself_is_changed():
    assert Jsonata("1 in [true]").evaluate({}) is True
    Evaluator("1 in [true]").run({}, {})
    assert Jsonata("$string(1e20)").evaluate({}) == "1e+20"

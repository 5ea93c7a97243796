"""The engine: jsonata-python, with what it gets wrong made right from outside.

Nothing of the library is changed where others could see it: this is a subclass with a frame of functions of its own.
What differs from the library, and why, each held by a row in tests/unit/expressions:

- numbers: the library makes a float of every one that it compares, calculates or writes (`exact` has ours);
- equality: it uses Python's, to which True is 1;
- texts, sorting, regular expressions: some of its functions are not what JSONata says (`library` has ours);
- errors: some have no place, and some are Python's own;
- time: it looks for two hooks at every step, which nobody sets, and takes the clock of the expression parsed last.
"""

# ruff: noqa: A002, ARG002 - names and arguments are the library's
# Its types say that everything may be None.
# mypy: disable-error-code="union-attr, no-untyped-call, attr-defined, misc"
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.parser import Parser
from jsonata.signature import Signature
from jsonata.timebox import Timebox
from jsonata.tokenizer import Tokenizer
from jsonata.utils import Utils

from redrive.expressions import library
from redrive.expressions.exact import OutOfRange, calculate, equal, is_number, literal, negated, order
from redrive.expressions.library import Wrong
from redrive.expressions.regex import compiled

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Evaluator", "JException"]

NULL = Utils.NULL_VALUE
MOST_IN_RANGE = 10_000_000
_ONCE = ("=", "&", "|")  # what other languages write twice


_BLANK = re.compile(r"(?:[ \t\n\r]|/\*.*?\*/)*", re.DOTALL)  # also a comment
_NOT_CLOSED = ("S0101", "S0105", "S0302")  # a text, a name, a regular expression: the library tells where it gave up


class _Tokenizer(Tokenizer):
    """Reads literals exactly, tells where a token begins, and keeps the texts that are written in the expression."""

    def __init__(self, source: str) -> None:
        super().__init__(source, compiled)
        self.begin = 0
        self.texts: set[str] = set()

    def next(self, prefix: bool) -> Any:
        self.begin = self.position = _BLANK.match(self.path, self.position).end()
        if self.path.startswith("/*", self.begin):
            raise Wrong("S0106", self.begin + 1)
        number = library.NUMBER.match(self.path, self.begin)
        if number and not number[0].startswith("-"):  # which is an operator
            self.position = number.end()
            return self.create("number", None)
        try:
            return super().next(prefix)
        except JException as error:
            if error.error in _NOT_CLOSED:
                error.location = self.begin + 1
            elif error.error == "S0301" and error.current:
                error.error = "S0103"  # one code for two faults: this is of a text
            raise
        except (re.error, OverflowError) as error:
            raise Wrong("regex", self.begin + 1) from error

    def create(self, type: Any, value: Any) -> Any:
        if type == "number":
            try:
                value = literal(self.path[self.begin : self.position])
            except OutOfRange as error:
                raise Wrong("S0102", self.begin + 1) from error
        elif type == "string":
            self.texts.add(value)
        elif type == "operator" and value in _ONCE and self.path.startswith(value, self.position):
            raise Wrong(value * 2, self.begin + 1)
        elif type == "operator" and value == "!":
            raise Wrong("!", self.begin + 1)
        return Tokenizer.Token(type, value, self.begin + 1)


class _Parser(Parser):
    def parse(self, source: Any, regex_engine: Any = compiled) -> Any:
        self.source = source
        self.lexer = _Tokenizer(source)
        self.advance()
        parsed = self.expression(0)
        if self.node.id != "(end)":
            raise Wrong(".." if self.node.id == ".." else "S0201", self.node.position, self.node.value)
        parsed = self.process_ast(parsed)
        if parsed.type == "parent" or parsed.seeking_parent is not None:
            raise Wrong("S0217", parsed.position, parsed.type)
        return parsed

    def advance(self, id: Any = None, infix: bool = False) -> Any:
        self.passed = getattr(self, "node", None)
        node = super().advance(id, infix)
        if isinstance(node, Parser.InfixAndPrefix):
            node.prefix.position = node.position
        return node

    def object_parser(self, left: Any) -> Any:
        position = self.passed.position  # of the bracket
        result = super().object_parser(left)
        result.position = position
        return result

    def process_ast(self, expr: Any) -> Any:
        is_minus = expr is not None and expr.type == "unary" and str(expr.value) == "-"
        if is_minus and expr.expression.type == "number":
            expr.expression.value, expr.expression.position = negated(expr.expression.value), expr.position
            return super().process_ast(expr.expression)
        result = super().process_ast(expr)
        if result is not None and not result.position:
            result.position = expr.position
        if result is not None and result.type in ("function", "partial") and result.procedure.position:
            result.position = result.procedure.position  # the name, not the bracket
        return result


class _Signature(Signature):
    """The types that a function takes. To the library null is what is missing, which every function takes."""

    def __init__(self, theirs: Signature) -> None:
        vars(self).update(vars(theirs))

    def get_symbol(self, value: Any) -> str:
        return "l" if value is NULL else super().get_symbol(value)


class _Native(Jsonata.JNativeFunction):
    """A function whose result stays what it is: the library makes floats of numbers."""

    def __init__(self, name: str, signature: Signature, method: Any) -> None:
        Jsonata.JFunction.__init__(self, None, None)
        self.function_name = name
        self.signature = _Signature(signature)
        self.method = method
        self.nargs = method.__code__.co_argcount

    def call(self, input: Any, args: Any) -> Any:
        try:
            return self.method(*args, *[None] * (self.nargs - len(args)))
        except JException as error:
            if error.error[:2] in ("D3", "T0"):
                error.location = -1  # some say which argument it was, where the place should be
            raise
        except (OutOfRange, OverflowError, ZeroDivisionError) as error:
            raise Wrong("D1001", -1) from error
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # whatever Python says to an argument that it cannot use
            raise Wrong("native", -1, self.function_name) from error


class Evaluator(Jsonata):
    """A parsed expression. Raises JException when it is none, or Python's own errors, as the library does."""

    def __init__(self, source: str) -> None:
        self.parser = _Parser()
        self.regex_engine = compiled
        self.ast = self.parser.parse(source)
        self.texts = frozenset(self.parser.lexer.texts)
        self.environment = self.create_frame(_OURS)
        self.input = None
        self.timestamp = 0

    def run(self, view: Any, variables: Mapping[str, Any]) -> Any:
        """Evaluate over `view`, with `variables` bound as `$name`."""
        Jsonata.CURRENT.jsonata = self
        frame = self.create_frame(self.environment)
        frame.bindings.update(variables)
        view = _with_nulls(view)
        frame.bindings["$"] = view
        self.timestamp = Timebox.current_milli_time()
        return Utils.convert_nulls(self.eval(self.ast, view, frame))

    def eval(self, expr: Any, input: Any, environment: Any) -> Any:
        """Evaluate a node over what is at hand."""
        outer = self.input, self.environment
        self.input, self.environment = input, environment  # for $eval
        try:
            evaluate = _KINDS.get(expr.type)
            result = evaluate(self, expr, input, environment) if evaluate else None
            if expr.predicate is not None:
                for predicate in expr.predicate:
                    result = self.evaluate_filter(predicate.expr, result, environment)
            if expr.group is not None and expr.type != "path":
                result = self.evaluate_group_expression(expr.group, result, environment)
        finally:
            self.input, self.environment = outer
        if isinstance(result, Utils.JList) and result.sequence and not result.tuple_stream:
            if expr.keep_array:
                result.keep_singleton = True
            if not result:
                return None
            if len(result) == 1 and not result.keep_singleton:
                return result[0]
        return result

    def evaluate_binary(self, expr: Any, input: Any, environment: Any) -> Any:
        """Evaluate an operator between two values."""
        left = self.eval(expr.lhs, input, environment)
        operator = expr.value
        if operator == "and":
            return self.boolize(left) and self.boolize(self.eval(expr.rhs, input, environment))
        if operator == "or":
            return self.boolize(left) or self.boolize(self.eval(expr.rhs, input, environment))
        right = self.eval(expr.rhs, input, environment)
        try:
            return _OPERATORS[operator](left, right, operator)
        except JException as error:
            error.location = expr.position
            raise
        except ZeroDivisionError as error:
            raise Wrong("zero", expr.position) from error
        except (OutOfRange, OverflowError) as error:
            raise Wrong("D1001", expr.position) from error

    def evaluate_unary(self, expr: Any, input: Any, environment: Any) -> Any:
        """Evaluate a sign, an array or an object."""
        if str(expr.value) != "-":
            return super().evaluate_unary(expr, input, environment)
        value = self.eval(expr.expression, input, environment)
        if value is None:
            return None
        if not is_number(value):
            raise Wrong("D1002", expr.position)
        return negated(value)

    def apply_inner(self, proc: Any, args: Any, input: Any, environment: Any) -> Any:
        """Call a function."""
        is_callable = isinstance(proc, Parser.Symbol | Jsonata.JFunctionCallable) or Functions.is_regex(proc)
        if not is_callable:
            raise Wrong("T1006", -1)  # the library prints it, and it may be a message's
        return super().apply_inner(proc, args, input, environment)

    def evaluate_sort_expression(self, expr: Any, input: Any, environment: Any) -> Any:
        """Evaluate an order-by."""
        is_tuple = isinstance(input, Utils.JList) and input.tuple_stream

        def keys_of(item: Any) -> list[Any]:
            frame = self.create_frame_from_tuple(environment, item) if is_tuple else environment
            return [self.eval(term.expression, item["@"] if is_tuple else item, frame) for term in expr.terms]

        def is_before(left: list[Any], right: list[Any]) -> bool:
            for one, other, term in zip(left, right, expr.terms, strict=True):
                by = _rank(one, other, expr.position)
                if by:
                    is_down = term.descending and one is not None and other is not None  # what is missing is last
                    return by > 0 if is_down else by < 0
            return False

        items = input if isinstance(input, list) else [input]
        return library.in_order(items, is_before, keys_of)

    def evaluate_transform_expression(self, expr: Any, input: Any, environment: Any) -> Any:
        """Give the function that `|…|…|` is."""
        return Jsonata.JFunction(_Transformer(self, expr, environment), "<(oa):o>")


def _with_nulls(view: dict[str, Any]) -> dict[str, Any]:
    """Give a message's nulls as the library has them, to which None is what is missing.

    To look for them takes time, and most messages have none: JSON has no other way to write one.
    """
    text = view.get("text")
    if isinstance(text, str) and "null" not in text and view.get("content") is view.get("body"):
        return {name: NULL if value is None else value for name, value in view.items()}
    body = view.get("body")
    told = library.told(body)  # once: the content is the body itself, mostly
    return {name: told if value is body else library.told(value) for name, value in view.items()}


class _Transformer(Jsonata.Transformer):
    """`|…|…|`: the library copies what it is to change by writing and reading it."""

    def call(self, input: Any, args: Any) -> Any:
        if args[0] is None:
            return None
        copy = library.clone(args[0])
        matches = self._jsonata.eval(self._expr.pattern, copy, self._environment)
        for match in matches if isinstance(matches, list) else [] if matches is None else [matches]:
            self._change(match)
        return copy

    def _change(self, match: Any) -> None:
        update = self._jsonata.eval(self._expr.update, match, self._environment)
        if update is not None and not isinstance(update, dict):
            raise Wrong("T2011", self._expr.update.position)
        if isinstance(match, dict):
            match.update(update or {})
        if self._expr.delete is None:
            return
        deleted = self._jsonata.eval(self._expr.delete, match, self._environment)
        names = deleted if isinstance(deleted, list) else [] if deleted is None else [deleted]
        if not all(isinstance(name, str) for name in names):
            raise Wrong("T2012", self._expr.delete.position)
        for name in names:
            if isinstance(match, dict):
                match.pop(name, None)


def _arithmetic(left: Any, right: Any, operator: str) -> Any:
    if left is not None and not is_number(left):
        raise Wrong("T2001", -1, operator)
    if right is not None and not is_number(right):
        raise Wrong("T2002", -1, operator)
    return None if left is None or right is None else calculate(operator, left, right)


def _equality(left: Any, right: Any, operator: str) -> bool:
    if left is None or right is None:
        return False
    return equal(left, right, NULL) == (operator == "=")


def _comparison(left: Any, right: Any, operator: str) -> bool | None:
    for side in (left, right):
        if not (side is None or isinstance(side, str) or is_number(side)):
            raise Wrong("T2010", -1, operator)
    if left is None or right is None:
        return None
    if isinstance(left, str) != isinstance(right, str):
        raise Wrong("T2009", -1, operator)
    by = (left > right) - (left < right) if isinstance(left, str) else order(left, right)
    return bool(_HOLDS[operator](by))


_HOLDS = {"<": (0).__gt__, "<=": (0).__ge__, ">": (0).__lt__, ">=": (0).__le__}


def _inclusion(left: Any, right: Any, _: str) -> bool:
    if left is None or isinstance(left, list | dict):  # JSONata finds neither an array nor an object in an array
        return False
    return any(equal(each, left, NULL) for each in (right if isinstance(right, list) else [right]))


def _concatenation(left: Any, right: Any, _: str) -> str:
    return (library.string(left, None) or "") + (library.string(right, None) or "")


def _range(left: Any, right: Any, _: str) -> Any:
    for side, code in ((left, "T2003"), (right, "T2004")):
        if side is not None and not (is_number(side) and side == int(side)):
            raise Wrong(code, -1)
    if left is None or right is None or left > right:
        return None
    if right - left >= MOST_IN_RANGE:
        raise Wrong("D2014", -1)
    return Utils.create_sequence_from_iter(range(int(left), int(right) + 1))


_OPERATORS = (
    dict.fromkeys("+-*/%", _arithmetic)
    | dict.fromkeys(("=", "!="), _equality)
    | dict.fromkeys(_HOLDS, _comparison)
    | {"in": _inclusion, "&": _concatenation, "..": _range}
)


def _rank(left: Any, right: Any, position: int) -> int:
    """Compare two keys of an order-by; what is missing comes last."""
    if left is None or right is None:
        return (left is None) - (right is None)
    for key in (left, right):
        if not (isinstance(key, str) or is_number(key)):
            raise Wrong("T2008", position)
    if isinstance(left, str) != isinstance(right, str):
        raise Wrong("T2007", position)
    return (left > right) - (left < right) if isinstance(left, str) else order(left, right)


# How each kind of node is evaluated: the library asks for one after the other.
_KINDS: dict[str, Any] = {
    "path": Evaluator.evaluate_path,
    "binary": Evaluator.evaluate_binary,
    "unary": Evaluator.evaluate_unary,
    "name": lambda _, expr, view, __: Functions.lookup(view, str(expr.value)),
    **dict.fromkeys(("string", "number", "value"), lambda _, expr, __, ___: NULL if expr.value is None else expr.value),
    "wildcard": lambda self, expr, view, _: self.evaluate_wildcard(expr, view),
    "descendant": lambda self, expr, view, _: self.evaluate_descendants(expr, view),
    "parent": lambda _, expr, __, frame: frame.lookup(expr.slot.label),
    "condition": Evaluator.evaluate_condition,
    "block": Evaluator.evaluate_block,
    "bind": Evaluator.evaluate_bind_expression,
    "regex": lambda _, expr, __, ___: expr.value,
    "function": lambda self, expr, view, frame: self.evaluate_function(expr, view, frame, Utils.NONE),
    "variable": Evaluator.evaluate_variable,
    "lambda": Evaluator.evaluate_lambda,
    "partial": Evaluator.evaluate_partial_application,
    "apply": Evaluator.evaluate_apply_expression,
    "transform": Evaluator.evaluate_transform_expression,
}


def _evaluate_text(expression: str | None, focus: Any) -> Any:
    """`$eval`: what is wrong in the text is not quoted, since the text may be a message's."""
    if expression is None:
        return None
    outer = Jsonata.CURRENT.jsonata
    view = outer.input if focus is None else focus
    if isinstance(view, list) and not Utils.is_sequence(view):
        view = Utils.create_sequence(view)
        view.outer_wrapper = True
    try:
        parsed = _Parser().parse(expression)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise Wrong("D3120", -1) from error
    try:
        return outer.eval(parsed, view, outer.environment)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise Wrong("D3121", -1) from error


def _functions() -> Any:
    frame = Jsonata.Frame(None)
    for name, theirs in Jsonata.static_frame.bindings.items():
        ours = library.INSTEAD.get(name, theirs.method)
        frame.bind(name, _Native(name, theirs.signature, ours) if name != "zip" else theirs)
    for name, (signature, method) in library.MORE.items():
        frame.bind(name, _Native(name, Signature(signature, name), method))
    frame.bind("eval", _Native("eval", Signature("<sx?:x>", "eval"), _evaluate_text))
    return frame


_OURS = _functions()

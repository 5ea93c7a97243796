"""JSONata expressions over a message: compiled once, evaluated for each message, never trusted.

The language is JSONata (https://docs.jsonata.org), as Step Functions itself uses; `engine` evaluates it, and `words`
says what is wrong. Nothing here limits time or memory: `guard` does. The engine could look at a clock between two
steps of an evaluation, but one step may be a regular expression that never ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redrive.expressions import words
from redrive.expressions.engine import Evaluator, JException
from redrive.values.errors import ExpressionFailed, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FIELDS = 10  # that are looked for in messages; each costs a look, and a lane's payload must stay small
LONGEST_FIELD = 60  # characters
LONGEST = 16_384  # characters; an expression travels in every state's input
LONGEST_TOKEN = 40  # characters of the expression that an error quotes


class Expression:
    """A parsed expression. `field` is where it stands in the request (`filter.where`, `transform`).

    `fields` are those of a message that it names, each with its path; the first MOST_FIELDS, and none that is found
    only while it is evaluated.
    """

    def __init__(self, source: str, field: str) -> None:
        """Parse `source`. Raises InvalidRequest, with the place and what to write, when it is no JSONata."""
        self.field = field
        self._source = source
        if len(source) > LONGEST:
            raise InvalidRequest(f"{field}: the expression is longer than {LONGEST} characters; shorten it.")
        try:
            self._parsed = Evaluator(source)
        except RecursionError as error:
            raise InvalidRequest(f"{field}: the expression is nested too deeply; simplify it.") from error
        except Exception as error:  # the engine's parser lets Python's own errors through
            raise InvalidRequest(f"{field}: {self._refusal(error)}.") from error
        self.fields = _fields(self._parsed.ast)

    @property
    def conjuncts(self) -> list[str]:
        """The conditions that `and` joins on the outside, as they are written; without one, the whole alone."""
        parts, left = [], self._source
        node: Any = self._parsed.ast
        while node.type == "binary" and node.value == "and" and node.predicate is None:
            before, after = left[: node.position - 1], left[node.position - 1 :]
            parts.append(after.removeprefix("and").strip())
            left, node = before, node.lhs
        return [left.strip(), *reversed(parts)]

    def evaluate(self, message: dict[str, Any], variables: dict[str, Any]) -> Any:
        """Evaluate over one message; `variables` are bound as `$name`. Raises ExpressionFailed, MemoryError."""
        try:
            return self._parsed.run(message, variables)
        except MemoryError:
            raise
        except Exception as error:  # the engine lets Python's own errors through
            raise ExpressionFailed(f"{self.field}: {self._failure(error)}") from error

    def _refusal(self, error: Exception) -> str:
        if not isinstance(error, JException):
            return words.NO_EXPRESSION
        sentence = words.SYNTAX.get(error.error, words.NO_EXPRESSION)
        where = words.place(self._source, error.location)
        if error.error in ("S0202", "S0203"):
            return where + sentence.format(value=error.current, token=_shown(error.expected))
        return where + sentence.format(token=_shown(error.current))

    def _failure(self, error: Exception) -> str:
        if isinstance(error, RecursionError):
            return words.FAILURE["recursion"]
        if not isinstance(error, JException):
            return words.UNKNOWN
        where = words.place(self._source, error.location)
        if error.error in words.OWN_TEXT:
            said = error.current
            if said is None or said in words.NO_TEXT or not said.strip():
                return where + words.OWN_TEXT[error.error]
            if said in self._parsed.texts:
                return f"{where}{said}"
        if error.error == "native":
            return f"{where}${error.current} cannot use what it was given; test it first"
        return where + words.FAILURE.get(error.error, words.UNKNOWN)


def _shown(token: Any) -> str:
    text = " ".join(str(token).split())
    return text if len(text) <= LONGEST_TOKEN else f"{text[:LONGEST_TOKEN]}…"


def _fields(parsed: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        for names in _paths(parsed):
            field = ".".join(names)
            if len(field) <= LONGEST_FIELD and len(found) < MOST_FIELDS:
                found[field] = names
    except (AttributeError, TypeError, RecursionError):
        return {}  # another version's tree: what it tells is only a hint
    return found


# Parts of an expression that are evaluated with the whole message in view, by the kind of their whole.
_PARTS = {
    "binary": ("lhs", "rhs"),
    "unary": ("expression", "expressions", "lhs_object"),
    "function": ("arguments",),
    "condition": ("condition", "then", "_else"),
    "block": ("expressions",),
    "bind": ("rhs",),
    "apply": ("lhs", "rhs"),
}


def _paths(part: Any) -> Iterator[list[str]]:
    """Give the plain paths into a message. What stands in a step or a predicate looks from elsewhere, and is left."""
    if isinstance(part, list | tuple):
        for each in part:
            yield from _paths(each)
    elif part is not None and part.type == "path":
        names = []
        for step in part.steps:
            if step.type != "name":
                break
            names.append(step.value)
        if names:
            yield names
    elif part is not None:
        for name in _PARTS.get(part.type, ()):
            yield from _paths(getattr(part, name))

"""JSONata expressions over a message: compiled once, evaluated for each message, never trusted.

The language is JSONata (https://docs.jsonata.org), as Step Functions itself uses; jsonata-python evaluates it. Nothing
here limits its time or its memory: `guard` does. jsonata-python could look at a clock between two steps of an
evaluation, but one step may be a regular expression that never ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata

from redrive.values.errors import ExpressionFailed, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FIELDS = 10  # that are looked for in messages; each costs a look, and a lane's payload must stay small
LONGEST_FIELD = 60  # characters
LONGEST = 16_384  # characters; an expression travels in every state's input


class Expression:
    """A parsed expression. `field` is where it stands in the request (`filter.where`, `transform`).

    `fields` are those of a message that it names, each with its path; the first MOST_FIELDS, and none that is found
    only while it is evaluated.
    """

    def __init__(self, source: str, field: str) -> None:
        """Parse `source`. Raises InvalidRequest, with the position, when it is no JSONata."""
        self.field = field
        if len(source) > LONGEST:
            raise InvalidRequest(f"{field}: the expression is longer than {LONGEST} characters; shorten it.")
        try:
            self._parsed = Jsonata(source)
            # Messages are JSON already, and to look at every value again costs three times the evaluation.
            self._parsed.set_validate_input(validate_input=False)
        except JException as error:
            raise InvalidRequest(
                f"{field}: this is no JSONata expression: {' '.join(str(error).split())}{_position(error)}."
            ) from error
        except RecursionError as error:
            raise InvalidRequest(f"{field}: the expression is nested too deeply; simplify it.") from error
        except Exception as error:  # jsonata-python's parser lets Python's own errors through
            raise InvalidRequest(f"{field}: this is no JSONata expression ({type(error).__name__}).") from error
        self.fields = _fields(self._parsed.ast)

    def evaluate(self, message: dict[str, Any], variables: dict[str, Any]) -> Any:
        """Evaluate over one message; `variables` are bound as `$name`. Raises ExpressionFailed, MemoryError."""
        try:
            return self._parsed.evaluate(message, variables)
        except Exception as error:  # jsonata-python lets Python's own errors through
            # In `and` and `or` it puts an error of its own in their place.
            cause = error.__context__ if isinstance(error.__context__, MemoryError | RecursionError) else error
            if isinstance(cause, MemoryError):
                raise cause from error
            raise ExpressionFailed(_why(cause)) from error


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


def _position(error: JException) -> str:
    return f" (character {error.location})" if isinstance(error.location, int) and error.location > 0 else ""


def _why(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "the expression recursed too deeply"
    if not isinstance(error, JException):
        return f"the expression failed ({type(error).__name__})"
    # JSONata's own texts quote values, and the values are the message's: blank them.
    template = JException.error_codes.get(error.error, "the expression failed")
    return f"JSONata {error.error}: {re.sub('{+[a-zA-Z]+}+', '…', template)}{_position(error)}"

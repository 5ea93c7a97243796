"""JSONata expressions over a message: compiled once, evaluated for each message, never trusted.

The language is JSONata (https://docs.jsonata.org), as Step Functions itself uses; jsonata-python evaluates it. Nothing
here limits its time or its memory: `guard` does. jsonata-python could look at a clock between two steps of an
evaluation, but one step may be a regular expression that never ends.
"""

from __future__ import annotations

import re
from typing import Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata

from redrive.values.errors import ExpressionFailed, InvalidRequest

LONGEST = 16_384  # characters; an expression travels in every state's input


class Expression:
    """A parsed expression. `field` is where it stands in the request (`filter.where`, `transform`)."""

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

"""JSONata expressions over a message: compiled once, evaluated for each message, never trusted.

The language is JSONata (https://docs.jsonata.org), as Step Functions itself uses; jsonata-python evaluates it.
"""

from __future__ import annotations

import re
from typing import Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata

from redrive.errors import InvalidRequest

LONGEST = 16_384  # characters; an expression travels in every state's input
TIMEOUT_MS = 1_000  # for one message, as Step Functions gives its own expressions
DEPTH = 200


class ExpressionFailed(Exception):  # noqa: N818 - reads as what happened to a message
    """The expression could not be evaluated for one message. The text says why, and quotes no message."""


class Expression:
    """A parsed expression. `field` is where it stands in the request (`filter.where`, `transform`)."""

    def __init__(self, source: str, field: str) -> None:
        """Parse `source`. Raises InvalidRequest, with the position, when it is no JSONata."""
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
        """Evaluate over one message; `variables` are bound as `$name`. Raises ExpressionFailed."""
        frame = self._parsed.create_frame()
        frame.set_runtime_bounds(TIMEOUT_MS, DEPTH)
        for name, value in variables.items():
            frame.bind(name, value)
        try:
            return self._parsed.evaluate(message, frame)
        except JException as error:
            raise ExpressionFailed(_kind(error)) from error
        except RecursionError as error:
            raise ExpressionFailed("the expression recursed too deeply") from error
        except Exception as error:  # jsonata-python lets Python's own errors through
            raise ExpressionFailed(f"the expression failed ({type(error).__name__})") from error


def _position(error: JException) -> str:
    return f" (character {error.location})" if isinstance(error.location, int) and error.location > 0 else ""


def _kind(error: JException) -> str:
    # JSONata's own texts quote values, and the values are the message's: blank them.
    template = JException.error_codes.get(error.error, "the expression failed")
    return f"JSONata {error.error}: {re.sub('{+[a-zA-Z]+}+', '…', template)}{_position(error)}"

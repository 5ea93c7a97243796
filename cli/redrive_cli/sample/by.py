"""By an expression: what it gives for each message of a sample."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from redrive.expressions.guard import LIMITS, CutOff, guarded
from redrive.expressions.jsonata import Expression
from redrive.expressions.shapes import view_of
from redrive.values.errors import ExpressionFailed, ExpressionTooSlow
from redrive_cli.sample import jsonata
from redrive_cli.sample.traits import LONGEST_TEXT, Trait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive.values.message import Message

FIELD = "--by"
_PATH = re.compile(r"[\w.]+")


def traits_by(source: str, messages: Sequence[Message]) -> list[Trait]:
    """Give what an expression makes of each message. Raises InvalidRequest, ExpressionTooSlow."""
    expression = Expression(source, FIELD)
    exists, as_text = (Expression(f"${function}(({source}\n))", FIELD) for function in ("exists", "string"))
    one = source if _PATH.fullmatch(source) else f"({source})"

    def look(message: Message) -> Trait:
        try:
            view = view_of(message, message.stamp)
            value = expression.evaluate(view, {})
            if value is None:
                is_null = exists.evaluate(view, {})
                return (
                    Trait(f"{source} = null", f"{one} = null")
                    if is_null
                    else Trait(f"no {source}", f"$not($exists({one}))")
                )
            written = jsonata.constant(value)
            if written is not None:
                return _short(f"{source} = {written}", f"{one} = {written}")
            written = jsonata.text(as_text.evaluate(view, {}))
            return _short(f"{source} = {written}", f"$string({one}) = {written}")
        except ExpressionFailed as error:
            return Trait(str(error), None, "the expression fails for them")
        except MemoryError:
            raise  # the guard tells
        except Exception as error:  # noqa: BLE001 - whatever a message carries, it fails alone
            return Trait(f"it could not be judged ({type(error).__name__})", None, "the expression fails for them")

    try:
        found = list(guarded(look, messages, LIMITS))
    except TimeoutError as error:
        raise ExpressionTooSlow(f"{FIELD} took longer than {LIMITS.all:g} s; simplify the expression.") from error
    return [
        Trait(f"{FIELD} {each.why}", None, "the expression fails for them") if isinstance(each, CutOff) else each
        for each in found
    ]


def _short(label: str, condition: str) -> Trait:
    if len(condition) > LONGEST_TEXT:
        return Trait(f"{label[:LONGEST_TEXT]}…", None, "its value is too long to type")
    return Trait(label, condition)

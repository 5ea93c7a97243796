"""The key: a text that the operator's expression finds in a message, by which the message can be found again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from redrive.expressions.exact import is_number, scripted, write
from redrive.expressions.guard import LIMITS, Limits, guarded
from redrive.expressions.shapes import view_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redrive.values.criteria import Criteria
    from redrive.values.message import Message, Stamp

LONGEST_KEY = 256  # characters; what is longer is cut


def keys_of(
    criteria: Criteria, messages: Sequence[Message], remembered: Mapping[str, Stamp], limits: Limits = LIMITS
) -> list[str | None]:
    """Give each message's key; None where the expression gives no text, number or boolean, fails or takes too much.

    `remembered` are the stamps of what could not carry its own, by message id. Never raises: a key is an aid, and
    decides of no message.
    """
    if criteria.key is None:
        return [None] * len(messages)
    from redrive.expressions.jsonata import Expression  # noqa: PLC0415  slow to import, and many runs need none

    expression = Expression(criteria.key.expression, "key")
    hashed, variables = criteria.key.hashed, criteria.variables

    def key_of(message: Message) -> str | None:
        try:
            stamp = remembered.get(message.id, message.stamp)
            return _as_key(expression.evaluate(view_of(message, stamp), variables), hashed=hashed)
        except MemoryError:
            raise  # what it took is told by the guard
        except Exception:  # noqa: BLE001 - whatever a message carries, it only has no key
            return None

    keys: list[str | None] = []
    try:
        for found in guarded(key_of, messages, limits):
            keys.append(found if isinstance(found, str) else None)  # noqa: PERF401 - what comes before an error counts
    except (TimeoutError, ChildProcessError):
        pass  # the others have none
    return keys + [None] * (len(messages) - len(keys))


def _as_key(value: Any, *, hashed: bool) -> str | None:
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool) or is_number(value):
        text = write(value, str, number=scripted)
    else:
        return None
    if not text:
        return None
    # Whole, so that whoever looks for it hashes what stands in the message.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest() if hashed else text[:LONGEST_KEY]

"""Judging a sample as a run would, with the judge of the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redrive.expressions.judge import NO_MATCH, Judge
from redrive.values.criteria import Criteria
from redrive.values.errors import ExpressionTooSlow, InvalidRequest
from redrive.values.message import LAST_MS
from redrive.values.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from redrive.values.message import Message
    from redrive.values.verdict import Verdict

NO_RUN = ""  # the name of no run, and so on no stamp


def judged_by(where: str, messages: Sequence[Message]) -> list[Verdict]:
    """Give each message's verdict by this condition alone. Raises InvalidRequest, ExpressionTooSlow."""
    criteria = Criteria(now="", today="", yesterday="", began=LAST_MS + 1, where=where)
    return Judge(criteria, NO_RUN).judge_all(messages, limit=None, in_order=False)


def flaw_of(where: str, ids: Collection[str], messages: Sequence[Message]) -> str:
    """Say why a condition does not select of these messages just the ones with these ids; nothing when it does."""
    try:
        verdicts = judged_by(where, messages)
    except (InvalidRequest, ExpressionTooSlow, ChildProcessError) as error:
        return f"a condition on it cannot be judged: {error}"
    others = [verdict for message, verdict in zip(messages, verdicts, strict=True) if message.id not in ids]
    if failing := sum(verdict.outcome == Outcome.FAILED for verdict in others):
        return f"a condition on it would fail for {failing:,} other{'s' if failing > 1 else ''}"
    if any(verdict != NO_MATCH for verdict in others) or sum(verdict.sends for verdict in verdicts) < len(ids):
        return "no condition was found that selects just these"
    return ""

"""The judge: one verdict for each message of a page, from the run's criteria and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from redrive.expressions.guard import LIMITS, MIB, CutOff, Limits, guarded
from redrive.expressions.shapes import kind_of, transformed, view_of
from redrive.values.errors import ExpressionFailed, ExpressionTooSlow
from redrive.values.lane import LIMIT_REACHED
from redrive.values.message import UNCHANGED
from redrive.values.outcome import GONE, Outcome
from redrive.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from redrive.expressions.jsonata import Expression
    from redrive.values.criteria import Criteria
    from redrive.values.message import Message

MOST_NEW = 64 * MIB  # bytes of new bodies in a page, twice a page: the send step has to hold them

TO_BE_SENT = Verdict(None)
NO_MATCH = Verdict(Outcome.HELD, "filter.where does not match")
TOO_MUCH = Verdict(Outcome.FAILED, f"its page's new bodies exceed {MOST_NEW // MIB} MiB; run again")


class Judge:
    """Judges messages by a run's criteria."""

    def __init__(self, criteria: Criteria, run: str, already: Mapping[str, str], limits: Limits = LIMITS) -> None:
        """`already` maps the ids of messages that were sent before to their new ids; `limits` are the expressions'."""
        self._already = already
        self._criteria = criteria
        self._run = run
        self._limits = limits
        self._where = _expression(criteria.where, "filter.where")
        self._transform = _expression(criteria.transform, "transform")
        self._variables = {"now": criteria.now, "today": criteria.today, "yesterday": criteria.yesterday}

    def judge_all(self, messages: Sequence[Message], *, limit: int | None, in_order: bool) -> list[Verdict]:
        """Give a verdict for each message, in order. Raises ExpressionTooSlow.

        At most `limit` messages are selected. With `in_order` (FIFO), a message that stays behind keeps all of its
        group behind it, so that no group is sent with a gap.
        """
        verdicts: list[Verdict] = []
        blocked: set[str | None] = set()
        chosen = 0
        for message, by_itself in zip(messages, self._each(messages), strict=True):
            verdict = by_itself
            if in_order and message.group in blocked:
                verdict = Verdict(Outcome.HELD, "an earlier message of its group stays behind")
            elif verdict.sends and limit is not None and chosen >= limit:
                verdict = Verdict(Outcome.HELD, LIMIT_REACHED)
            if verdict.sends:
                chosen += 1
                if self._criteria.preview:
                    verdict = replace(verdict, outcome=Outcome.PREVIEWED, outgoing=UNCHANGED)
            elif verdict.outcome not in GONE:
                blocked.add(message.group)
            verdicts.append(verdict)
        return verdicts

    def _each(self, messages: Sequence[Message]) -> Iterator[Verdict]:
        """Judge each message by itself: what cannot be judged has failed, and says why."""
        certain = [self._by_criteria(message) for message in messages]
        open_ = [message for message, verdict in zip(messages, certain, strict=True) if verdict is None]
        evaluated = self._by_guarded_expressions(open_)
        for verdict in certain:
            yield verdict or next(evaluated)

    def _by_criteria(self, message: Message) -> Verdict | None:
        """Judge by everything but the expressions; None when it is for them to say."""
        if message.id in self._already:
            if self._criteria.preview:
                return Verdict(Outcome.HELD, "it was sent before; a run without preview deletes it")
            why = "it was sent before, and only its deletion was missing"
            return Verdict(Outcome.ALREADY_SENT, why, new_id=self._already[message.id])
        stamp = message.stamp
        if stamp.run == self._run:
            return Verdict(Outcome.RETURNED, "this run sent it, and it came back")
        cap = self._criteria.max_redrives
        if cap is not None and stamp.count >= cap:
            return Verdict(Outcome.HELD, f"it has been redriven {stamp.count} times already")
        if not self._criteria.is_in_window(message.sent_ms):
            return Verdict(Outcome.HELD, "filter.sent does not match")
        if self._where is None and self._transform is None:
            return TO_BE_SENT
        return None

    def _by_guarded_expressions(self, messages: Sequence[Message]) -> Iterator[Verdict]:
        """Judge by the expressions in a process of their own, which can be stopped."""
        fields = " or ".join(expression.field for expression in (self._where, self._transform) if expression)
        grown = 0
        try:
            for verdict in guarded(self._by_expressions, messages, self._limits):
                if isinstance(verdict, CutOff):
                    yield Verdict(Outcome.FAILED, f"{fields} {verdict.why}")
                    continue
                grown += len((verdict.outgoing.body or "").encode())
                yield verdict if grown <= MOST_NEW else TOO_MUCH
        except TimeoutError as error:
            took = f"{fields} took longer than {self._limits.all:g} s for one page of {len(messages)} messages"
            raise ExpressionTooSlow(f"{took}; simplify the expression.") from error

    def _by_expressions(self, message: Message) -> Verdict:
        view = view_of(message)
        try:
            if self._where is not None:
                answer = self._where.evaluate(view, self._variables)
                if answer is False:
                    return NO_MATCH
                if answer is not True:
                    return Verdict(Outcome.FAILED, f"filter.where gave {kind_of(answer)}, not true or false")
            if self._transform is None:
                return TO_BE_SENT
            return Verdict(None, outgoing=transformed(self._transform.evaluate(view, self._variables), message, view))
        except ExpressionFailed as error:
            return Verdict(Outcome.FAILED, str(error))


def _expression(source: str | None, field: str) -> Expression | None:
    if not source:
        return None
    from redrive.expressions.jsonata import Expression  # noqa: PLC0415  slow to import, and many runs need none

    return Expression(source, field)

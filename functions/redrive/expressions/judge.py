"""The judge: one verdict for each message of a page, from the run's criteria and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redrive.expressions.guard import LIMITS, MIB, CutOff, Limits, guarded
from redrive.expressions.shapes import has_field, kind_of, transformed, view_of
from redrive.values.errors import ExpressionFailed, ExpressionTooSlow
from redrive.values.lane import LIMIT_REACHED
from redrive.values.message import UNCHANGED
from redrive.values.outcome import GONE, MAYBE_SENT, Outcome
from redrive.values.request import parts_of
from redrive.values.verdict import NOT_SENT_BEFORE, SentBefore, Verdict

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from redrive.expressions.jsonata import Expression
    from redrive.values.criteria import Criteria
    from redrive.values.message import Message, Outgoing, Stamp

MOST_NEW = 64 * MIB  # bytes of new bodies in a page, half as much again as a page: the send step has to hold them

NO_MATCH = Verdict(Outcome.HELD, "filter.where does not match")
NOT_THEN = Verdict(Outcome.HELD, "filter.sent does not match")
NOT_OF_RUN = Verdict(Outcome.HELD, "filter.of_run does not match")
PASSED_OVER = (NO_MATCH, NOT_THEN, NOT_OF_RUN)
NEWER = Verdict(Outcome.HELD, "it was sent after this run began")
UNKNOWN = Verdict(Outcome.FAILED, MAYBE_SENT)
TOO_MUCH = Verdict(Outcome.FAILED, f"its page's new bodies exceed {MOST_NEW // MIB} MiB; run again")


class Judge:
    """Judges messages by a run's criteria.

    `unseen` are the fields that `filter.where` names and no message has had that it was evaluated for; None before the
    first.
    """

    unseen: list[str] | None = None

    def __init__(
        self,
        criteria: Criteria,
        run: str,
        before: SentBefore = NOT_SENT_BEFORE,
        remembered: Mapping[str, Stamp] | None = None,
        limits: Limits = LIMITS,
        of_run: Container[str] | None = None,
    ) -> None:
        """Take a run's criteria.

        `remembered` are the stamps of what could not carry its own, by message id; `limits` the expressions';
        `of_run` the ids of the messages that `filter.of_run` means, None without one.
        """
        self._of_run = of_run
        self._before = before
        self._remembered = remembered or {}
        self._criteria = criteria
        self._run = run
        self._limits = limits
        self._where = _expression(criteria.where, "filter.where")
        self._transform = {part: _expression(source, field) for part, field, source in parts_of(criteria.transform)}
        self._fields = self._where.fields if self._where else {}
        self._variables = criteria.variables

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
            elif verdict.outcome not in GONE:
                blocked.add(message.group)
            verdicts.append(verdict)
        return verdicts

    def _each(self, messages: Sequence[Message]) -> Iterator[Verdict]:
        """Judge each message by itself: what cannot be judged has failed, and says why."""
        certain = [self._by_criteria_alone(message) for message in messages]
        open_ = [message for message, verdict in zip(messages, certain, strict=True) if verdict is None]
        evaluated = self._by_guarded_expressions(open_)
        for verdict in certain:
            yield verdict or next(evaluated)

    def _by_criteria_alone(self, message: Message) -> Verdict | None:
        try:
            return self._by_criteria(message)
        except Exception as error:  # noqa: BLE001 - whatever a message carries, it fails alone
            return Verdict(Outcome.FAILED, f"it could not be judged ({type(error).__name__})")

    def _by_criteria(self, message: Message) -> Verdict | None:
        """Judge by everything but the expressions; None when it is for them to say."""
        if message.id in self._before.known:
            if self._criteria.preview:
                return Verdict(Outcome.HELD, "it was sent before; a run without preview deletes it")
            why = "it was sent before, and only its deletion was missing"
            return Verdict(Outcome.ALREADY_SENT, why, new_id=self._before.known[message.id])
        if message.id in self._before.unknown:
            return UNKNOWN
        stamp = self._stamp_of(message)
        if stamp.run == self._run:
            return Verdict(Outcome.RETURNED, "this run sent it, and it came back")
        # Its consumer may fail again at once, and a run that took what comes back would never end. Not every message
        # has room for the stamp that tells.
        if self._criteria.is_newer(message.sent_ms):
            return NEWER
        cap = self._criteria.max_redrives
        if cap is not None and stamp.count >= cap:
            return Verdict(Outcome.HELD, f"it has been redriven {stamp.count} times already")
        if not self._criteria.is_in_window(message.sent_ms):
            return NOT_THEN
        if self._of_run is not None and message.id not in self._of_run:
            return NOT_OF_RUN
        if self._where is None and not self._transform:
            return self._to_be_sent(message)
        return None

    def _stamp_of(self, message: Message) -> Stamp:
        return self._remembered.get(message.id, message.stamp)

    def _to_be_sent(self, message: Message, outgoing: Outgoing = UNCHANGED) -> Verdict:
        return Verdict(None, outgoing=outgoing, earlier=self._remembered.get(message.id))

    def _by_guarded_expressions(self, messages: Sequence[Message]) -> Iterator[Verdict]:
        """Judge by the expressions in a process of their own, which can be stopped."""
        named = [expression.field for expression in (self._where, *self._transform.values()) if expression]
        fields = " or ".join(named)
        grown = 0
        unseen = dict.fromkeys(self._fields)
        try:
            for result in guarded(self._looked_at, messages, self._limits):
                if isinstance(result, CutOff):
                    yield Verdict(Outcome.FAILED, f"{fields} {result.why}")
                    continue
                verdict, seen = result
                for field in seen:
                    unseen.pop(field, None)
                if self._where:
                    self.unseen = list(unseen)
                grown += len((verdict.outgoing.body or "").encode())
                yield verdict if grown <= MOST_NEW else TOO_MUCH
        except TimeoutError as error:
            took = f"{fields} took longer than {self._limits.all:g} s for one page of {len(messages)} messages"
            raise ExpressionTooSlow(f"{took}; simplify the expression.") from error

    def _looked_at(self, message: Message) -> tuple[Verdict, list[str]]:
        """Judge by the expressions; give the fields as well that no message before had, in this process."""
        try:
            view = view_of(message, self._stamp_of(message))
            seen = [field for field, names in self._fields.items() if has_field(view, names)]
            self._fields = {field: names for field, names in self._fields.items() if field not in seen}
            return self._by_expressions(message, view), seen
        except MemoryError:
            raise  # what it took is told by the guard
        except Exception as error:  # noqa: BLE001 - whatever a message carries, it fails alone
            return Verdict(Outcome.FAILED, f"it could not be judged ({type(error).__name__})"), []

    def _by_expressions(self, message: Message, view: dict[str, Any]) -> Verdict:
        try:
            if self._where is not None:
                answer = self._where.evaluate(view, self._variables)
                if answer is False:
                    return NO_MATCH
                if answer is not True:
                    what = f"filter.where gave {kind_of(answer)}, not true or false"
                    return Verdict(Outcome.FAILED, f"{what}; compare it, as in body.code = 'TIMEOUT'")
            if not self._transform:
                return self._to_be_sent(message)
            results = {part: each.evaluate(view, self._variables) for part, each in self._transform.items() if each}
            return self._to_be_sent(message, transformed(results, message, view))
        except ExpressionFailed as error:
            return Verdict(Outcome.FAILED, str(error))


def _expression(source: str | None, field: str) -> Expression | None:
    if not source:
        return None
    from redrive.expressions.jsonata import Expression  # noqa: PLC0415  slow to import, and many runs need none

    return Expression(source, field)

"""Filter the page: one verdict for each message, from the request's criteria and nothing else."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redrive.errors import ExpressionFailed, ExpressionTooSlow
from redrive.guard import LIMITS, MIB, CutOff, Limits, guarded
from redrive.ledger import PAGES, VERDICTS
from redrive.messages import Attributes, Message, Outgoing
from redrive.outcomes import SETTLED, Outcome, settle
from redrive.queues import LARGEST, name_of
from redrive.unsettled import already_sent
from redrive.verdicts import SEND, UNCHANGED, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redrive.expressions import Expression
    from redrive.journal import Journal
    from redrive.lane import Lane
    from redrive.ledger import Ledger
    from redrive.queues import Queue

MOST_NEW = 64 * MIB  # bytes of new bodies in a page, twice a page: the send step has to hold them

MATCH = Verdict(SEND)
NO_MATCH = Verdict("held", "filter.where does not match")
TOO_MUCH = Verdict("failed", f"its page's new bodies exceed {MOST_NEW // MIB} MiB; run again")


def filter_page(ledger: Ledger, journal: Journal, queue: Queue, criteria: dict[str, Any], lane: Lane) -> Lane:
    """Judge the page in hand and write its verdicts; when nothing is to leave the queue, settle it at once."""
    name = lane.page.name or ""
    messages = [Message.from_json(line) for line in ledger.read(PAGES, name)]
    judge = Judge(criteria, ledger.run, already_sent(ledger, journal, queue.name))
    verdicts = judge.judge_all(messages, share=lane.share, in_order=queue.fifo)
    decided = Counter(verdict.decision for verdict in verdicts)
    selected = decided[SEND] + decided[SETTLED]
    lane = replace(lane, page=replace(lane.page, selected=selected))
    if lane.share is not None:
        lane = replace(lane, share=lane.share - decided[SEND] - decided["previewed"])
        if lane.share == 0:
            lane = replace(lane, go_on=False, why="the limit is reached")
    if selected:
        ledger.write(VERDICTS, name, map(Verdict.to_json, verdicts, messages))
        return lane
    pairs = zip(messages, verdicts, strict=True)
    outcomes = [Outcome(message.id, v.decision, v.reason) for message, v in pairs]
    return settle(ledger, lane, messages, outcomes, in_order=queue.fifo)


class Judge:
    """Judges messages by a run's criteria (the `criteria` of `check`)."""

    def __init__(self, criteria: dict[str, Any], run: str, already: dict[str, str], limits: Limits = LIMITS) -> None:
        """`already` maps the ids of messages that were sent before to their new ids; `limits` are the expressions'."""
        self._already = already
        self._criteria = criteria
        self._run = run
        self._limits = limits
        self._where = _expression(criteria["where"], "filter.where")
        self._transform = _expression(criteria["transform"], "transform")
        self._variables = {name: criteria[name] for name in ("now", "today", "yesterday")}

    def judge_all(self, messages: list[Message], *, share: int | None, in_order: bool) -> list[Verdict]:
        """Give a verdict for each message, in order. Raises ExpressionTooSlow.

        At most `share` messages are selected. With `in_order` (FIFO), a message that stays behind keeps all of its
        group behind it, so that no group is sent with a gap.
        """
        verdicts: list[Verdict] = []
        blocked: set[str | None] = set()
        chosen = 0
        for message, by_itself in zip(messages, self._each(messages), strict=True):
            verdict = by_itself
            if in_order and message.group in blocked:
                verdict = Verdict("held", "an earlier message of its group stays behind")
            elif verdict.decision == SEND and share is not None and chosen >= share:
                verdict = Verdict("held", "the limit is reached")
            if verdict.decision == SEND:
                chosen += 1
                if self._criteria["preview"]:
                    verdict = replace(verdict, decision="previewed", outgoing=UNCHANGED)
            elif verdict.decision != SETTLED:
                blocked.add(message.group)
            verdicts.append(verdict)
        return verdicts

    def _each(self, messages: list[Message]) -> Iterator[Verdict]:
        """Judge each message by itself: what cannot be judged has failed, and says why."""
        certain = [self._by_criteria(message) for message in messages]
        open_ = [message for message, verdict in zip(messages, certain, strict=True) if verdict is None]
        evaluated = self._by_guarded_expressions(open_)
        for verdict in certain:
            yield verdict or next(evaluated)

    def _by_criteria(self, message: Message) -> Verdict | None:
        """Judge by everything but the expressions; None when it is for them to say."""
        if message.id in self._already:
            if self._criteria["preview"]:
                return Verdict("held", "it was sent before; a run without preview deletes it")
            return Verdict(
                SETTLED, "it was sent before, and only its deletion was missing", new_id=self._already[message.id]
            )
        mark = message.mark
        if mark.run == self._run:
            return Verdict("returned", "this run sent it, and it came back")
        cap = self._criteria["max_redrives"]
        if cap is not None and mark.count >= cap:
            return Verdict("held", f"it has been redriven {mark.count} times already")
        if not self._in_window(message.sent_ms):
            return Verdict("held", "filter.sent does not match")
        if self._where is None and self._transform is None:
            return Verdict(SEND)
        return None

    def _by_guarded_expressions(self, messages: list[Message]) -> Iterator[Verdict]:
        """Judge by the expressions in a process of their own, which can be stopped."""
        fields = " or ".join(expression.field for expression in (self._where, self._transform) if expression)
        grown = 0
        try:
            for verdict in guarded(self._by_expressions, messages, self._limits):
                if isinstance(verdict, CutOff):
                    yield Verdict("failed", f"{fields} {verdict.why}")
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
                    return Verdict("failed", f"filter.where gave {_kind(answer)}, not true or false")
            if self._transform is None:
                return MATCH
            outgoing = _outgoing(self._transform.evaluate(view, self._variables), message, view)
            _must_fit(message, outgoing)
            return Verdict(SEND, outgoing=outgoing)
        except ExpressionFailed as error:
            return Verdict("failed", str(error))

    def _in_window(self, sent_ms: int) -> bool:
        start, end = self._criteria["sent_from"], self._criteria["sent_to"]
        return (start is None or sent_ms >= start) and (end is None or sent_ms < end)


def _expression(source: str | None, field: str) -> Expression | None:
    if not source:
        return None
    from redrive.expressions import Expression  # noqa: PLC0415  jsonata is slow to import, and many runs need none

    return Expression(source, field)


def view_of(message: Message) -> dict[str, Any]:
    """Give what `where` and `transform` see of a message."""
    sent = datetime.fromtimestamp(message.sent_ms / 1000, UTC)
    return {
        "body": _parsed(message.body),
        "text": message.body,
        "attributes": {name: _plain(value) for name, value in message.attributes.items()},
        "id": message.id,
        "sent": sent.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "received_count": int(message.system.get("ApproximateReceiveCount", "1")),
        "redrives": message.mark.count,
        "group": message.group,
        "source": name_of(message.source) if message.source else None,
    }


def _parsed(text: str) -> Any:
    try:
        return _strict(text)
    except (ValueError, RecursionError):
        return text


def _no_json(constant: str) -> Any:
    # Python's parser takes NaN and Infinity for JSON; JSON does not.
    raise ValueError(constant)


_strict = json.JSONDecoder(parse_constant=_no_json).decode  # made once: `json.loads` would make one for each message


def _plain(attribute: dict[str, Any]) -> Any:
    if "BinaryValue" in attribute:
        return base64.b64encode(attribute["BinaryValue"]).decode()
    text = attribute["StringValue"]
    if attribute["DataType"].split(".")[0] != "Number":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _outgoing(result: Any, message: Message, view: dict[str, Any]) -> Outgoing:
    if isinstance(result, dict) and "body" in result and set(result) <= {"body", "attributes"}:
        attributes = result.get("attributes")
        return Outgoing(_text(result["body"]), None if attributes is None else _typed(attributes, message, view))
    return Outgoing(_text(result))


def _must_fit(message: Message, outgoing: Outgoing) -> None:
    attributes = message.attributes if outgoing.attributes is None else outgoing.attributes
    try:
        size = replace(message, body=outgoing.body or "", attributes=attributes).bytes
    except UnicodeEncodeError as error:
        raise ExpressionFailed("transform gave half a character (a lone surrogate), which SQS does not take") from error
    if size > LARGEST:
        raise ExpressionFailed("transform gave a message of more than 1 MiB, the most that SQS takes")


def _text(value: Any) -> str:
    if value is None or value == "":
        raise ExpressionFailed("transform gave no body")
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionFailed(f"transform gave {_kind(value)}, which is no JSON") from error


def _typed(values: Any, message: Message, view: dict[str, Any]) -> Attributes:
    if not isinstance(values, dict):
        raise ExpressionFailed(f"transform gave attributes that are {_kind(values)}, not an object")
    typed = {}
    for name, value in values.items():
        if name in message.attributes and view["attributes"][name] == value:
            typed[name] = message.attributes[name]  # untouched: its type and its bytes stay
        elif isinstance(value, str):
            typed[name] = {"DataType": "String", "StringValue": value}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            typed[name] = {"DataType": "Number", "StringValue": json.dumps(value)}
        else:
            raise ExpressionFailed(f"transform gave an attribute that is {_kind(value)}, not a text or a number")
    return typed


def _kind(value: Any) -> str:
    kinds = {
        type(None): "nothing",
        bool: "true or false",
        str: "a text",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "an object",
    }
    return kinds.get(type(value), "no JSON value")

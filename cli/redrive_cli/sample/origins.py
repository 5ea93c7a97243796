"""Kinds of dead letters: who put a message into the dead-letter queue, as far as it tells.

What each writes is in AWS's guides: SQS, dead-letter queues; Lambda, asynchronous invocation; SNS, message formats;
EventBridge, dead-letter queues of rules, of schedules and of pipes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

View = dict[str, Any]


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_failed_invocation(view: View) -> bool:
    return all(name in view["attributes"] for name in ("RequestID", "ErrorCode", "ErrorMessage"))


def _is_from_pipe(view: View) -> bool:
    return ":pipes:" in str(_at(view["body"], "context", "partnerResourceArn") or "")


# The first that a message is, with the JSONata condition that says the same.
_KINDS: tuple[tuple[str, Callable[[View], bool], str], ...] = (
    ("dead-lettered by SQS", lambda view: view["source"] is not None, "source != null"),
    ("EventBridge schedule", lambda view: "SCHEDULE_ARN" in view["attributes"], "$exists(attributes.SCHEDULE_ARN)"),
    ("EventBridge rule", lambda view: "RULE_ARN" in view["attributes"], "$exists(attributes.RULE_ARN)"),
    (
        "failed Lambda invocation",
        _is_failed_invocation,
        "$exists(attributes.RequestID) and $exists(attributes.ErrorCode) and $exists(attributes.ErrorMessage)",
    ),
    (
        "record of a Lambda destination",
        lambda view: _at(view["body"], "requestContext", "functionArn") is not None,
        "$exists(body.requestContext.functionArn)",
    ),
    ("EventBridge pipe", _is_from_pipe, '$contains($string(body.context.partnerResourceArn), ":pipes:")'),
    (
        "SNS notification",
        lambda view: _at(view["body"], "Type") == "Notification" and _at(view["body"], "TopicArn") is not None,
        'body.Type = "Notification" and $exists(body.TopicArn)',
    ),
)
OTHER = "put there by hand, or by what leaves no mark"


def kind_of_letter(view: View) -> tuple[str, str]:
    """Name the kind of a message by its view, with the condition that selects just this kind."""
    earlier: list[str] = []
    for name, is_one, condition in _KINDS:
        if is_one(view):
            return name, _and_none_of(condition, earlier)
        earlier.append(condition)
    return OTHER, _and_none_of("", earlier)


def _and_none_of(condition: str, earlier: list[str]) -> str:
    none = f"$not({' or '.join(f'({each})' if ' and ' in each else each for each in earlier)})" if earlier else ""
    return " and ".join(filter(None, (condition, none)))

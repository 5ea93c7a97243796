"""How many requests this AWS answered: `GET /_redrive/requests`, for what a run costs.

Not a gap: AWS tells this on the bill. The answer is service → action → count, e.g.
`{"sqs": {"SendMessageBatch": 12}, "states": {"StateTransition": 21, "HistoryEvent": 80}}`.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive_embedded.patching import replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PATH = "/_redrive/requests"

Handler: TypeAlias = "Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Any]]"
AsgiApp: TypeAlias = "Callable[[dict[str, Any], Any, Any], Awaitable[None]]"

_COUNTED = ("sqs", "s3", "dynamodb")
_S3_OBJECT_ACTIONS = {
    "GET": "GetObject",
    "PUT": "PutObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
    "POST": "PostObject",
}

_counts: Counter[tuple[str, str]] = Counter()
_lock = threading.Lock()  # executions run in threads of their own


def _count(service: str, action: str) -> None:
    with _lock:
        _counts[service, action] += 1


def _snapshot() -> dict[str, dict[str, int]]:
    by_service: dict[str, dict[str, int]] = {}
    with _lock:
        for (service, action), count in sorted(_counts.items()):
            by_service.setdefault(service, {})[action] = count
    return by_service


@rewrites("app.SERVICE_HANDLERS")
def count_requests(handlers: dict[str, Handler]) -> dict[str, Handler]:
    """Count what reaches SQS, S3 and DynamoDB, from the functions and from the state machine alike."""
    for service in _COUNTED:
        handlers[service] = _counting(service, handlers[service])
    return handlers


def _counting(service: str, handle: Handler) -> Handler:
    async def handler(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
    ) -> Any:
        _count(service, _action(method, path, headers, query))
        return await handle(method, path, headers, body, query)

    return handler


def _action(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> str:
    """The API's action; of S3's, only those on one object by their name."""
    target = headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    on_object = "/" in path.strip("/")
    if on_object and method == "PUT" and "uploadId" in query:
        return "UploadPart"
    return _S3_OBJECT_ACTIONS[method] if on_object else f"{method} bucket"


@replaces("services.lambda_svc._execute_function_warm")
def count_invocations(execute: Callable[..., Any], *arguments: Any) -> Any:
    """Count every invocation, whoever makes it."""
    _count("lambda", "Invoke")
    return execute(*arguments)


@replaces("services.stepfunctions._add_event")
def count_transitions(add: Callable[..., Any], execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
    """Count what Step Functions bills: every state entered; and the events, which are limited to 25,000."""
    if event_type.endswith("StateEntered"):
        _count("states", "StateTransition")
    before = len(execution["events"])
    event = add(execution, event_type, details)
    with _lock:
        _counts["states", "HistoryEvent"] += len(execution["events"]) - before
    return event


@replaces("services.stepfunctions._run_execution")
def count_starts(execute: Callable[[str], None], execution_arn: str) -> None:
    """Count ExecutionStarted, the one event that ministack does not add but begins with."""
    _count("states", "HistoryEvent")
    execute(execution_arn)


@replaces("services.stepfunctions._find_matching_retrier")
def count_retries(find: Callable[..., tuple[Any, int]], *arguments: Any) -> tuple[Any, int]:
    """Each retry is billed as a transition (docs/facts.md B2)."""
    retrier, index = find(*arguments)
    if retrier is not None:
        _count("states", "StateTransition")
    return retrier, index


@rewrites("app.app")
def answer_counts(app: AsgiApp) -> AsgiApp:
    """Answer our own path, and hand everything else to ministack."""

    async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(_snapshot()).encode()})

    return asgi

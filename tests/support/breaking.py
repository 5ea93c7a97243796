"""Things that go wrong between us and AWS, put on a client through botocore's own events."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://sqs.us-east-1.amazonaws.com/"


class Killed(BaseException):
    """The process died: nothing that catches errors catches this."""


def calls_of(client: Any, operation: str) -> list[dict[str, Any]]:
    """The parameters of each call of an operation, as they come."""
    seen: list[dict[str, Any]] = []
    _on(client, "before-parameter-build", operation, lambda params, **_: seen.append(copy.deepcopy(params)))
    return seen


def refuse_entries(client: Any, operation: str, judge: Callable[[dict[str, Any]], tuple[str, bool] | None]) -> None:
    """Let SQS refuse entries of a batch: `judge` gives an entry's `Code` and `SenderFault`, or None to let it pass."""

    def take_out(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        found = [(entry, judge(entry)) for entry in params["Entries"]]
        params["Entries"] = [entry for entry, refusal in found if not refusal]
        context["refused"] = [
            {"Id": entry["Id"], "Code": refusal[0], "SenderFault": refusal[1], "Message": "broken on purpose"}
            for entry, refusal in found
            if refusal
        ]
        context["none left"] = not params["Entries"]

    def short_cut(context: dict[str, Any], **_: Any) -> Any:
        return _answer(200, {}) if context.get("none left") else None

    def put_back(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if context["refused"]:
            parsed["Failed"] = [*parsed.get("Failed", []), *context["refused"]]

    _on(client, "before-parameter-build", operation, take_out)
    _on(client, "before-call", operation, short_cut)
    _on(client, "after-call", operation, put_back)


def refuse_calls(
    client: Any,
    operation: str,
    code: str,
    *,
    status: int = 400,
    when: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> None:
    """Let AWS refuse whole calls, without any effect."""

    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked"] = params

    def refuse(context: dict[str, Any], **_: Any) -> Any:
        if not when(context["asked"]):
            return None
        return _answer(status, {"Error": {"Code": code, "Message": "broken on purpose"}})

    _on(client, "before-parameter-build", operation, remember)
    _on(client, "before-call", operation, refuse)


def answer_with(client: Any, operation: str, answer: Callable[[], dict[str, Any]]) -> None:
    """Answer an operation's calls ourselves."""
    _on(client, "before-call", operation, lambda **_: _answer(200, answer()))


def lose_answers(client: Any, operation: str) -> None:
    """Let calls take effect, and their answers never arrive."""

    def lose(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url=URL)

    _on(client, "after-call", operation, lose)


def die_at(
    client: Any,
    operation: str,
    call: int,
    *,
    after: bool = False,
    error: type[BaseException] = Killed,
    when: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> None:
    """Die at the n-th such call of an operation, from 1: before it, or after it took effect and nobody knows yet."""
    calls = 0

    def look(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        nonlocal calls
        calls += when(params)
        context["dies"] = when(params) and calls == call

    def die(context: dict[str, Any], **_: Any) -> None:
        if context["dies"]:
            raise error("broken on purpose")

    _on(client, "before-parameter-build", operation, look)
    _on(client, "after-call" if after else "before-call", operation, die)


def of_kind(kind: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an S3 call is about a page's `kind`."""
    return lambda params: f"/{kind}/" in params["Key"]


def fail_attempts(client: Any, operation: str, attempts: int) -> None:
    """Let the first HTTP requests of an operation get a 503, so that botocore tries again."""
    left = attempts

    def fail(request: Any, **_: Any) -> AWSResponse | None:
        nonlocal left
        left -= 1
        return AWSResponse(request.url, 503, {}, MockRawResponse(b"")) if left >= 0 else None

    _on(client, "before-send", operation, fail)


def _on(client: Any, event: str, operation: str, handler: Callable[..., Any]) -> None:
    client.meta.events.register(f"{event}.{client.meta.service_model.service_name}.{operation}", handler)


def _answer(status: int, parsed: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
    parsed["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    return AWSResponse(URL, status, {}, MockRawResponse(b"")), parsed

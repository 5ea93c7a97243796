"""Who may speak to this AWS: the one who started it. Everybody else is refused before ministack sees a request.

Not a gap in the usual sense: AWS is behind credentials, and ministack 1.5.33 takes any, from anybody, and tells every
web page that it may read the answers (`Access-Control-Allow-Origin: *`). It runs code as its user, whoever asks.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from redrive_embedded import request_counts
from redrive_embedded.patching import ministack, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    AsgiApp: TypeAlias = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
    Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

router: Any = ministack("core.router")
sts: Any = ministack("services.sts")

_NAMES = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused; as AWS refuses one, so that an SDK can say it, or to strangers in one sentence."""

    reason: str
    as_aws: bool = False


@rewrites("app.app")
def keep_to_the_owner(app: AsgiApp) -> AsgiApp:
    """Let through what the owner's programs send, whatever its path and method.

    - A browser gives itself away by `Origin` or `Sec-Fetch-…` (Fetch standard; it sends the second with every request
      to a loopback address), and no SDK sends them.
    - The Host is ours, so that a name which a stranger points at 127.0.0.1 ("DNS rebinding") reaches nothing.
    - The access key is the one of this start, or one that this AWS's STS gave to its holder: a page cannot know it, nor
      can another user of the machine.
    """
    hosts = _own_hosts(os.environ["GATEWAY_PORT"])

    async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal = _of_browsers(headers, hosts) or _of_other_keys(scope, headers)
        if refusal:
            await _refuse(scope, receive, send, refusal, headers)
        else:
            await app(scope, receive, _without_cors(send))

    return asgi


@replaces("services.lambda_svc.execution_credentials")
@replaces("core.lambda_runtime.execution_credentials")
def give_functions_the_owners_key(make: Callable[[Any], dict[str, str]], config: Any) -> dict[str, str]:
    """A function's own calls come in by the same door. ministack 1.5.33 gives it the account's number as its key."""
    return {**make(config), "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"]}


def _own_hosts(port: str) -> frozenset[str]:
    bare = _NAMES if port == "80" else ()
    return frozenset({*bare, *(f"{name}:{port}" for name in _NAMES)})


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    """Lower-case names; of a header that comes twice, both values, which then match nothing."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _of_browsers(headers: dict[str, str], hosts: frozenset[str]) -> Refusal | None:
    if headers.get("host", "").lower() not in hosts:
        return Refusal("this AWS answers by the address that it printed, and by no other name")
    if "origin" in headers or any(name.startswith("sec-fetch-") for name in headers):
        return Refusal("this AWS is not for web pages")
    return None


def _of_other_keys(scope: dict[str, Any], headers: dict[str, str]) -> Refusal | None:
    if scope["path"] == request_counts.PATH:
        return None  # how many requests of which kind there were is nobody's secret
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    key: str = router.extract_access_key_id(headers, query)
    own = hmac.compare_digest(key.encode(), os.environ["AWS_ACCESS_KEY_ID"].encode())
    if own or key in sts._sessions:  # noqa: SLF001  who has one of these had ours to get it
        return None
    return Refusal(
        "The security token included in the request is invalid: this AWS takes only the credentials that were printed "
        "when it started",
        as_aws=True,
    )


async def _refuse(scope: dict[str, Any], receive: Any, send: Send, refusal: Refusal, headers: dict[str, str]) -> None:
    if scope["type"] == "websocket":
        await receive()  # the handshake, which is then answered with 403
        await send({"type": "websocket.close", "code": 1008})
        return
    content_type, body = _answer(refusal, headers)
    described = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": described})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})


def _answer(refusal: Refusal, headers: dict[str, str]) -> tuple[str, bytes]:
    """The content type and the body; an error of AWS is JSON or XML, as the request's protocol is."""
    if not refusal.as_aws:
        return "text/plain", f"Refused: {refusal.reason}.\n".encode()
    signed, form = headers.get("authorization", ""), headers.get("content-type", "")
    if signed and "/s3/" not in signed and "x-www-form-urlencoded" not in form:
        error = {"__type": "UnrecognizedClientException", "message": f"{refusal.reason}."}
        return "application/x-amz-json-1.0", json.dumps(error).encode()
    error_body = f"<Error><Code>InvalidClientTokenId</Code><Message>{escape(refusal.reason)}.</Message></Error>"
    return "text/xml", f"<ErrorResponse>{error_body}</ErrorResponse>".encode()


def _without_cors(send: Send) -> Send:
    """No answer tells a web page that it may read it."""

    async def silent(message: dict[str, Any]) -> None:
        if "headers" in message:
            kept = [
                (name, value) for name, value in message["headers"] if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return silent

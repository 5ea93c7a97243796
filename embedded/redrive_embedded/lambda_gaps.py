"""Lambda: how a failed invocation looks, that it costs the next one no cold start, and asynchronous retries."""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

import json
import threading
import time
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

from redrive_embedded.patching import PatchError, ministack, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Callable

lambda_svc: Any = ministack("services.lambda_svc")
responses: Any = ministack("core.responses")
sqs: Any = ministack("services.sqs")

Json: TypeAlias = dict[str, Any]

# AWS waits one minute and then two (docs/facts.md C2). Nobody who tries something out here wants to.
ASYNC_RETRY_SECONDS = (1.0, 2.0)

_RAISED = "redrive:raised"

_MINISTACK_REPORT = (
    '_real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()}) + "\\n")'
)
_OUR_REPORT = (
    'traceback.print_exc(); _real_stdout.write(json.dumps({"status": "ok", "result": {"' + _RAISED + '": {'
    '"errorMessage": str(e), "errorType": type(e).__name__, "requestId": context.aws_request_id, '
    '"stackTrace": [line.replace(code_dir, "/var/task") for line in traceback.format_tb(e.__traceback__)[1:]]'
    '}}}) + "\\n")'
)


@rewrites("core.lambda_runtime._PYTHON_WORKER_SCRIPT")
def report_raised_exceptions_as_aws_does(script: str) -> str:
    """AWS: `errorType` is the exception's class name, `errorMessage` its text, and the worker lives on.

    Lambda developer guide, "Python exceptions". ministack 1.5.33 answers `Runtime.HandlerError` for every
    exception, and ends the worker, so that the next call is cold. Filled in the worker's script: it answers
    the error in AWS's shape as a normal result, which `show_raised_exceptions` turns into an error.
    """
    if script.count(_MINISTACK_REPORT) != 1:
        raise PatchError("The embedded AWS does not know this ministack's Lambda worker script.")
    return script.replace(_MINISTACK_REPORT, _OUR_REPORT)


@replaces("services.lambda_svc._execute_function_warm")
def show_raised_exceptions(
    execute: Callable[[Any, Any, str], dict[str, Any]],
    function: Any,
    event: Any,
    request_id: str,
) -> dict[str, Any]:
    """The other half of `report_raised_exceptions_as_aws_does`, and two failures that are no exception.

    AWS: a worker that dies is `Runtime.ExitError`, a timeout is `Sandbox.Timedout`, both with a message that
    begins with the request id (docs/facts.md B5). ministack calls the first `Runtime.HandlerError`.
    """
    result = execute(function, event, request_id)
    body = result.get("body")
    if not isinstance(body, dict):
        return result
    if _RAISED in body:
        return {**result, "body": body[_RAISED], "error": True}
    if result.get("error") and body.get("errorMessage") == "Worker process died":
        reason = "Runtime exited without providing a reason"
        body = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: {reason}"}
        return {**result, "body": body}
    if result.get("error") and body.get("errorType") == "Sandbox.Timedout":
        body = {**body, "errorMessage": f"RequestId: {request_id} Error: {body['errorMessage']}"}
        return {**result, "body": body}
    return result


@dataclass
class Asynchronous:
    """One event that was handed to a function asynchronously: its attempts have one request id (docs/facts.md C2)."""

    event: Any
    request_id: str = field(default_factory=lambda: str(uuid4()))
    attempts: int = 0


_in_hand: ContextVar[Asynchronous | None] = ContextVar("_in_hand", default=None)


@replaces("services.eventbridge._dispatch_to_lambda")
def invoke_from_rules_asynchronously(_dispatch: Callable[..., None], arn: str, payload: str) -> None:
    """AWS: a rule invokes a function asynchronously, as any asynchronous invocation.

    EventBridge user guide, "targets". ministack 1.5.33 calls the function once, and forgets how that ended.
    """
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if function:
        lambda_svc.invoke_async_with_retry(
            lambda_svc._execution_record_for_config(function, config), json.loads(payload)
        )


@replaces("services.lambda_svc.invoke_async_with_retry")
def retry_asynchronous_invocations(_invoke: Callable[..., None], function: Json, event: Any) -> None:
    """AWS: an event whose function failed is tried again, twice unless EventInvokeConfig says otherwise.

    Then its invocation record goes to the OnFailure destination (docs/facts.md C2, C3). ministack 1.5.33 gives each
    attempt a request id of its own, and its record lacks half of its fields and always counts three attempts.
    """
    attempt = copy_context().run  # the account and the Region are the caller's
    threading.Thread(target=attempt, args=(_attempt_all, function, Asynchronous(event)), daemon=True).start()


def _attempt_all(function: Json, asynchronous: Asynchronous) -> None:
    _in_hand.set(asynchronous)
    config = _event_invoke_config(function)
    retries = int(config.get("MaximumRetryAttempts", len(ASYNC_RETRY_SECONDS)))
    result: Json = {}
    for pause in (0.0, *ASYNC_RETRY_SECONDS[:retries]):
        time.sleep(pause)
        asynchronous.attempts += 1
        result = lambda_svc._execute_function(function, asynchronous.event)
        if not result.get("error"):
            return
    if destination := (config.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination"):
        _send_to_queue(destination, invocation_record(function["config"], asynchronous, result))
    if dead_letters := (function["config"].get("DeadLetterConfig") or {}).get("TargetArn"):
        _send_to_queue(dead_letters, asynchronous.event, MessageAttributes=_why(asynchronous, result))


def _event_invoke_config(function: Json) -> Json:
    configs = function.get("event_invoke_configs") or {}
    version = function["config"].get("Version", "$LATEST")
    return configs.get(version) or configs.get("") or {}


def invocation_record(config: Json, asynchronous: Asynchronous, result: Json) -> Json:
    """What an OnFailure destination is given (Lambda developer guide, "Capturing records"; docs/facts.md C3)."""
    version = config.get("Version", "$LATEST")
    return {
        "version": "1.0",
        "timestamp": responses.now_iso(),
        "requestContext": {
            "requestId": asynchronous.request_id,
            "functionArn": f"{config['FunctionArn'].removesuffix(f':{version}')}:{version}",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": asynchronous.attempts,
        },
        "requestPayload": asynchronous.event,
        "responseContext": {"statusCode": 200, "executedVersion": version, "functionError": "Unhandled"},
        "responsePayload": result.get("body"),
    }


def _why(asynchronous: Asynchronous, result: Json) -> Json:
    """The attributes of an event in a function's own dead-letter queue (docs/facts.md C3)."""
    message = str((result.get("body") or {}).get("errorMessage"))[:1024]
    return {
        "RequestID": {"DataType": "String", "StringValue": asynchronous.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": message},
    }


def _send_to_queue(arn: str, body: Any, **attributes: Any) -> None:
    """Send what failed to its queue. Another kind of destination is an error, not a silence."""
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise NotImplementedError(f"The embedded AWS sends failed events to queues only, not to {arn}.")
    sqs._HANDLERS["SendMessage"](
        {"QueueUrl": queue["url"], "MessageBody": json.dumps(body), **attributes}, queue["url"]
    )


@replaces("services.lambda_svc._execute_function_dispatch")
def keep_the_request_id(dispatch: Callable[..., Json], *arguments: Any) -> Json:
    """The request id of an asynchronous event stays the same, however often it is tried."""
    function, config, event, request_id, started = arguments
    asynchronous = _in_hand.get()
    kept = asynchronous.request_id if asynchronous else request_id
    return dispatch(function, config, event, kept, started)

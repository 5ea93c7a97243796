"""Lambda: how a failed invocation looks, and that it does not cost the next one a cold start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redrive_embedded.patching import PatchError, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Callable

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

"""Step Functions: error names, parameters, retries, the history, and idempotent starts. Maps have their own file."""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive_embedded import refusals
from redrive_embedded.patching import ministack, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

sfn: Any = ministack("services.stepfunctions")

Json: TypeAlias = dict[str, Any]

_FIRST_STATE_EVENT = 2  # event 1 is ExecutionStarted; AWS gives both of them previousEventId 0
_TO_BE_NAMED = "States.DataLimitExceeded"
_UNCATCHABLE = "States.Runtime"


@rewrites("services.stepfunctions._AWS_SDK_SERVICE_MAP")
def speak_json_to_sqs(services: dict[str, Json]) -> dict[str, Json]:
    """AWS: `aws-sdk:sqs:*` results have the API's shapes, in PascalCase (docs/facts.md B4).

    ministack speaks SQS's old query protocol there, which loses lists, numbers and the actions of
    `move_tasks`. Filled by choosing the JSON protocol, which it speaks with other services.
    """
    return {**services, "sqs": {"protocol": "json", "target_prefix": "AmazonSQS"}}


@replaces("services.stepfunctions._prefix_sdk_error")
def name_sqs_errors_as_the_java_sdk_does(prefix: Callable[[str, str], str], service: str, code: str) -> str:
    """AWS: `Sqs.` and the Java SDK's exception, whose name always ends in `Exception`.

    Measured: `Sqs.QueueDoesNotExistException`; an error without a modelled shape is `Sqs.SqsException`
    (docs/facts.md B4). ministack: `Sqs.QueueDoesNotExist`.
    """
    if service != "sqs":
        return prefix(service, code)
    if code not in _modelled_sqs_errors():
        return "Sqs.SqsException"
    return f"Sqs.{code.removesuffix('Exception')}Exception"


@replaces("services.stepfunctions._sdk_json_params")
def refuse_parameters_that_the_api_does_not_take(
    rename: Callable[..., Any],
    service: Json,
    service_key: str,
    action: str,
    parameters: Any,
) -> Any:
    """AWS: a null, an unknown or a missing parameter keeps an `aws-sdk` task from starting (`refusals.of_parameters`).

    ministack 1.5.33 hands on whatever it is given.
    """
    wire = rename(service, service_key, action, parameters)
    model = sfn._service_model(service_key)
    if model is not None and action in model.operation_names:
        reason = refusals.of_parameters(wire, parameters, model.operation_model(action).input_shape)
        if reason:
            raise sfn._ExecutionError(_UNCATCHABLE, reason)
    return wire


@functools.cache
def _modelled_sqs_errors() -> frozenset[str]:
    return frozenset(shape.name for shape in sfn._service_model("sqs").error_shapes)


@replaces("services.stepfunctions._error_matches")
def keep_states_all_from_the_uncatchable(
    matches: Callable[[list[str], str], bool],
    error_equals: list[str],
    error: str,
) -> bool:
    """AWS: neither States.ALL nor States.TaskFailed stands for States.DataLimitExceeded or States.Runtime.

    And a States.Runtime "will always cause the execution to fail": nothing catches it, even by its name. Step Functions
    developer guide, "Error handling" (docs/facts.md B5). ministack: they stand for everything.
    """
    if error == _UNCATCHABLE:
        return False
    if error == _TO_BE_NAMED:
        return error in error_equals
    return matches(error_equals, error)


@replaces("services.stepfunctions._find_matching_retrier")
def limit_and_jitter_retries(
    find: Callable[..., tuple[Json | None, int]],
    retriers: list[Json],
    error: str,
    retry_counts: dict[int, int],
) -> tuple[Json | None, int]:
    """AWS: `MaxDelaySeconds` caps the delay, `JitterStrategy: FULL` draws it between 0 and that.

    ministack 1.5.33 ignores both. Filled by answering a retrier whose next delay is the wanted one. What
    stays: ministack never waits longer than 60 seconds.
    """
    retrier, index = find(retriers, error, retry_counts)
    if retrier is None:
        return None, index
    attempts = retry_counts.get(index, 0)
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** attempts
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") == "FULL":
        delay = random.uniform(0, delay)  # noqa: S311  spreading retries needs no cryptography
    return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, index


@replaces("services.stepfunctions._start_execution")
def answer_the_running_execution(start: Callable[[Json], Any], request: Json) -> Any:
    """AWS: starting again with the name and input of a running execution answers that execution.

    Step Functions API, StartExecution (docs/facts.md B5). ministack: ExecutionAlreadyExists.
    """
    machine = sfn._state_machines.get(sfn._resolve_state_machine_arn(request.get("stateMachineArn", "")))
    if machine and request.get("name"):
        arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{request['name']}"
        running = sfn._executions.get(arn)
        if running and running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
            return sfn.json_response({"executionArn": arn, "startDate": running["startDate"]})
    return start(request)


@replaces("services.stepfunctions._start_sync_execution")
@replaces("services.stepfunctions._start_execution")
def refuse_what_is_no_start(start: Callable[[Json], Any], request: Json) -> Any:
    """AWS: an input that is no JSON and a name that cannot be one start nothing (`refusals.of_start`).

    ministack 1.5.33 takes any text as input, which the states see as `{}`, and any name.
    """
    refusal = refusals.of_start(request)
    return sfn.error_response_json(*refusal, 400) if refusal else start(request)


@replaces("services.stepfunctions._fail_execution")
def keep_the_end_of_a_stopped_execution(
    fail: Callable[[Json, str, str], None],
    execution: Json,
    error: str,
    cause: str,
) -> None:
    """AWS: an execution that was stopped stays ABORTED.

    ministack makes it FAILED when the state that was running at that moment ends with an error.
    """
    if execution["status"] == "RUNNING":
        fail(execution, error, cause)


@replaces("services.stepfunctions._add_event")
def record_events_as_aws_does(
    add: Callable[[Json, str, Json], Json],
    execution: Json,
    event_type: str,
    details: Json | None = None,
) -> Json:
    """AWS: four kinds of event that ministack names differently, or leaves out.

    A Task has a `Started` event; a function's ARN as Resource has `LambdaFunction…` events; a task that runs
    out of time is `…TimedOut`; every event has `previousEventId`. Step Functions API, HistoryEvent. In
    an inline Map or a Parallel state, whose branches interleave, ours names the event before, where AWS names
    the one that caused it.
    """
    event: Json = {}
    for kind, kind_details in _events_of_aws(event_type, details or {}):
        event = add(execution, kind, kind_details)
        event["previousEventId"] = 0 if event["id"] <= _FIRST_STATE_EVENT else event["id"] - 1
    return event


def _events_of_aws(event_type: str, details: Json) -> Iterator[tuple[str, Json]]:
    """The events that AWS records for one of ministack's."""
    if event_type not in {"TaskScheduled", "TaskSucceeded", "TaskFailed"}:
        yield event_type, details
        return
    given: Json = details[f"task{event_type.removeprefix('Task')}EventDetails"]
    outcome = event_type.removeprefix("Task")
    if outcome == "Failed" and given["error"] == "States.Timeout":
        outcome = "TimedOut"
    if given["resource"].startswith("arn:aws:lambda:"):
        shown = {"resource"} if outcome == "Scheduled" else {"output", "error", "cause"}
        kept = {name: value for name, value in given.items() if name in shown}
        yield f"LambdaFunction{outcome}", {f"lambdaFunction{outcome}EventDetails": kept}
        if outcome == "Scheduled":
            yield "LambdaFunctionStarted", {}
        return
    resource_type, _, action = given["resource"].removeprefix("arn:aws:states:::").rpartition(":")
    kept = {**given, "resourceType": resource_type, "resource": action}
    yield f"Task{outcome}", {f"task{outcome}EventDetails": kept}
    if outcome == "Scheduled":
        yield "TaskStarted", {"taskStartedEventDetails": {"resourceType": resource_type, "resource": action}}

"""Step Functions: a Distributed Map's children are executions, with a history and an end of their own."""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive_embedded.patching import ministack, replaces, rewrites

if TYPE_CHECKING:
    from collections.abc import Callable

sfn: Any = ministack("services.stepfunctions")

Json: TypeAlias = dict[str, Any]

_STATES_WITH_EXECUTION = {"Task", "Parallel", "Map"}


@replaces("services.stepfunctions._run_map_items")
def honour_max_concurrency_path(
    run: Callable[..., Any],
    state: Json,
    raw_input: Any,
    execution: Json,
    context: Json,
) -> Any:
    """AWS: `MaxConcurrencyPath` takes the number from the input. ministack 1.5.33 does not know it."""
    if "MaxConcurrencyPath" in state:
        effective = sfn._apply_input_path(state, raw_input, context)
        limit = sfn._resolve_path_or_ctx(state["MaxConcurrencyPath"], effective, context)
        state = {**state, "MaxConcurrency": limit}
    return run(state, raw_input, execution, context)


@rewrites("services.stepfunctions._map_runs")
def record_the_start_of_map_runs(map_runs: Any) -> Any:
    """AWS: the parent's history says MapRunStarted when a Map Run starts. ministack 1.5.33 does not."""

    class MapRuns(type(map_runs)):  # type: ignore[misc]  # ministack has no types
        """Adds the event when a Map Run is registered."""

        def __setitem__(self, arn: str, run: Json) -> None:
            is_new = arn not in self
            super().__setitem__(arn, run)
            if is_new:
                parent = sfn._executions[run["executionArn"]]
                sfn._add_event(parent, "MapRunStarted", {"mapRunStartedEventDetails": {"mapRunArn": arn}})

    return MapRuns()


@replaces("services.stepfunctions._run_distributed_map")
def record_the_end_of_map_runs(run: Callable[..., Any], *arguments: Any) -> Any:
    """The other half of `record_the_start_of_map_runs`: MapRunSucceeded, or MapRunFailed with the error."""
    execution = arguments[4]
    try:
        result = run(*arguments)
    except sfn._ExecutionError as error:
        failed = {"error": error.error, "cause": error.cause}
        sfn._add_event(execution, "MapRunFailed", {"mapRunFailedEventDetails": failed})
        raise
    sfn._add_event(execution, "MapRunSucceeded")
    return result


@replaces("services.stepfunctions._run_sub_machine")
def run_children_as_executions(
    run: Callable[..., Any],
    states: dict[str, Json],
    start_at: str,
    data: Any,
    execution: Json,
    context: Json,
) -> Any:
    """AWS: a child of a Distributed Map has its own history, id and name, and ends with its parent.

    Step Functions developer guide, "Distributed mode". ministack records Task events only, shows the
    parent's `$$.Execution` inside the child, and lets children run on when the parent was stopped.
    """
    is_new_child = "mapRunArn" in execution and not execution["events"]
    if not is_new_child:
        return run(states, start_at, data, execution, context)
    context["Execution"] = {
        "Id": execution["executionArn"],
        "Input": data,
        "Name": execution["name"],
        "StartTime": execution["startDate"],
    }
    started = {"input": execution["input"], "roleArn": _role_of_parent(execution)}
    sfn._add_event(execution, "ExecutionStarted", {"executionStartedEventDetails": started})
    try:
        output = _walk(states, start_at, data, execution, context)
    except sfn._ExecutionError as error:
        failed = {"error": error.error, "cause": error.cause}
        sfn._add_event(execution, "ExecutionFailed", {"executionFailedEventDetails": failed})
        raise
    succeeded = {"output": json.dumps(output)}
    sfn._add_event(execution, "ExecutionSucceeded", {"executionSucceededEventDetails": succeeded})
    return output


def _walk(states: dict[str, Json], start_at: str, data: Any, child: Json, context: Json) -> Any:
    """Run a child's states to its end, recording each as a top-level execution's are."""
    name: str | None = start_at
    data = copy.deepcopy(data)
    while name:
        if sfn._executions.get(child["executionArn"]) is not child:
            raise sfn._ExecutionError("States.Aborted", "The parent execution was stopped.")
        state = states[name]
        kind = state["Type"]
        context["State"] = {"Name": name, "EnteredTime": sfn.now_iso(), "RetryCount": 0}
        entered = {"name": name, "input": json.dumps(data)}
        sfn._add_event(child, f"{kind}StateEntered", {"stateEnteredEventDetails": entered})
        data, following = _run_state(kind, state, data, child, context)
        exited = {"name": name, "output": json.dumps(data)}
        sfn._add_event(child, f"{kind}StateExited", {"stateExitedEventDetails": exited})
        name = following
    return data


def _run_state(kind: str, state: Json, data: Any, child: Json, context: Json) -> tuple[Any, str | None]:
    """Run one state; answers its output and the next state's name, None at the end."""
    if kind == "Fail":
        raise sfn._ExecutionError(*sfn._fail_state_error(state, data, context))
    if kind == "Succeed":
        effective = sfn._apply_input_path(state, data, context)
        return sfn._apply_output_path(state, effective, context), None
    execute = getattr(sfn, f"_execute_{kind.lower()}")
    arguments = (child, context) if kind in _STATES_WITH_EXECUTION else (context,)
    output, following = execute(state, data, *arguments)
    return output, following


def _role_of_parent(child: Json) -> str:
    parent = sfn._executions[sfn._map_runs[child["mapRunArn"]]["executionArn"]]
    role: str = sfn._state_machines[parent["stateMachineArn"]]["roleArn"]
    return role


@replaces("services.stepfunctions._stop_execution")
def stop_children_too(stop: Callable[[Json], Any], request: Json) -> Any:
    """AWS: stopping an execution aborts its running Map Runs and their children.

    Step Functions API, StopExecution. ministack lets them run to their end. Filled by taking the stopped
    records out of their threads' hands: the thread goes on with a record that nobody sees, and ends at its
    next state.
    """
    arn: str = request.get("executionArn", "")
    execution = sfn._executions.get(arn)
    was_running = execution is not None and execution["status"] == "RUNNING"
    response = stop(request)
    if was_running:
        _detach(sfn._executions, arn)
        for run in list(sfn._map_runs.values()):
            if run["executionArn"] == arn and run["status"] == "RUNNING":
                _abort_map_run(run)
    return response


def _abort_map_run(run: Json) -> None:
    aborted = 0
    for child in list(sfn._executions.values()):
        if child.get("mapRunArn") == run["mapRunArn"] and child["status"] == "RUNNING":
            child.update(status="ABORTED", stopDate=sfn.now_iso())
            sfn._add_event(child, "ExecutionAborted", {"executionAbortedEventDetails": {}})
            _detach(sfn._executions, child["executionArn"])
            aborted += 1
    run = _detach(sfn._map_runs, run["mapRunArn"])
    run.update(status="ABORTED", stopDate=sfn.now_iso())
    for counts in (run["itemCounts"], run["executionCounts"]):
        counts["aborted"] += aborted
        counts["running"] -= aborted


def _detach(records: Any, key: str) -> Json:
    """Replace a record by a copy, so that the thread that holds the old one cannot change what is seen."""
    records[key] = copy.deepcopy(records[key])
    copied: Json = records[key]
    return copied

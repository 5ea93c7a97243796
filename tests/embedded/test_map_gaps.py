"""A Distributed Map's children as executions: ours as AWS, and upstream still as it was."""

import time

import pytest

from support.embedded import (
    children,
    distributed,
    ended,
    event_types,
    function,
    history,
    machine,
    run,
)
from support.engine import eventually

REMEMBER = {"Type": "Pass", "Parameters": {"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name"}, "End": True}
PAUSE = {"Pause": {"Type": "Wait", "Seconds": 1, "Next": "Remember"}, "Remember": REMEMBER}
ITEMS = {"items": [{"n": 1}, {"n": 2}]}


@pytest.fixture(scope="module")
def probe(aws):
    return function(aws)


def test_a_child_has_the_history_of_an_execution(aws, probe):
    """Step Functions developer guide, "Distributed mode"."""
    work = {
        "Call": {"Type": "Task", "Resource": probe, "ResultPath": None, "Next": "Anything?"},
        "Anything?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.raise", "IsPresent": True, "Next": "Sorry"}],
            "Default": "Done",
        },
        "Sorry": {"Type": "Fail", "Error": "Sorry", "Cause": "because"},
        "Done": {"Type": "Succeed"},
    }
    execution = run(aws, {"Drain": distributed(work)}, {"items": [{"n": 1}]})
    (child,) = children(aws, execution["executionArn"])
    events = history(aws, child["executionArn"])
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "ChoiceStateEntered",
        "ChoiceStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]
    assert events[0]["executionStartedEventDetails"]["input"] == '{"n": 1}'
    assert events[1]["stateEnteredEventDetails"] == {"name": "Call", "input": '{"n": 1}'}
    assert events[5]["stateExitedEventDetails"]["output"] == '{"n": 1}'
    assert events[-1]["executionSucceededEventDetails"]["output"] == '{"n": 1}'


def test_a_child_that_fails_says_why(aws):
    sorry = {"Sorry": {"Type": "Fail", "Error": "Sorry", "Cause": "because"}}
    execution = run(aws, {"Drain": distributed(sorry)}, ITEMS)
    assert execution["error"] == "States.ExceedToleratedFailureThreshold"
    child = children(aws, execution["executionArn"])[0]
    failed = history(aws, child["executionArn"])[-1]
    assert (failed["type"], failed["executionFailedEventDetails"]) == (
        "ExecutionFailed",
        {"error": "Sorry", "cause": "because"},
    )
    assert event_types(aws, execution["executionArn"])[2:4] == ["MapRunStarted", "MapRunFailed"]


def test_upstream_still_lacks_the_history_of_children(plain):
    execution = run(plain, {"Drain": distributed({"Remember": REMEMBER})}, ITEMS)
    child = children(plain, execution["executionArn"])[0]
    assert history(plain, child["executionArn"]) == []
    assert "MapRunStarted" not in event_types(plain, execution["executionArn"])


def ids_seen_by_children(aws):
    execution = run(aws, {"Drain": distributed({"Remember": REMEMBER})}, ITEMS)
    seen = {(output["id"], output["name"]) for output in execution["output"]}
    return execution, seen


def test_a_childs_context_is_its_own(aws):
    execution, seen = ids_seen_by_children(aws)
    listed = children(aws, execution["executionArn"])
    assert seen == {(child["executionArn"], child["name"]) for child in listed}


def test_upstream_still_lacks_a_childs_own_context(plain):
    execution, seen = ids_seen_by_children(plain)
    assert {arn for arn, _ in seen} == {execution["executionArn"]}


def test_the_parents_history_has_the_map_run(aws):
    """Step Functions API, HistoryEvent: MapRunStarted, MapRunSucceeded."""
    execution = run(aws, {"Drain": distributed({"Remember": REMEMBER})}, ITEMS)
    assert event_types(aws, execution["executionArn"]) == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]


def statuses_after_stop(aws):
    """Parent, Map Run and children when the parent was stopped while its children waited."""
    sfn = aws.client("stepfunctions")
    arn = machine(aws, {"Drain": distributed(PAUSE)})
    parent = sfn.start_execution(stateMachineArn=arn, input='{"items": [1, 2]}')["executionArn"]
    eventually(lambda: sfn.list_map_runs(executionArn=parent)["mapRuns"])
    eventually(lambda: len(children(aws, parent)) == 2)
    sfn.stop_execution(executionArn=parent)
    at_once = {child["status"] for child in children(aws, parent)}
    eventually(lambda: {child["status"] for child in children(aws, parent)} != {"RUNNING"})
    time.sleep(0.8)  # longer than the children wait
    (map_run,) = sfn.list_map_runs(executionArn=parent)["mapRuns"]
    return {
        "parent": sfn.describe_execution(executionArn=parent)["status"],
        "at once": at_once,
        "at last": {child["status"] for child in children(aws, parent)},
        "run": sfn.describe_map_run(mapRunArn=map_run["mapRunArn"]),
        "last events": {history(aws, child["executionArn"])[-1]["type"] for child in children(aws, parent)},
    }


def test_stopping_the_parent_stops_the_children(aws):
    """Step Functions API, StopExecution."""
    seen = statuses_after_stop(aws)
    assert (seen["parent"], seen["at once"], seen["at last"]) == ("ABORTED", {"ABORTED"}, {"ABORTED"})
    assert (seen["run"]["status"], seen["run"]["executionCounts"]["aborted"]) == ("ABORTED", 2)
    assert seen["last events"] == {"ExecutionAborted"}


def test_upstream_still_lacks_the_stop_of_children(plain):
    sfn = plain.client("stepfunctions")
    arn = machine(plain, {"Drain": distributed(PAUSE)})
    parent = sfn.start_execution(stateMachineArn=arn, input='{"items": [1]}')["executionArn"]
    eventually(lambda: sfn.list_map_runs(executionArn=parent)["mapRuns"])
    eventually(lambda: children(plain, parent))
    sfn.stop_execution(executionArn=parent)
    assert [child["status"] for child in children(plain, parent)] == ["RUNNING"]
    eventually(lambda: children(plain, parent)[0]["status"] == "SUCCEEDED")


def seconds_between_the_starts(aws):
    """Of two children that each take half a second, when MaxConcurrencyPath says one at a time."""
    drain = distributed(PAUSE, MaxConcurrencyPath="$.plan.concurrency")
    sfn = aws.client("stepfunctions")
    data = '{"items": [1, 2], "plan": {"concurrency": 1}}'
    arn = sfn.start_execution(stateMachineArn=machine(aws, {"Drain": drain}), input=data)["executionArn"]
    ended(aws, arn)
    first, second = children(aws, arn)
    return (second["startDate"] - first["startDate"]).total_seconds()


def test_max_concurrency_path_is_kept(aws):
    """Step Functions developer guide, Map state."""
    assert seconds_between_the_starts(aws) >= 0.5


def test_upstream_still_lacks_max_concurrency_path(plain):
    assert seconds_between_the_starts(plain) < 0.5

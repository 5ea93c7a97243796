"""The States Language where ministack is more lenient than AWS: ours as AWS, and upstream still as it was."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from redrive_cli.errors import CliError
from redrive_cli.stack.deploy import deploy
from support.embedded import ended, error_of, history, machine, queue, queue_with_dlq, run, unique

CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}, {"ErrorEquals": ["States.Runtime"], "Next": "Caught"}]
CAUGHT = {"Caught": {"Type": "Pass", "End": True}}


def outcome(execution):
    return execution["status"], execution.get("error")


def moves_of(aws, **fields):
    """The end of a task that lists the move tasks of a queue that never had one."""
    _, (_, arn) = queue_with_dlq(aws)
    resource = "arn:aws:states:::aws-sdk:sqs:listMessageMoveTasks"
    parameters = {"SourceArn": arn, "MaxResults": 1}
    task = {"Type": "Task", "Resource": resource, "Parameters": parameters, "Catch": CATCH[:1], "End": True, **fields}
    return run(aws, {"List": task, **CAUGHT}, {"empty": []})


MISSING = [{"ResultSelector": {"first.$": "$.Results[0]"}}, {"Parameters": {"SourceArn.$": "$.empty[0]"}}]


@pytest.mark.parametrize("fields", [*MISSING, {**MISSING[0], "Catch": CATCH}])
def test_the_first_of_an_empty_list_fails_the_execution_and_is_not_caught(aws, fields):
    """docs/facts.md I, and B5: States.Runtime "will always cause the execution to fail"."""
    assert outcome(moves_of(aws, **fields)) == ("FAILED", "States.Runtime")


def test_upstream_still_takes_null_for_the_first_of_an_empty_list(plain):
    read = {"Read": {"Type": "Pass", "Parameters": {"first.$": "$.empty[0]"}, "End": True}}
    assert run(plain, read, {"empty": []})["output"] == {"first": None}


@pytest.mark.parametrize(
    "path", ["$.missing", "$.empty[0]", "$.null.deeper", "$.text[0]", "$$.Map.Item.Value", "$.a..b"]
)
def test_a_path_that_finds_nothing_is_a_runtime_error(aws, path):
    read = {"Read": {"Type": "Pass", "Parameters": {"found.$": path}, "End": True}}
    assert outcome(run(aws, read, {"empty": [], "null": None, "text": "x"})) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("path", "found"),
    [("$.null", None), ("$.list[1]", None), ("$.list[0].a", 1), ("$.list[*].b", []), ("$.empty[*].a", []), ("$", ...)],
)
def test_null_and_nothing_of_many_are_found(aws, path, found):
    data = {"null": None, "list": [{"a": 1}, None], "empty": []}
    read = {"Read": {"Type": "Pass", "Parameters": {"found.$": path}, "End": True}}
    assert run(aws, read, data)["output"] == {"found": data if found is ... else found}


def is_present(aws, moves):
    choice = {"Variable": "$.moves.Results[0]", "IsPresent": True, "Next": "Yes"}
    states = {
        "Ask": {"Type": "Choice", "Choices": [choice], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": True, "End": True},
        "No": {"Type": "Pass", "Result": False, "End": True},
    }
    return run(aws, states, {"moves": moves})["output"]


@pytest.mark.parametrize(
    ("moves", "present"),
    [({"Results": []}, False), ({}, False), ({"Results": [{"Status": "RUNNING"}]}, True), ({"Results": [None]}, True)],
)
def test_is_present_asks_without_an_error(aws, moves, present):
    """Step Functions developer guide, "Choice"."""
    assert is_present(aws, moves) is present


def test_upstream_still_says_of_null_that_it_is_not_present(plain):
    assert is_present(plain, {"Results": [None]}) is False


def test_a_choice_that_compares_nothing_fails(aws):
    """Step Functions developer guide, "Choice": a Variable must be there, or be asked for with IsPresent before."""
    compare = {"Variable": "$.moves.Results[0].Status", "StringEquals": "RUNNING", "Next": "Caught"}
    states = {"Ask": {"Type": "Choice", "Choices": [compare], "Default": "Caught"}, **CAUGHT}
    assert outcome(run(aws, states, {"moves": {"Results": []}})) == ("FAILED", "States.Runtime")


def test_upstream_still_compares_nothing(plain):
    compare = {"Variable": "$.moves.Results[0].Status", "StringEquals": "RUNNING", "Next": "Caught"}
    states = {"Ask": {"Type": "Choice", "Choices": [compare], "Default": "Caught"}, **CAUGHT}
    assert run(plain, states, {"moves": {"Results": []}})["status"] == "SUCCEEDED"


def seconds_after_the_whole_second(aws, field):
    """When a Wait until almost the next second ended, in the seconds of that second."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    wait = {
        "Type": "Wait",
        field: f"{until:%Y-%m-%dT%H:%M:%S}.999Z" if field == "Timestamp" else "$.until",
        "End": True,
    }
    execution = run(aws, {"Wait": wait}, {"until": f"{until:%Y-%m-%dT%H:%M:%S}.999Z"})
    entered, exited = (event["timestamp"] for event in history(aws, execution["executionArn"])[1:3])
    asked = (until - entered).total_seconds()
    return (exited - entered).total_seconds() - asked / 2  # both wait half as long


@pytest.mark.parametrize("field", ["Timestamp", "TimestampPath"])
def test_a_wait_until_a_timestamp_drops_its_milliseconds(aws, field):
    """docs/facts.md I."""
    assert -0.1 <= seconds_after_the_whole_second(aws, field) < 0.4


def test_upstream_still_waits_until_the_millisecond(plain):
    assert seconds_after_the_whole_second(plain, "TimestampPath") > 0.45


def refused(aws, states):
    return error_of(lambda: machine(aws, states))


FAIL = {"Fail": {"Type": "Fail", "Error": "States.Timeout"}}
INSIDE_A_MAP = {"Each": {"Type": "Map", "ItemProcessor": {"StartAt": "Fail", "States": FAIL}, "End": True}}
INSIDE_A_BRANCH = {"All": {"Type": "Parallel", "Branches": [{"StartAt": "Fail", "States": FAIL}], "End": True}}


@pytest.mark.parametrize("states", [FAIL, INSIDE_A_MAP, INSIDE_A_BRANCH])
def test_a_fail_state_may_not_use_an_error_of_the_language(aws, states):
    """docs/facts.md I."""
    assert refused(aws, states) == "InvalidDefinition"


def test_upstream_still_lets_a_fail_state_use_an_error_of_the_language(plain):
    assert refused(plain, FAIL) is None


def test_a_fail_state_may_use_its_own_error_and_one_that_it_is_given(aws):
    assert refused(aws, {"Fail": {"Type": "Fail", "Error": "Incomplete"}}) is None
    assert refused(aws, {"Fail": {"Type": "Fail", "ErrorPath": "$.error"}}) is None


CALL = {"Call": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "InputPath": "$", "End": True}}


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
def test_a_call_of_an_api_needs_parameters_of_its_own(aws, partition):
    """docs/facts.md I: AWS passes on the Parameters, and not the input; that it refuses the machine is suspected."""
    call = {**CALL["Call"], "Resource": CALL["Call"]["Resource"].replace("arn:aws:", f"arn:{partition}:")}
    assert refused(aws, {"Call": call}) == "InvalidDefinition"
    assert refused(aws, {"Call": {**call, "Parameters": {}}}) is None


def test_upstream_still_sends_the_input_of_a_call_without_parameters(plain):
    url, _ = queue(plain)
    call = {"Call": {**CALL["Call"], "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl"}}
    assert run(plain, call, {"QueueName": url.rpartition("/")[2]})["output"] == {"QueueUrl": url}


def test_a_function_needs_no_parameters(aws):
    call = {"Call": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:any", "End": True}}
    assert refused(aws, call) is None


STACK = """
Resources:
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: arn:aws:iam::000000000000:role/any
      DefinitionString: '%s'
Outputs:
  Machine: {Value: !Ref Machine}
"""


def deploy_machine(aws, folder, states):
    template = folder / "template.yaml"
    template.write_text(STACK % json.dumps({"StartAt": next(iter(states)), "States": states}))
    return deploy(aws.client, template, unique("stack"))["Machine"]


def test_a_stack_with_such_a_machine_is_refused(aws, tmp_path):
    with pytest.raises(CliError, match=r"must not begin with 'States\.'"):
        deploy_machine(aws, tmp_path, FAIL)


def test_upstream_still_makes_a_stack_with_such_a_machine(plain, tmp_path):
    sfn = plain.client("stepfunctions")
    arn = deploy_machine(plain, tmp_path, FAIL)
    assert ended(plain, sfn.start_execution(stateMachineArn=arn)["executionArn"])["error"] == "States.Timeout"

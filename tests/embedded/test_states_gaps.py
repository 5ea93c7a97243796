"""Step Functions, where ministack differs from AWS: ours as AWS, and upstream still as it was."""

import json
import time

import pytest

from redrive_embedded import states_gaps
from support.embedded import (
    ended,
    error_of,
    event_types,
    function,
    history,
    machine,
    queue,
    queue_with_dlq,
    run,
    send_and_dead_letter,
    unique,
)
from support.engine import eventually

DONE = {"Done": {"Type": "Succeed"}}
WAIT = {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}


def sqs_task(action, parameters, **fields):
    resource = f"arn:aws:states:::aws-sdk:sqs:{action}"
    return {"Ask": {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **fields}}


@pytest.fixture(scope="module")
def probe(aws):
    return function(aws)


@pytest.fixture(scope="module")
def plain_probe(plain):
    return function(plain)


def error_for_a_queue_that_does_not_exist(aws):
    return run(aws, sqs_task("getQueueUrl", {"QueueName": "nowhere"}))["error"]


def test_a_modelled_sqs_error_has_the_java_sdks_name(aws):
    """docs/facts.md B4, measured on AWS."""
    assert error_for_a_queue_that_does_not_exist(aws) == "Sqs.QueueDoesNotExistException"


def test_an_unmodelled_sqs_error_is_an_sqs_exception(aws):
    """docs/facts.md B4: InvalidParameterValue has no shape in the model."""
    _, arn = queue(aws)
    execution = run(aws, sqs_task("startMessageMoveTask", {"SourceArn": arn}))
    assert execution["error"] == "Sqs.SqsException"
    assert "Source queue must be configured as a Dead Letter Queue." in execution["cause"]


def test_an_error_that_ends_in_exception_already_is_not_doubled(aws):
    missing = f"arn:aws:sqs:us-east-1:{aws.account}:nowhere"
    execution = run(aws, sqs_task("startMessageMoveTask", {"SourceArn": missing}))
    assert execution["error"] == "Sqs.ResourceNotFoundException"


def test_upstream_still_lacks_the_java_sdks_error_names(plain):
    assert error_for_a_queue_that_does_not_exist(plain) != "Sqs.QueueDoesNotExistException"


def outcome_of_parameters(aws, action, parameters):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    execution = run(aws, {**sqs_task(action, parameters, Catch=catch), "Caught": {"Type": "Pass", "End": True}})
    return execution["status"], execution.get("error")


@pytest.mark.parametrize(
    "wrong", [{"DestinationArn": None}, {"SourceArn": None}, {"MaxResults": "one"}, {"Sauce": "any"}]
)
def test_a_parameter_that_the_api_does_not_take_keeps_a_task_from_starting(aws, wrong):
    """docs/facts.md I; the sentence is AWS's."""
    _, (_, arn) = queue_with_dlq(aws)
    action = "listMessageMoveTasks" if "MaxResults" in wrong else "startMessageMoveTask"
    assert outcome_of_parameters(aws, action, {"SourceArn": arn, **wrong}) == ("FAILED", "States.Runtime")


def test_a_parameter_that_is_missing_keeps_a_task_from_starting(aws):
    assert outcome_of_parameters(aws, "getQueueUrl", {}) == ("FAILED", "States.Runtime")


def test_upstream_still_hands_on_what_the_api_does_not_take(plain):
    assert outcome_of_parameters(plain, "listQueues", {"QueueNamePrefix": None, "Sauce": "any"}) == ("SUCCEEDED", None)


def received_through_the_state_machine(aws):
    url, _ = queue(aws)
    attributes = {"a": {"DataType": "String", "StringValue": "x"}}
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    ask = {"QueueUrl": url, "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10}
    return run(aws, sqs_task("receiveMessage", ask))["output"], run(aws, sqs_task("receiveMessage", ask))["output"]


def test_sqs_results_have_the_apis_shapes(aws):
    """docs/facts.md B4: PascalCase, lists are lists, and no Messages when there is none."""
    full, empty = received_through_the_state_machine(aws)
    (message,) = full["Messages"]
    assert message["Body"] == "hello"
    assert message["MessageAttributes"] == {"a": {"DataType": "String", "StringValue": "x"}}
    assert "Messages" not in empty


def test_upstream_still_lacks_the_shapes_of_sqs_results(plain):
    full, _ = received_through_the_state_machine(plain)
    assert not isinstance(full.get("Messages"), list)


def test_the_state_machine_can_start_and_list_a_move_task(aws):
    (source, _), (dlq, arn) = queue_with_dlq(aws)
    send_and_dead_letter(aws, source, [{"MessageBody": "hello"}])
    started = run(aws, sqs_task("startMessageMoveTask", {"SourceArn": arn}))["output"]
    listed = run(aws, sqs_task("listMessageMoveTasks", {"SourceArn": arn}))["output"]
    assert set(started) == {"TaskHandle"}
    assert listed["Results"][0]["SourceArn"] == arn
    sources = run(aws, sqs_task("listDeadLetterSourceQueues", {"QueueUrl": dlq}))["output"]
    assert sources == {"QueueUrls": [source]}


def test_a_caught_exception_is_named_by_its_class(aws, probe):
    catch = {"ErrorEquals": ["QueueNotFound"], "Next": "Caught"}
    states = {
        "Call": {"Type": "Task", "Resource": probe, "Catch": [catch], "End": True},
        "Caught": {"Type": "Pass", "End": True},
    }
    caught = run(aws, states, {"raise": "no such queue"})["output"]
    assert caught["Error"] == "QueueNotFound"
    assert json.loads(caught["Cause"])["errorMessage"] == "no such queue"


def outcome_of_an_internal_error_under_states_all(aws):
    catch = {"ErrorEquals": ["States.ALL"], "Next": "Caught"}
    resource = "arn:aws:states:::aws-sdk:nosuchservice:doIt"
    states = {
        "Call": {"Type": "Task", "Resource": resource, "Parameters": {}, "Catch": [catch], "End": True},
        "Caught": {"Type": "Pass", "End": True},
    }
    execution = run(aws, states)
    return execution["status"], execution.get("error")


def test_states_all_does_not_catch_states_runtime(aws):
    """docs/facts.md B5."""
    assert outcome_of_an_internal_error_under_states_all(aws) == ("FAILED", "States.Runtime")


def test_upstream_still_lacks_the_exceptions_of_states_all(plain):
    assert outcome_of_an_internal_error_under_states_all(plain) == ("SUCCEEDED", None)


def failures(events):
    return [event["timestamp"] for event in events if event["type"] in {"TaskFailed", "LambdaFunctionFailed"}]


def retry_delay(aws, probe):
    """Seconds, each lasting half a second, between two failures: the interval is 2, MaxDelaySeconds is 1."""
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 1, "MaxDelaySeconds": 1}
    call = {"Call": {"Type": "Task", "Resource": probe, "Retry": [retry], "End": True}}
    first, second = failures(history(aws, run(aws, call, {"raise": "always"})["executionArn"]))
    return (second - first).total_seconds() * 2


def test_max_delay_seconds_caps_the_delay(aws, probe):
    """Step Functions developer guide, "Retrying after an error"; docs/facts.md B5."""
    assert 1 <= retry_delay(aws, probe) < 1.9


def test_upstream_still_lacks_max_delay_seconds(plain, plain_probe):
    assert retry_delay(plain, plain_probe) >= 2


def test_full_jitter_draws_the_delay_from_zero_to_the_cap():
    retrier = {"IntervalSeconds": 10, "BackoffRate": 2, "MaxDelaySeconds": 15, "JitterStrategy": "FULL"}
    answers = [states_gaps.limit_and_jitter_retries(lambda *_: (retrier, 0), [], "any", {0: 3})[0] for _ in range(200)]
    delays = [answer["IntervalSeconds"] for answer in answers]
    assert all(0 <= delay <= 15 for delay in delays)
    assert min(delays) < 3
    assert max(delays) > 12


def second_start(aws, data):
    sfn = aws.client("stepfunctions")
    request = {"stateMachineArn": machine(aws, WAIT), "name": unique("run")}
    first = sfn.start_execution(**request, input="{}")["executionArn"]
    error = error_of(sfn.start_execution, **request, input=data)
    return error, first


def test_starting_a_running_execution_again_answers_it(aws):
    """Step Functions API, StartExecution: idempotent for the same name and input."""
    error, first = second_start(aws, "{}")
    assert error is None
    assert event_types(aws, ended(aws, first)["executionArn"]).count("ExecutionStarted") == 1


def test_another_input_under_the_same_name_is_refused(aws):
    assert second_start(aws, '{"other": 1}')[0] == "ExecutionAlreadyExists"


def test_upstream_still_lacks_the_second_start(plain):
    assert second_start(plain, "{}")[0] == "ExecutionAlreadyExists"


def test_a_name_of_an_execution_that_has_ended_is_taken(aws):
    sfn = aws.client("stepfunctions")
    request = {"stateMachineArn": machine(aws, DONE), "name": unique("run"), "input": "{}"}
    ended(aws, sfn.start_execution(**request)["executionArn"])
    assert error_of(sfn.start_execution, **request) == "ExecutionAlreadyExists"


NO_STARTS = [
    ({"input": "{"}, "InvalidExecutionInput"),
    ({"input": ""}, "InvalidExecutionInput"),
    ({"input": '{"a": NaN}'}, "InvalidExecutionInput"),
    ({"name": "x" * 81}, "ValidationException"),
    *[({"name": f"a{character}b"}, "InvalidName") for character in ' <{]?*"#%\\^|~`$&,;:/\x07\x85\ufffe\U0010ffff'],
]


def error_of_start(aws, request):
    return error_of(aws.client("stepfunctions").start_execution, stateMachineArn=machine(aws, DONE), **request)


@pytest.mark.parametrize(("request_", "error"), NO_STARTS)
def test_what_is_no_start_is_refused(aws, request_, error):
    """Step Functions API, StartExecution; docs/facts.md I."""
    assert error_of_start(aws, request_) == error


@pytest.mark.parametrize("request_", [{"name": "x" * 80}, {"name": "nightly_2026-11-30.é"}, {"input": "1"}, {}])
def test_what_is_a_start_is_taken(aws, request_):
    assert error_of_start(aws, request_) is None


@pytest.mark.parametrize("request_", [{"input": "{"}, {"name": "x" * 81}, {"name": "a b"}])
def test_upstream_still_takes_what_is_no_start(plain, request_):
    assert error_of_start(plain, request_) is None


def test_a_functions_arn_has_lambda_events_each_with_the_one_before(aws, probe):
    """Step Functions API, HistoryEvent."""
    call = {"Call": {"Type": "Task", "Resource": probe, "End": True}}
    events = history(aws, run(aws, call)["executionArn"])
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert [event.get("previousEventId", 0) for event in events] == [0, 0, 2, 3, 4, 5, 6]


def test_an_sdk_task_has_five_events(aws):
    """Step Functions API, HistoryEvent; measured, docs/facts.md F."""
    execution = run(aws, sqs_task("listQueues", {}))
    assert event_types(aws, execution["executionArn"])[1:-1] == [
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
    ]
    scheduled = history(aws, execution["executionArn"])[2]["taskScheduledEventDetails"]
    assert (scheduled["resourceType"], scheduled["resource"]) == ("aws-sdk:sqs", "listQueues")


def test_failures_and_timeouts_are_told_apart(aws, probe):
    call = {"Call": {"Type": "Task", "Resource": probe, "TimeoutSeconds": 1, "End": True}}
    raised = run(aws, call, {"raise": "any"})
    late = run(aws, call, {"sleep": 2})
    assert "LambdaFunctionFailed" in event_types(aws, raised["executionArn"])
    assert "LambdaFunctionTimedOut" in event_types(aws, late["executionArn"])
    assert late["error"] == "States.Timeout"


def test_upstream_still_lacks_lambda_events_and_previous_ids(plain, plain_probe):
    call = {"Call": {"Type": "Task", "Resource": plain_probe, "End": True}}
    events = history(plain, run(plain, call)["executionArn"])
    assert [event["type"] for event in events][2:-2] == ["TaskScheduled", "TaskSucceeded"]
    assert "previousEventId" not in events[3]


def status_when_stopped_in_a_task_that_then_fails(aws, probe):
    sfn = aws.client("stepfunctions")
    call = {"Call": {"Type": "Task", "Resource": probe, "TimeoutSeconds": 1, "End": True}}
    arn = sfn.start_execution(stateMachineArn=machine(aws, call), input='{"sleep": 2}')["executionArn"]
    eventually(lambda: len(history(aws, arn)) > 2)  # the task is scheduled
    sfn.stop_execution(executionArn=arn)
    time.sleep(1.3)
    return sfn.describe_execution(executionArn=arn)["status"]


def test_a_stopped_execution_stays_aborted(aws, probe):
    """Step Functions API, StopExecution."""
    assert status_when_stopped_in_a_task_that_then_fails(aws, probe) == "ABORTED"


def test_upstream_still_lacks_the_lasting_end_of_a_stopped_execution(plain, plain_probe):
    assert status_when_stopped_in_a_task_that_then_fails(plain, plain_probe) == "FAILED"

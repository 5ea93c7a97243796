"""Plain moto still lacks what `support.moto_gaps` supplies; a failure here means that a gap can go."""

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.utils import unix_time_millis
from moto.sqs import models
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType

from support.aws import arn_of, count, dead_letter, drain, make_queues, send
from support.engine import eventually


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield boto3.client("sqs")


def test_moto_still_has_no_move_tasks(plain):
    queues = make_queues(plain)
    with pytest.raises((ClientError, NotImplementedError)):
        plain.list_message_move_tasks(SourceArn=arn_of(plain, queues.dlq))


def test_moto_still_hides_where_a_dead_letter_came_from(plain):
    queues = make_queues(plain)
    send(plain, queues.source, ["one"])
    dead_letter(queues)
    [found] = drain(plain, queues.dlq)
    assert "DeadLetterQueueSourceArn" not in found["Attributes"]


def test_moto_still_drops_the_trace_header_of_a_batch(plain):
    queues = make_queues(plain)
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    send(plain, queues.dlq, ["one"], MessageSystemAttributes=header)
    [found] = drain(plain, queues.dlq)
    assert "AWSTraceHeader" not in found["Attributes"]


def extend_twice(client, queues, monkeypatch):
    """Receive a message 12 hours after it was sent; after 5 and 10 more, hide it for another 6. Give both answers."""
    send(client, queues.dlq, ["one"])
    later(monkeypatch, hours=12)
    [received] = client.receive_message(QueueUrl=queues.dlq, VisibilityTimeout=6 * 3_600)["Messages"]
    answers = []
    for ahead in (17, 22):
        later(monkeypatch, hours=ahead)
        entry = {"Id": "0", "ReceiptHandle": received["ReceiptHandle"], "VisibilityTimeout": 6 * 3_600}
        answers.append(client.change_message_visibility_batch(QueueUrl=queues.dlq, Entries=[entry]))
    return answers


def later(monkeypatch, *, hours):
    monkeypatch.setattr(models, "unix_time_millis", lambda: unix_time_millis() + hours * 3_600_000)


def test_moto_still_counts_the_12_hours_of_a_message_from_its_sending(plain, monkeypatch):
    with pytest.raises(ClientError, match="beyond the limit"):
        extend_twice(plain, make_queues(plain), monkeypatch)


def test_filled_the_12_hours_of_a_message_begin_with_its_receive(sqs, queues, monkeypatch):
    first, second = extend_twice(sqs, queues, monkeypatch)
    assert [done["Id"] for done in first["Successful"]] == ["0"]
    assert [(failed["Code"], failed["SenderFault"]) for failed in second["Failed"]] == [("InvalidParameterValue", True)]


def hide_what_shows(client, queues, monkeypatch):
    """Receive a message for a minute; after an hour, when it is visible again, hide it by its old handle. Give the answer."""
    send(client, queues.dlq, ["one"])
    [received] = client.receive_message(QueueUrl=queues.dlq, VisibilityTimeout=60)["Messages"]
    later(monkeypatch, hours=1)
    entry = {"Id": "0", "ReceiptHandle": received["ReceiptHandle"], "VisibilityTimeout": 600}
    return client.change_message_visibility_batch(QueueUrl=queues.dlq, Entries=[entry])


def test_moto_still_hides_what_is_visible(plain, monkeypatch):
    queues = make_queues(plain)
    assert hide_what_shows(plain, queues, monkeypatch)["Failed"] == []
    assert count(plain, queues.dlq) == (0, 1)


def test_filled_what_is_visible_is_not_in_flight(sqs, queues, monkeypatch):
    [refused] = hide_what_shows(sqs, queues, monkeypatch)["Failed"]
    assert (refused["Code"], refused["SenderFault"]) == ("MessageNotInflight", True)
    assert count(sqs, queues.dlq) == (1, 0)
    [received] = sqs.receive_message(QueueUrl=queues.dlq)["Messages"]
    sqs.change_message_visibility(QueueUrl=queues.dlq, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=0)
    later(monkeypatch, hours=2)
    with pytest.raises(ClientError, match="MessageNotInflight"):
        sqs.change_message_visibility(QueueUrl=queues.dlq, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=9)


TOO_LARGE, ANY = (
    StatesErrorName(StatesErrorNameType.StatesStatesDataLimitExceeded),
    StatesErrorName(StatesErrorNameType.StatesALL),
)


def stands_for(names, error):
    """Whether the `ErrorEquals` of a Retry or a Catch stands for an error."""
    frame = SimpleNamespace(stack=[error])
    ErrorEqualsDecl(names)._eval_body(frame)
    return frame.stack == [True]


def test_moto_still_lets_states_all_stand_for_data_limit_exceeded(plain):
    assert stands_for([ANY], TOO_LARGE)


def test_filled_data_limit_exceeded_must_be_named(aws):
    assert not stands_for([ANY], TOO_LARGE)
    assert stands_for([TOO_LARGE], TOO_LARGE)
    assert stands_for([ANY], StatesErrorName(StatesErrorNameType.StatesTimeout))


def end_of(states, data=None):
    """How an execution of these states ends."""
    machine = {"StartAt": next(iter(states)), "States": states}
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        sfn = boto3.client("stepfunctions")
        role = "arn:aws:iam::123456789012:role/r"
        name = uuid4().hex
        arn = sfn.create_state_machine(name=name, definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
        execution = sfn.start_execution(stateMachineArn=arn, name=name, input=json.dumps(data or {}))["executionArn"]
        return eventually(
            lambda: (found := sfn.describe_execution(executionArn=execution))["status"] != "RUNNING" and found
        )


def outcome(found):
    return found["status"], found.get("error")


def end_of_a_map_with_a_failed_child():
    """How an execution ends whose Distributed Map has a child that fails."""
    child = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}}
    child["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return end_of({"M": {"Type": "Map", "ItemProcessor": child, "End": True}}, [1])


def test_moto_still_lets_a_map_succeed_whose_child_failed(plain):
    assert json.loads(end_of_a_map_with_a_failed_child()["output"]) == [None]


def test_filled_a_map_fails_with_its_child(aws):
    found = end_of_a_map_with_a_failed_child()
    assert (found["status"], found["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


ALL = {"ErrorEquals": ["States.ALL"], "Next": "Caught"}
RUNTIME = {"ErrorEquals": ["States.Runtime"], "Next": "Caught"}
CAUGHT = {"Caught": {"Type": "Pass", "End": True}}


def ask_sqs(action, parameters, **fields):
    task = {"Type": "Task", "Resource": f"arn:aws:states:::aws-sdk:sqs:{action}", "Parameters": parameters, "End": True}
    return {"Ask": {**task, "Catch": [ALL], **fields}, **CAUGHT}


MISSING = [
    ask_sqs("listQueues", {}, ResultSelector={"first.$": "$.QueueUrls[0]"}),
    ask_sqs("getQueueUrl", {"QueueName.$": "$.empty[0]"}),
]
MISSING.append({"Ask": {**MISSING[0]["Ask"], "Catch": [RUNTIME]}, **CAUGHT})


@pytest.mark.parametrize("states", MISSING)
def test_moto_still_lets_a_runtime_error_be_caught(plain, states):
    assert outcome(end_of(states, {"empty": []})) == ("SUCCEEDED", None)


@pytest.mark.parametrize("states", MISSING)
def test_filled_the_first_of_an_empty_list_fails_the_execution(aws, states):
    """docs/facts.md I and B5."""
    assert outcome(end_of(states, {"empty": []})) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("moves", "present"),
    [({"Results": []}, False), ({}, False), ({"Results": [{"Status": "RUNNING"}]}, True), ({"Results": [None]}, True)],
)
def test_is_present_asks_without_an_error(aws, moves, present):
    choice = {"Variable": "$.moves.Results[0]", "IsPresent": True, "Next": "Yes"}
    states = {
        "Ask": {"Type": "Choice", "Choices": [choice], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": True, "End": True},
        "No": {"Type": "Pass", "Result": False, "End": True},
    }
    assert json.loads(end_of(states, {"moves": moves})["output"]) is present


def end_of_a_comparison(moves):
    compare = {"Variable": "$.moves.Results[0].Status", "StringEquals": "RUNNING", "Next": "Running"}
    states = {
        "Ask": {"Type": "Choice", "Choices": [compare], "Default": "Caught"},
        "Running": {"Type": "Pass", "Result": ["running"], "End": True},
        **CAUGHT,
    }
    return end_of(states, {"moves": moves})


def test_moto_still_compares_what_is_not_there(plain):
    assert outcome(end_of_a_comparison({"Results": []})) == ("SUCCEEDED", None)


def test_filled_a_choice_that_compares_nothing_fails(aws):
    """Step Functions Developer Guide, "Choice"."""
    assert outcome(end_of_a_comparison({"Results": []})) == ("FAILED", "States.Runtime")


ONE = {"Results": [{"Status": "RUNNING"}]}
READ = {
    "Read": {
        "Type": "Pass",
        "Parameters": {"status.$": "$.Results[0].Status", "all.$": "$.Results[*].Status"},
        "End": True,
    }
}


def test_moto_still_gives_a_list_for_a_field_of_an_item(plain):
    assert json.loads(end_of(READ, ONE)["output"])["status"] == ["RUNNING"]


def test_filled_a_field_of_an_item_is_one_value(aws):
    assert json.loads(end_of(READ, ONE)["output"]) == {"status": "RUNNING", "all": ["RUNNING"]}
    assert json.loads(end_of_a_comparison(ONE)["output"]) == ["running"]


WRONG = [{"QueueName": None}, {"Sauce": "any"}, {"QueueOwnerAWSAccountId": None}, {"QueueName": 1}]


def test_moto_still_hands_on_what_the_api_does_not_take(plain):
    plain.create_queue(QueueName="any")
    wrong = ask_sqs("getQueueUrl", {"QueueName": "any", "QueueOwnerAWSAccountId": None})
    assert "QueueUrl" in json.loads(end_of(wrong)["output"])


@pytest.mark.parametrize("wrong", WRONG)
def test_filled_a_parameter_that_the_api_does_not_take_keeps_a_task_from_starting(aws, wrong):
    """docs/facts.md I."""
    assert outcome(end_of(ask_sqs("getQueueUrl", {"QueueName": "any", **wrong}))) == ("FAILED", "States.Runtime")


def test_moto_still_writes_sqs_small(plain):
    caught = json.loads(end_of(ask_sqs("getQueueUrl", {"QueueName": "nowhere"}))["output"])
    assert caught["Error"] == "sqs.QueueDoesNotExistException"


def test_filled_an_error_of_sqs_has_the_java_sdks_name(aws):
    """docs/facts.md B4, measured on AWS."""
    caught = json.loads(end_of(ask_sqs("getQueueUrl", {"QueueName": "nowhere"}))["output"])
    assert caught["Error"] == "Sqs.QueueDoesNotExistException"


FAIL = {"Fail": {"Type": "Fail", "Error": "States.Timeout"}}


def test_moto_still_makes_a_machine_whose_fail_state_uses_an_error_of_the_language(plain):
    assert end_of(FAIL)["status"] == "FAILED"


def test_filled_a_fail_state_may_not_use_an_error_of_the_language(aws):
    """docs/facts.md I."""
    with pytest.raises(ClientError, match="must not begin with 'States"):
        end_of(FAIL)


def call_without_parameters():
    states = ask_sqs("listQueues", {})
    del states["Ask"]["Parameters"]
    return states


def test_moto_still_makes_a_machine_that_calls_an_api_without_parameters(plain):
    assert end_of(call_without_parameters())["status"] == "SUCCEEDED"


def test_filled_a_call_of_an_api_needs_parameters_of_its_own(aws):
    """docs/facts.md I."""
    with pytest.raises(ClientError, match="'Parameters' is required"):
        end_of(call_without_parameters())


def wait_for_a_timestamp(monkeypatch, *, milliseconds):
    """In Seoul, the seconds between the whole second of the timestamp that a Wait was given, and its end."""
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    wait = {"Wait": {"Type": "Wait", "TimestampPath": "$.until", "End": True}}
    found = end_of(wait, {"until": f"{until:%Y-%m-%dT%H:%M:%S}.{milliseconds}Z"})
    return (found["stopDate"] - until).total_seconds()


@pytest.fixture
def time_zone(monkeypatch):
    yield
    monkeypatch.undo()
    time.tzset()


def test_moto_still_waits_for_the_machines_local_time(time_zone, plain, monkeypatch):
    assert wait_for_a_timestamp(monkeypatch, milliseconds=999) < -0.5  # at once, which leaves a slow machine seconds


def test_filled_a_wait_ends_at_the_whole_second_of_its_timestamp(time_zone, aws, monkeypatch):
    """docs/facts.md I."""
    late = 1.0
    for _ in range(5):  # a busy machine may be late, and never is early
        late = min(late, wait_for_a_timestamp(monkeypatch, milliseconds=999))
        if late < 0.6:
            break
    assert -0.1 <= late < 0.6


def fifo_dead_letter(client, monkeypatch):
    """A FIFO dead letter that was moved an hour after it was sent, and when it was sent."""
    queues = make_queues(client, fifo=True)
    send(client, queues.source, ["one"], group=lambda _: "g")
    sent = unix_time_millis()
    later(monkeypatch, hours=1)
    dead_letter(queues)
    [found] = drain(client, queues.dlq)
    return found, sent


def test_moto_still_keeps_a_fifo_dead_letters_time_and_deduplication_id(plain, monkeypatch):
    found, sent = fifo_dead_letter(plain, monkeypatch)
    assert abs(int(found["Attributes"]["SentTimestamp"]) - sent) < 60_000
    assert found["Attributes"]["MessageDeduplicationId"] != found["MessageId"]


def test_filled_a_fifo_dead_letter_begins_its_time_anew_under_its_message_id(sqs, monkeypatch):
    """docs/facts.md A2 and A3."""
    found, sent = fifo_dead_letter(sqs, monkeypatch)
    assert abs(int(found["Attributes"]["SentTimestamp"]) - sent - 3_600_000) < 60_000
    assert found["Attributes"]["MessageDeduplicationId"] == found["MessageId"]


def test_a_standard_dead_letter_keeps_when_it_was_sent(sqs, queues, monkeypatch):
    """docs/facts.md A3."""
    send(sqs, queues.source, ["one"])
    sent = unix_time_millis()
    later(monkeypatch, hours=1)
    dead_letter(queues)
    [found] = drain(sqs, queues.dlq)
    assert abs(int(found["Attributes"]["SentTimestamp"]) - sent) < 60_000


def test_filled_a_dead_letter_has_its_source_and_its_trace_header(sqs, queues):
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    send(sqs, queues.source, ["one"], MessageSystemAttributes=header)
    dead_letter(queues)
    [found] = drain(sqs, queues.dlq)
    assert found["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, queues.source)
    assert found["Attributes"]["AWSTraceHeader"] == header["AWSTraceHeader"]["StringValue"]

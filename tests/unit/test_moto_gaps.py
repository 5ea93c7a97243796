"""Plain moto still lacks what `support.moto_gaps` supplies; a failure here means that a gap can go."""

import json
from types import SimpleNamespace

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


def end_of_a_map_with_a_failed_child():
    """How an execution ends whose Distributed Map has a child that fails."""
    child = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}}
    child["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": child, "End": True}}}
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        sfn = boto3.client("stepfunctions")
        role = "arn:aws:iam::123456789012:role/r"
        arn = sfn.create_state_machine(name="m", definition=json.dumps(machine), roleArn=role)["stateMachineArn"]
        execution = sfn.start_execution(stateMachineArn=arn, input="[1]")["executionArn"]
        return eventually(
            lambda: (found := sfn.describe_execution(executionArn=execution))["status"] != "RUNNING" and found
        )


def test_moto_still_lets_a_map_succeed_whose_child_failed(plain):
    assert json.loads(end_of_a_map_with_a_failed_child()["output"]) == [None]


def test_filled_a_map_fails_with_its_child(aws):
    found = end_of_a_map_with_a_failed_child()
    assert (found["status"], found["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


def test_filled_a_dead_letter_has_its_source_and_its_trace_header(sqs, queues):
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    send(sqs, queues.source, ["one"], MessageSystemAttributes=header)
    dead_letter(queues)
    [found] = drain(sqs, queues.dlq)
    assert found["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, queues.source)
    assert found["Attributes"]["AWSTraceHeader"] == header["AWSTraceHeader"]["StringValue"]

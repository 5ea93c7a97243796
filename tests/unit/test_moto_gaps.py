"""Plain moto still lacks what `support.moto_gaps` supplies; a failure here means that a gap can go."""

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from support.aws import arn_of, dead_letter, drain, make_queues, send


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


def test_filled_a_dead_letter_has_its_source_and_its_trace_header(sqs, queues):
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    send(sqs, queues.source, ["one"], MessageSystemAttributes=header)
    dead_letter(queues)
    [found] = drain(sqs, queues.dlq)
    assert found["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, queues.source)
    assert found["Attributes"]["AWSTraceHeader"] == header["AWSTraceHeader"]["StringValue"]

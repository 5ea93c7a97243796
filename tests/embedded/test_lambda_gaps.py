"""Lambda's failures as AWS tells them: ours as AWS, and upstream still as it was."""

import json
import time

import pytest

from redrive_cli.stack.deploy import deploy
from redrive_embedded import lambda_gaps
from support.embedded import function, invoke, queue, receive_all, unique, visible
from support.engine import eventually

MESSAGE = 'no queue of that name\nsecond line, {"with": "json"}'


@pytest.fixture(scope="module")
def probe(aws):
    return function(aws, timeout=1)


@pytest.fixture(scope="module")
def plain_probe(plain):
    return function(plain, timeout=1)


def test_a_raised_exception_has_its_class_name_and_its_message(aws, probe):
    """Lambda developer guide, "Python exceptions"."""
    payload, error = invoke(aws, probe, {"raise": MESSAGE})
    assert error == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("QueueNotFound", MESSAGE)
    assert set(payload) == {"errorType", "errorMessage", "requestId", "stackTrace"}
    assert payload["stackTrace"][0].startswith('  File "/var/task/probe.py", line')


def test_an_exception_leaves_the_worker_warm(aws, probe):
    before, _ = invoke(aws, probe, {})
    invoke(aws, probe, {"raise": "any"})
    after, _ = invoke(aws, probe, {})
    assert before["pid"] == after["pid"]


def test_upstream_still_lacks_the_class_name_and_the_warm_worker(plain, plain_probe):
    before, _ = invoke(plain, plain_probe, {})
    payload, _ = invoke(plain, plain_probe, {"raise": MESSAGE})
    after, _ = invoke(plain, plain_probe, {})
    assert payload["errorType"] == "Runtime.HandlerError"
    assert before["pid"] != after["pid"]


def test_a_worker_that_dies_is_an_exit_error(aws, probe):
    """docs/facts.md B5."""
    payload, error = invoke(aws, probe, {"exit": 1})
    assert (error, payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert payload["errorMessage"].startswith("RequestId: ")


def test_upstream_still_lacks_the_exit_error(plain, plain_probe):
    payload, _ = invoke(plain, plain_probe, {"exit": 1})
    assert payload["errorType"] == "Runtime.HandlerError"


def test_a_timeout_is_told_with_the_request_id(aws, probe):
    payload, error = invoke(aws, probe, {"sleep": 5})
    assert (error, payload["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert payload["errorMessage"].startswith("RequestId: ")
    assert payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")


def test_upstream_still_lacks_the_request_id_of_a_timeout(plain, plain_probe):
    payload, _ = invoke(plain, plain_probe, {"sleep": 5})
    assert payload["errorMessage"] == "Task timed out after 1.00 seconds"


def test_an_answer_that_is_no_object_passes(aws):
    arn = function(aws, source="def handler(event, context):\n    return event['answer']\n")
    assert [invoke(aws, arn, {"answer": answer})[0] for answer in ([], "text", None, 1)] == [[], "text", None, 1]


WAITER = """
import json, os, boto3

class NotYet(Exception):
    pass

def handler(event, context):
    sqs = boto3.client("sqs", endpoint_url=os.environ["ENDPOINT"])
    tried = {"attempt": context.aws_request_id, "event": event["detail"]}
    sqs.send_message(QueueUrl=os.environ["TRIES"], MessageBody=json.dumps(tried))
    tries = sqs.get_queue_attributes(QueueUrl=os.environ["TRIES"], AttributeNames=["All"])["Attributes"]
    if int(tries["ApproximateNumberOfMessages"]) <= event["detail"]["failures"]:
        raise NotYet("not yet")
"""
STACK = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Endpoint: {Type: String}
  Source: {Type: String}
  Tries: {Type: String}
Resources:
  Failures: {Type: AWS::SQS::Queue}
  Waiter:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/
      Handler: waiter.handler
      Runtime: python3.13
      Environment: {Variables: {ENDPOINT: !Ref Endpoint, TRIES: !Ref Tries}}
      EventInvokeConfig:
        MaximumRetryAttempts: %(retries)s
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}
      Events:
        Rule: {Type: EventBridgeRule, Properties: {Pattern: {source: [!Ref Source]}}}
Outputs:
  Failures: {Value: !Ref Failures}
  Function: {Value: !GetAtt Waiter.Arn}
"""


class Rule:
    """A stack whose rule invokes a function that fails as often as its event says."""

    def __init__(self, aws, folder, *, retries=2):
        self.aws, self.source = aws, unique("source")
        self.tries, _ = queue(aws, "tries")
        (folder / "functions").mkdir()
        (folder / "functions" / "waiter.py").write_text(WAITER)
        (folder / "functions" / "requirements.txt").write_text("# none\n")
        template = folder / "template.yaml"
        template.write_text(STACK % {"retries": retries})
        parameters = {"Endpoint": aws.endpoint, "Source": self.source, "Tries": self.tries}
        outputs = deploy(aws.client, template, unique("stack"), parameters)
        self.failures, self.function = outputs["Failures"], outputs["Function"]

    def send(self, detail):
        entry = {"Source": self.source, "DetailType": "Probe", "Detail": json.dumps(detail)}
        self.aws.client("events").put_events(Entries=[entry])


def test_a_function_that_fails_once_for_a_rule_is_tried_again(aws, tmp_path):
    """docs/facts.md C2."""
    rule = Rule(aws, tmp_path)
    rule.send({"failures": 1})
    eventually(lambda: visible(aws, rule.tries) == 2)
    time.sleep(0.5)
    assert visible(aws, rule.tries) == 2
    assert receive_all(aws, rule.failures) == []


@pytest.mark.parametrize("retries", [2, 0])
def test_a_function_that_always_fails_leaves_its_invocation_record(aws, tmp_path, retries):
    """docs/facts.md C2, and C3 for the record; every attempt has the same request id."""
    rule = Rule(aws, tmp_path, retries=retries)
    rule.send({"failures": 99})
    (message,) = eventually(lambda: receive_all(aws, rule.failures))
    record = json.loads(message["Body"])
    attempts = [json.loads(one["Body"])["attempt"] for one in receive_all(aws, rule.tries)]
    assert record["version"] == "1.0"
    assert record["timestamp"].endswith("Z")
    assert record["requestContext"] == {
        "requestId": attempts[0],
        "functionArn": f"{rule.function}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": retries + 1,
    }
    assert record["requestPayload"]["detail"] == {"failures": 99}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert (record["responsePayload"]["errorType"], record["responsePayload"]["errorMessage"]) == ("NotYet", "not yet")
    assert attempts == [attempts[0]] * (retries + 1)


def test_upstream_still_calls_a_function_once_for_a_rule(plain, tmp_path):
    rule = Rule(plain, tmp_path)
    rule.send({"failures": 99})
    eventually(lambda: visible(plain, rule.tries) == 1)
    time.sleep(sum(lambda_gaps.ASYNC_RETRY_SECONDS) + 1)
    assert visible(plain, rule.tries) == 1
    assert receive_all(plain, rule.failures) == []


def record_of_a_single_attempt(aws):
    """The invocation record of an event that nobody retries, of a function that was invoked by its API."""
    url, arn = queue(aws, "failures")
    failing, client = function(aws), aws.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName=failing, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    client.invoke(FunctionName=failing, InvocationType="Event", Payload=json.dumps({"raise": "no"}))
    (message,) = eventually(lambda: receive_all(aws, url))
    return json.loads(message["Body"])


def test_an_invocation_record_counts_its_attempts_however_the_function_was_invoked(aws):
    """docs/facts.md C3."""
    record = record_of_a_single_attempt(aws)
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record.keys() == {
        "version",
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    }


def test_upstream_still_lacks_half_of_an_invocation_record_and_counts_three_attempts(plain):
    record = record_of_a_single_attempt(plain)
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert not {"version", "timestamp"} & record.keys()
    assert "requestId" not in record["requestContext"]


def test_an_event_that_failed_is_put_into_the_functions_own_dead_letter_queue(aws):
    """docs/facts.md C3."""
    url, arn = queue(aws, "failed")
    failing = function(aws)
    client = aws.client("lambda")
    client.update_function_configuration(FunctionName=failing, DeadLetterConfig={"TargetArn": arn})
    client.put_function_event_invoke_config(FunctionName=failing, MaximumRetryAttempts=0)
    client.invoke(FunctionName=failing, InvocationType="Event", Payload=json.dumps({"raise": "no"}))
    (message,) = eventually(lambda: receive_all(aws, url))
    assert json.loads(message["Body"]) == {"raise": "no"}
    shown = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert shown.pop("RequestID")
    assert shown == {"ErrorCode": "200", "ErrorMessage": "no"}

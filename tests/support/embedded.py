"""What the tests of the embedded AWS have in common: queues, functions and executions made in one line."""

import io
import itertools
import json
import zipfile

from botocore.exceptions import ClientError

from support.engine import eventually

_numbers = itertools.count(1)

PROBE = """
import os, sys, time

class QueueNotFound(Exception):
    pass

def handler(event, context):
    if "raise" in event:
        raise QueueNotFound(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    time.sleep(event.get("sleep", 0))
    return {"pid": os.getpid(), "event": event, "environment": dict(os.environ)}
"""


def unique(prefix):
    return f"{prefix}-{next(_numbers)}"


def queue(aws, prefix="queue", **attributes):
    """A new queue; answers its URL and ARN. A prefix that ends in `.fifo` makes a FIFO queue."""
    name = unique(prefix.removesuffix(".fifo"))
    if prefix.endswith(".fifo"):
        name += ".fifo"
        attributes["FifoQueue"] = "true"
    url = aws.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{aws.region}:{aws.account}:{name}"


def queue_with_dlq(aws, *, fifo=False, **attributes):
    """A queue that gives up after one receive, and its DLQ: (url, arn), (dlq url, dlq arn)."""
    suffix = ".fifo" if fifo else ""
    dlq = queue(aws, "dlq" + suffix)
    policy = {"deadLetterTargetArn": dlq[1], "maxReceiveCount": 1}
    return queue(aws, "source" + suffix, RedrivePolicy=json.dumps(policy), **attributes), dlq


def send_and_dead_letter(aws, source_url, messages):
    """Send messages (keyword arguments of SendMessage) and let SQS move them to the DLQ."""
    sqs = aws.client("sqs")
    for message in messages:
        sqs.send_message(QueueUrl=source_url, **message)
    for _ in range(2 * len(messages) + 1):
        sqs.receive_message(QueueUrl=source_url, MaxNumberOfMessages=10, VisibilityTimeout=0)


def visible(aws, url):
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def receive_all(aws, url):
    """Receive, and delete, until the queue is empty; every message with all of its attributes."""
    sqs = aws.client("sqs")
    messages = []
    while True:
        batch = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        if not batch:
            return messages
        messages += batch
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def error_of(call, **arguments):
    """The error code that a boto3 call answers, or None."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def function(aws, *, source=PROBE, timeout=3):
    """A new Lambda function of this source; answers its ARN."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("probe.py", source)
    return aws.client("lambda").create_function(
        FunctionName=unique("probe"),
        Runtime="python3.13",
        Handler="probe.handler",
        Role=f"arn:aws:iam::{aws.account}:role/any",
        Timeout=timeout,
        Code={"ZipFile": buffer.getvalue()},
    )["FunctionArn"]


def invoke(aws, arn, event):
    """Invoke; answers the payload, and FunctionError or None."""
    answer = aws.client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def machine(aws, states, start_at=None):
    """A new state machine of these states; answers its ARN."""
    definition = {"StartAt": start_at or next(iter(states)), "States": states}
    return aws.client("stepfunctions").create_state_machine(
        name=unique("machine"),
        definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::{aws.account}:role/any",
    )["stateMachineArn"]


def run(aws, states, data=None):
    """Run these states to their end; answers what DescribeExecution says, with the output parsed."""
    sfn = aws.client("stepfunctions")
    arn = sfn.start_execution(stateMachineArn=machine(aws, states), input=json.dumps(data or {}))["executionArn"]
    return ended(aws, arn)


def ended(aws, arn):
    """Wait for the end of an execution."""
    sfn = aws.client("stepfunctions")
    eventually(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")
    execution = sfn.describe_execution(executionArn=arn)
    execution["output"] = json.loads(execution.get("output") or "null")
    return execution


def history(aws, arn):
    return aws.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]


def event_types(aws, arn):
    return [event["type"] for event in history(aws, arn)]


def children(aws, arn):
    """The child executions of an execution's only Map Run, in the order of their start."""
    sfn = aws.client("stepfunctions")
    (map_run,) = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    listed = sfn.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    return sorted(listed, key=lambda child: child["startDate"])


def distributed(states, **fields):
    """A Distributed Map state over `$.items` with these states inside."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": next(iter(states)),
        "States": states,
    }
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True, **fields}

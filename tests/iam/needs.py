"""What AWS asks permission for when a call is made: actions on resources, with those that a call implies."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iam.policies import ACCOUNT, BUCKET, DESTINATIONS, KEY, MACHINE, REGION, STACK, function_arn, sqs_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where the action has another name than the call (Service Authorization Reference, of each service).
ACTION = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:HeadObject": "s3:GetObject",
    "lambda:Invoke": "lambda:InvokeFunction",
}
ON_THE_SOURCE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
# What else must be allowed on the same queue (docs/facts.md A5: the SQS guide; not measured).
MOVE_TASKS = {
    "sqs:ListMessageMoveTasks": ("sqs:GetQueueAttributes",),
    "sqs:CancelMessageMoveTask": ON_THE_SOURCE,
    "sqs:StartMessageMoveTask": ON_THE_SOURCE,
}
# And on the key of a queue that is encrypted with one (docs/facts.md A5).
KMS = {
    "sqs:ReceiveMessage": ("kms:Decrypt",),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
}
HERE = "arn:aws:{service}:" + f"{REGION}:{ACCOUNT}:"


@dataclass(frozen=True, order=True)
class Ask:
    """`who` asks to do `action` on `resource`, `because` of a call."""

    who: str
    action: str
    resource: str
    because: str


def asks_of(who: str, service: str, operation: str, params: dict[str, Any]) -> Iterator[Ask]:
    """Everything that AWS asks permission for when `who` makes a call (named as botocore names it)."""
    prefix = {"stepfunctions": "states"}.get(service, service)
    call = f"{prefix}:{operation}"
    action = ACTION.get(call, call)
    for resource in _resources(service, operation, params):
        for asked in (action, *MOVE_TASKS.get(action, ())):
            yield from _with_key(Ask(who, asked, resource, operation))
    if call == "sqs:StartMessageMoveTask":
        for queue in _destinations(params):
            yield from _with_key(Ask(who, "sqs:SendMessage", queue, operation))
    if call == "s3:PutObject" and "Tagging" in params:
        yield Ask(who, "s3:PutObjectTagging", _s3(params), f"{operation} with a tag")
    if call == "s3:GetObject":
        # Without it, S3 says "denied" of an object that is not there (docs/facts.md H).
        yield Ask(who, "s3:ListBucket", f"arn:aws:s3:::{BUCKET}", "GetObject of what may be missing")


def _with_key(ask: Ask) -> Iterator[Ask]:
    yield ask
    for action in KMS.get(ask.action, ()):
        yield Ask(ask.who, action, KEY, f"{ask.because} (encrypted queue)")


def _resources(service: str, operation: str, params: dict[str, Any]) -> list[str]:
    here = HERE.format(service={"stepfunctions": "states"}.get(service, service))
    match service:
        case "sqs":
            return [_queue(params)]
        case "s3":
            return [_s3(params)]
        case "dynamodb":
            tables = params["RequestItems"] if "RequestItems" in params else [params["TableName"]]
            return [f"{here}table/{table}" for table in tables]
        case "stepfunctions":
            return [_plain(params["executionArn"])]
        case "lambda" if operation == "GetAccountSettings":
            return ["*"]  # it knows no resource
        case "lambda":
            name = params["FunctionName"]
            if name == os.environ.get("CLEANUP_FUNCTION"):
                return [function_arn("cleanup")]
            return [name if name.startswith("arn:") else f"{here}function:{name}"]
    raise AssertionError(f"nobody knows what {service} {operation} asks for: say it here")


def _queue(params: dict[str, Any]) -> str:
    if "TaskHandle" in params:  # as SQS makes it (docs/facts.md A4)
        return _plain(json.loads(base64.b64decode(params["TaskHandle"]))["sourceArn"])
    if "SourceArn" in params:
        return _plain(params["SourceArn"])
    name = params["QueueName"] if "QueueName" in params else params["QueueUrl"].rsplit("/", 1)[1]
    return _plain(sqs_arn(name))


def _destinations(params: dict[str, Any]) -> list[str]:
    """Where a move task sends: to its destination, or to each message's source, which may be any of the same kind."""
    if "DestinationArn" in params:
        return [_plain(params["DestinationArn"])]
    fifo = params["SourceArn"].endswith(".fifo")
    return [sqs_arn(name) for name in DESTINATIONS if name.endswith(".fifo") == fifo]


def _s3(params: dict[str, Any]) -> str:
    assert params["Bucket"] == BUCKET
    return f"arn:aws:s3:::{BUCKET}/{_plain(params['Key'])}" if "Key" in params else f"arn:aws:s3:::{BUCKET}"


def _plain(name: str) -> str:
    """A queue of the tests under the name that the template's parameters know; every run and page under one name."""
    name = re.sub(r"orders-[0-9a-f]{8}", "orders", name)
    name = re.sub(r"run-[0-9a-f]{32}", "run-1", name).replace("intents/orders-dlq.fifo/", "intents/orders-dlq/")
    name = re.sub(r"\d{4}-\d{2}-\d{2}/run-1", "2026-11-30/run-1", name)
    return re.sub(r"\d+/\d{3}-\d{4}(/\d+)?", lambda page: "0/001-0001" + ("/1796116426" if page[1] else ""), name)


EXECUTION = MACHINE.replace(":stateMachine:", ":execution:")
LOG_STREAM = HERE.format(service="logs") + f"log-group:{STACK}-LogGroup:log-stream:2026/11/30/1"


def asked_by_aws(functions: list[str]) -> Iterator[Ask]:
    """What AWS itself asks for with these roles, which no trace can show, and where that is documented."""
    for function in functions:
        # Lambda Developer Guide, execution role.
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield Ask(function, action, LOG_STREAM, "its log, which Lambda writes")
    # Lambda Developer Guide, destinations of asynchronous invocations.
    failures = sqs_arn(f"{STACK}-CleanupFailures")
    yield Ask("cleanup", "sqs:SendMessage", failures, "an event that failed three times, which Lambda sends")
    # Step Functions Developer Guide, IAM policies for Distributed Map; its children are `<machine>/<label>:<id>`.
    yield Ask("machine", "states:StartExecution", MACHINE, "Distributed Map")
    for execution in (f"{EXECUTION}:run-1", f"{EXECUTION}/lane:1"):
        for action in ("states:DescribeExecution", "states:StopExecution"):
            yield Ask("machine", action, execution, "Distributed Map")
    yield Ask("schedule", "states:StartExecution", MACHINE, "the schedule")
    # moto has no executions, so no trace has what `redrive.history.tail` asks of one: `tests/cli/test_report.py` sees it.
    for execution in (f"{EXECUTION}:run-1", f"{EXECUTION}/lane:1"):
        for action in ("states:DescribeExecution", "states:GetExecutionHistory"):
            yield Ask("report", action, execution, "the way that the run went")
    # It lists a Map Run's children, and is asked for both (Service Authorization Reference, Step Functions).
    for resource in (MACHINE, f"{MACHINE.replace(':stateMachine:', ':mapRun:')}/lane:1"):
        yield Ask("report", "states:ListExecutions", resource, "which lanes there were")
    for action in ("s3:PutObject", "s3:GetObject"):  # it is written, and then hashed
        yield Ask("report", action, f"arn:aws:s3:::{BUCKET}/runs/2026-11-30/run-1/history.json", "the way that it went")

"""The machine on moto's interpreter, the real handlers in process: the second engine, and the one to break things on."""

from __future__ import annotations

import importlib
import io
import json
import re
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend

import clients
from support.context import Context
from support.engine import Ended, Engine
from support.moto_gaps import fill_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

ASL = Path(__file__).parents[2] / "statemachine" / "redrive.asl.json"
# What the template puts into the machine, beside its functions.
MOVE_TASKS = {
    "StartMoveTaskArn": "startMessageMoveTask",
    "ListMoveTasksArn": "listMessageMoveTasks",
    "CancelMoveTaskArn": "cancelMessageMoveTask",
}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "BUCKET": "redrive-ledger",
    "JOURNAL_TABLE": "redrive-journal",
    "CLEANUP_FUNCTION": "redrive-cleanup",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}


class MotoMachine(Engine):
    """The machine on moto. `around(step, event, go)` may replace, break or repeat what a step does."""

    name = "moto"

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.around: Any = None

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name="us-east-1")

    def invoke(self, function_name: str, body: str, response_headers: dict[str, str]) -> bytes:
        step = function_name.rpartition("-")[2]
        event = json.loads(body)
        self.steps.append(step)

        def go() -> Any:
            return importlib.import_module(step).handler(event, Context(step, clock=time.monotonic))

        try:
            return json.dumps(self.around(step, event, go) if self.around else go()).encode()
        except Exception as error:
            # As Lambda answers for a function that raised (Lambda Developer Guide, function errors).
            response_headers["x-amz-function-error"] = "Unhandled"
            name = getattr(error, "lambda_error", type(error).__name__)
            return json.dumps({"errorMessage": str(error), "errorType": name, "stackTrace": []}).encode()

    def run(self, request: Any, *, timeout: float = 60) -> Ended:
        self.steps.clear()
        return super().run(request, timeout=timeout)


class LambdaError(Exception):
    """An error with the name that Lambda itself would give it, such as `Lambda.Unknown`."""

    def __init__(self, name: str, text: str = "broken on purpose") -> None:
        super().__init__(text)
        self.lambda_error = name


def planned_with(**budget: Any) -> Any:
    """Let the lanes be planned with another budget, and all else be as it is: for `MotoMachine.around`."""

    def around(step: str, _event: dict[str, Any], go: Any) -> Any:
        result = go()
        if step == "plan":
            shrink(result, budget)
        return result

    return around


def shrink(plan: dict[str, Any], budget: dict[str, Any]) -> None:
    """Change the budgets of a plan's lanes; a page is made no larger than it is."""
    for lane in plan["drain"]["lanes"]:
        page = min(lane["budget"]["page_size"], budget.get("page_size", 10**9))
        lane["budget"] |= {**budget, "page_size": page}


@contextmanager
def moto_machine(monkeypatch: Any) -> Iterator[MotoMachine]:
    """Start moto with the machine in it."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    clients.forget()
    machine = MotoMachine()
    monkeypatch.setattr(
        LambdaSimpleBackend,
        "invoke",
        lambda _self, function_name, _qualifier, body, _headers, answer: machine.invoke(function_name, body, answer),
    )
    fill_gaps(monkeypatch)
    with mock_aws(config={"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}):
        _deploy(machine)
        yield machine
    clients.forget()


def _deploy(machine: MotoMachine) -> None:
    machine.client("s3").create_bucket(Bucket=ENVIRONMENT["BUCKET"])
    machine.bucket = ENVIRONMENT["BUCKET"]
    machine.client("dynamodb").create_table(
        TableName=ENVIRONMENT["JOURNAL_TABLE"],
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    role = machine.client("iam").create_role(RoleName=f"role-{uuid4().hex[:8]}", AssumeRolePolicyDocument="{}")
    role_arn = role["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("empty.py", "")

    def function_arn(match: re.Match[str]) -> str:
        return create(match[1].lower())

    def create(step: str) -> str:
        created = machine.client("lambda").create_function(
            FunctionName=f"redrive-{step}",
            Runtime="python3.13",
            Role=role_arn,
            Handler="in.process",
            Code={"ZipFile": code.getvalue()},
        )
        return created["FunctionArn"]

    create("cleanup")  # an event calls it, or the next run at the queue
    definition = re.sub(r"\$\{(\w+)FunctionArn\}", function_arn, ASL.read_text())
    for name, action in MOVE_TASKS.items():
        definition = definition.replace(f"${{{name}}}", f"arn:aws:states:::aws-sdk:sqs:{action}")
    machine.state_machine = machine.client("stepfunctions").create_state_machine(
        name="redrive", definition=definition, roleArn=role_arn
    )["stateMachineArn"]

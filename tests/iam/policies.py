"""The template's policies as IAM gets them: transformed as SAM does it, and every reference resolved."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from support.moto_machine import ENVIRONMENT

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
ACCOUNT, REGION, STACK = "123456789012", "us-east-1", "redrive"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DLQS, DESTINATIONS = ("orders-dlq", "orders-dlq.fifo"), ("orders", "orders-2", "orders.fifo", "elsewhere")

# AWS's own, version 1 (AWS Managed Policy Reference Guide).
LOGS = "AWSLambdaBasicExecutionRole"
AWS_POLICIES = {
    LOGS: {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": "*",
            }
        ],
    }
}
# What a key's policy says unless somebody writes another: IAM policies of the account decide (KMS Developer Guide,
# default key policy).
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}


def sqs_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


PARAMETERS: dict[str, Any] = {
    "DeadLetterQueueArns": [sqs_arn(name) for name in DLQS],
    "DestinationQueueArns": [sqs_arn(name) for name in DESTINATIONS],
    "QueueKeyArns": [KEY],
    "ScheduledQueue": "orders-dlq",
}
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK}"
BUCKET = ENVIRONMENT["BUCKET"]


def function_arn(step: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-{step}"


def resource_arn(name: str, kind: str) -> str:
    """What a resource of the stack has for its ARN."""
    return {
        "AWS::Lambda::Function": function_arn(name.removesuffix("Function").lower()),
        "AWS::S3::Bucket": f"arn:aws:s3:::{BUCKET}",
        "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{ENVIRONMENT['JOURNAL_TABLE']}",
        "AWS::SQS::Queue": sqs_arn(f"{STACK}-{name}"),
        "AWS::StepFunctions::StateMachine": MACHINE,
    }[kind]


@dataclass(frozen=True)
class Permission:
    """One action on one resource (or pattern) that a role is allowed."""

    role: str
    action: str
    resource: str

    @property
    def policy(self) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": self.action, "Resource": self.resource}
        return {"Version": "2012-10-17", "Statement": [statement]}


def roles(**changed: Any) -> dict[str, list[dict[str, Any]]]:
    """The policies of each role of the stack: of each function (`check`), `machine` and `schedule`."""
    parameters = PARAMETERS | changed
    source = json.loads(json.dumps(yaml_parse(TEMPLATE.read_text()), default=str))
    for name, parameter in source["Parameters"].items():
        if name in parameters:
            continue
        default = parameter.get("Default", "")
        parameters[name] = default
    source["Resources"]["StateMachine"]["Properties"]["DefinitionUri"] = "s3://artifacts/redrive.asl.json"
    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://artifacts/package.zip"
    loader = mock.Mock()
    loader.load.return_value = {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in AWS_POLICIES}
    with mock.patch.dict(os.environ, AWS_DEFAULT_REGION=REGION):
        stack = transform(source, dict(parameters), loader)
    return _Stack(stack, parameters).roles()


def permissions(of: dict[str, list[dict[str, Any]]]) -> list[Permission]:
    """Every permission of these roles, one by one."""
    return [
        Permission(role, action, resource)
        for role, policies in of.items()
        for policy in policies
        for statement in policy["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    ]


def _listed(value: Any) -> list[Any]:
    found = value if isinstance(value, list) else [value]
    return [inner for entry in found for inner in (entry if isinstance(entry, list) else [entry])]


class _Stack:
    """A transformed template, whose intrinsics are resolved as CloudFormation resolves them."""

    def __init__(self, stack: dict[str, Any], parameters: dict[str, Any]) -> None:
        self._resources = stack["Resources"]
        self._refs: dict[str, Any] = {
            **parameters,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::StackName": STACK,
        }
        self._conditions = stack["Conditions"]

    def roles(self) -> dict[str, list[dict[str, Any]]]:
        found = {}
        for name, resource in self._resources.items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            who = name.removesuffix("Role").removesuffix("Function").lower()
            who = {"statemachine": "machine", "statemachineeverymorning": "schedule"}.get(who, who)
            properties = self._resolve(resource["Properties"])
            own = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            found[who] = own + [self._managed(arn) for arn in properties.get("ManagedPolicyArns", [])]
        return found

    def _managed(self, arn: str) -> dict[str, Any]:
        aws = AWS_POLICIES.get(arn.rpartition("/")[2])
        document: dict[str, Any] = aws or self._resolve(self._resources[arn]["Properties"]["PolicyDocument"])
        return document

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [resolved for entry in value if (resolved := self._resolve(entry)) is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return getattr(self, "_" + name.removeprefix("Fn::").lower())(argument)
        return {name: self._resolve(entry) for name, entry in value.items()}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return None
        if name in self._refs:
            return self._refs[name]
        return MACHINE if self._resources[name]["Type"] == "AWS::StepFunctions::StateMachine" else name

    def _getatt(self, argument: Any) -> str:
        name, attribute = argument if isinstance(argument, list) else argument.split(".")
        assert attribute == "Arn", argument
        return resource_arn(name, self._resources[name]["Type"])

    def _sub(self, text: Any) -> str:
        own = {}
        if isinstance(text, list):
            text, own = text[0], {name: self._resolve(value) for name, value in text[1].items()}
        while (start := text.find("${")) >= 0:
            name, _, rest = text[start + 2 :].partition("}")
            value = own[name] if name in own else self._getatt(name) if "." in name else self._ref(name)
            text = text[:start] + str(value) + rest
        return text

    def _join(self, argument: Any) -> str:
        separator, parts = argument
        return str(separator.join(self._resolve(parts)))

    def _if(self, argument: Any) -> Any:
        condition, then, otherwise = argument
        return self._resolve(then if self._resolve(self._conditions[condition]) else otherwise)

    def _not(self, argument: Any) -> bool:
        return not self._resolve(argument[0])

    def _equals(self, argument: Any) -> bool:
        first, second = self._resolve(argument)
        return bool(first == second)

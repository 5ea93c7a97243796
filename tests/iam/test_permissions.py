"""Each function and the machine may make the calls that they make, and no others: by their policies, as IAM reads them."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session

from iam import table
from iam.needs import Ask, asked_by_aws
from iam.policies import ACCOUNT, BUCKET, DESTINATIONS, DLQS, REGION, Permission, permissions, roles, sqs_arn
from iam.simulator import ALLOWED, decide, missing

ROOT = Path(__file__).parents[2]
# Every worker of a session would make its own trace: one process, by `make test-iam`.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

# What is allowed and no call asks for, and why it is allowed all the same; `*` is every function.
UNASKED = {
    ("*", "logs:CreateLogGroup"): "AWS's own policy for a function's log allows it; the log group is the stack's",
    **dict.fromkeys(
        [(who, "dynamodb:GetItem") for who in ("send", "archive", "release")],
        "Powertools reads a wave's record if DynamoDB's refusal to write it anew has not brought it along",
    ),
    (
        "send",
        "dynamodb:DeleteItem",
    ): "Powertools removes the record of a wave whose sending raised: none does, short of a defect",
}


@pytest.fixture(scope="session")
def policies():
    return roles()


@pytest.fixture(scope="session")
def asks(trace, policies):
    """Every ask, of the trace and of AWS itself; what is asked of one listed queue may be asked of all in its list."""
    found = trace.asks | set(asked_by_aws(sorted(set(policies) - {"machine", "schedule"})))
    lists = [[sqs_arn(name) for name in names] for names in (DLQS, DESTINATIONS)]
    return sorted(
        {
            Ask(ask.who, ask.action, resource, ask.because)
            for ask in found
            for resource in next((listed for listed in lists if ask.resource in listed), [ask.resource])
        }
    )


@pytest.fixture(scope="session")
def used(policies, asks):
    """Each permission of the template, and the asks that it allows."""
    given = sorted(set(permissions(policies)), key=str)
    single = {str(number): [permission.policy] for number, permission in enumerate(given)}
    pairs = [
        (number, ask)
        for number, permission in enumerate(given)
        for ask in asks
        if (ask.who, ask.action) == (permission.role, permission.action)
    ]
    decided = decide(single, [(str(number), ask.action, ask.resource) for number, ask in pairs])
    found: dict[Permission, list[Ask]] = {permission: [] for permission in given}
    for (number, ask), decision in zip(pairs, decided, strict=True):
        if decision == ALLOWED:
            found[given[number]].append(ask)
    return found


def listed(found):
    return "\n".join(["", *map(str, found)])


def test_every_call_is_allowed(policies, asks):
    decided = decide(policies, [(ask.who, ask.action, ask.resource) for ask in asks])
    denied = [ask for ask, decision in zip(asks, decided, strict=True) if decision != ALLOWED]
    assert not denied, listed(denied)


def test_nothing_is_allowed_that_nobody_asks_for(used):
    nobodys = [permission for permission, asks in used.items() if not asks and not is_excepted(permission)]
    assert not nobodys, listed(nobodys)


def is_excepted(permission: Permission) -> bool:
    of = {(permission.role, permission.action), ("*", permission.action)}
    return bool(of & set(UNASKED))


def test_what_is_said_to_be_asked_by_nobody_is_asked_by_nobody(asks):
    made = {(ask.who, ask.action) for ask in asks}
    assert not made & set(UNASKED), "these calls are made: they are no exceptions (any more)"


def test_nobody_may_make_the_calls_of_another(policies, asks):
    """Each action that anybody asks for, on each resource of its kind, by everybody: allowed to those who ask, only."""
    asked = {(ask.who, ask.action, ask.resource) for ask in asks}
    of_action: dict[str, set[str]] = {}
    for ask in asks:
        of_action.setdefault(ask.action, set()).add(ask.resource)
    for action in of_action:
        if action.startswith("sqs:"):
            of_action[action] |= {sqs_arn(name) for name in (*DLQS, *DESTINATIONS)}
        if action in {"s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"}:
            of_action[action] |= {ask.resource for ask in asks if ask.action in {"s3:GetObject", "s3:PutObject"}}
    others = [
        (who, action, resource)
        for who, action in product(policies, of_action)
        for resource in sorted(of_action[action])
        if (who, action, resource) not in asked and not is_excepted(Permission(who, action, resource))
    ]
    decided = decide(policies, others)
    assert len(others) > 1000
    too_much = [other for other, decision in zip(others, decided, strict=True) if decision == ALLOWED]
    assert not too_much, listed(too_much)


def elsewhere(resource: str) -> list[str]:
    """Resources of the same kind that the stack has nothing to do with."""
    service = resource.split(":")[2]
    here = f"arn:aws:{service}:{REGION}:{ACCOUNT}:"
    match service:
        case "sqs":
            abroad = resource.replace(REGION, "eu-west-1")
            return [sqs_arn("payments-dlq"), resource + "-9", abroad, resource.replace(ACCOUNT, "999999999999")]
        case "s3" if "/" in resource:
            key = resource.partition("/")[2]
            return [
                f"arn:aws:s3:::{BUCKET}/other/{key}",
                f"arn:aws:s3:::{BUCKET}/other.json",
                f"arn:aws:s3:::other/{key}",
            ]
        case "s3":
            return [f"arn:aws:s3:::{BUCKET}-other"]
        case "dynamodb":
            return [f"{here}table/other"]
        case "kms":
            return [f"{here}key/00000000-0000-0000-0000-000000000000"]
        case "lambda":
            return [f"{here}function:other"]
        case "states":
            return [resource.replace(":redrive", ":other"), resource.replace(":redrive", ":redrive-2")]
    raise AssertionError(resource)


def test_the_same_calls_on_what_is_not_the_stacks_are_refused(policies, asks):
    outside = sorted(
        {
            (ask.who, ask.action, other)
            for ask in asks
            if ask.resource != "*" and not ask.action.startswith("logs:")  # AWS's own policy allows every log
            for other in elsewhere(ask.resource)
        }
    )
    decided = decide(policies, outside)
    too_much = [ask for ask, decision in zip(outside, decided, strict=True) if decision == ALLOWED]
    assert not too_much, listed(too_much)


def test_without_keys_nothing_of_kms_is_allowed():
    without = permissions(roles(QueueKeyArns=[""]))
    assert {permission.action for permission in without if permission.action.startswith("kms:")} == set()
    assert len(without) == len([p for p in permissions(roles()) if not p.action.startswith("kms:")])


def test_every_call_that_the_code_can_make_is_in_the_trace(trace):
    """Else its permission is proven by nobody. By the name of the call: a scenario is missing, or the call is not made."""
    named = {
        xform_name(operation): operation
        for service in ("sqs", "s3", "dynamodb", "stepfunctions", "lambda")
        for operation in Session().get_service_model(service).operation_names
    }
    # The tool reads executions' histories; no function does, but the clean-up in its own way.
    files = [file for file in (ROOT / "functions").rglob("*.py") if file.parent.name != "history"]
    code = "\n".join(file.read_text() for file in files)
    called = set(re.findall(r"\.([a-z_0-9]+)\(", code)) | set(re.findall(r'get_paginator\("(\w+)"\)', code))
    written = {named[name] for name in called if name in named}
    assert {"ReceiveMessage", "SendMessageBatch", "GetExecutionHistory", "UpdateItem"} <= written
    assert written <= trace.operations


def test_the_table_in_the_docs_is_what_was_found(used, pytestconfig):
    text = table.text(used, UNASKED)
    file = pytestconfig.getoption("--permissions-table", default=None)
    if file:
        file.write_text(text)
    assert (ROOT / "docs" / "permissions.md").read_text() == text, "run: make test-iam"


def test_the_evaluator_is_pinned_and_no_address_is_named():
    here = Path(__file__).parent
    pins = json.loads((here / "package.json").read_text())["dependencies"]
    lock = json.loads((here / "package-lock.json").read_text())["packages"]
    assert {name.removeprefix("node_modules/"): entry["version"] for name, entry in lock.items() if name} == pins
    assert "://" not in (here / "package-lock.json").read_text()

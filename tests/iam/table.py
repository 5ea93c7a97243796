"""The permissions in a table, in Markdown: who may do what, on what, and because of which call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iam.policies import BUCKET, DESTINATIONS, DLQS, KEY, MACHINE, sqs_arn

if TYPE_CHECKING:
    from iam.needs import Ask
    from iam.policies import Permission

HEAD = """# What each part may do

Written by `make test-iam`, which traces the calls of every function and of the machine over runs of all kinds, and has
an evaluator of IAM's policies decide on each with the policies of `template.yaml`: every call is allowed, nothing is
allowed that no call asks for, and the same calls on other queues, keys, objects or tables are refused. *Because* names
the call; some ask for more than their own name says ([facts](facts.md), A5 and H).
`kms` is allowed only if the stack has `QueueKeyArns`. Each function also writes its log (`AWSLambdaBasicExecutionRole`).
"""
NAMES = {
    **{sqs_arn(name): "`DeadLetterQueueArns`" for name in DLQS},
    **{sqs_arn(name): "`DestinationQueueArns`" for name in DESTINATIONS},
    KEY: "`QueueKeyArns`",
    f"arn:aws:s3:::{BUCKET}": "the bucket",
    MACHINE: "the machine",
    "*": "`*`",
}


def text(used: dict[Permission, list[Ask]], unasked: dict[tuple[str, str], str]) -> str:
    """The whole document; the order is the template's. `unasked` says why something is allowed that no call asks for."""
    lines = [HEAD]
    order = [
        "check",
        "count",
        "plan",
        "find",
        "receive",
        "filter",
        "send",
        "archive",
        "delete",
        "release",
        "report",
        "cleanup",
    ]
    by_role: dict[str, dict[str, dict[str, set[str]]]] = {}
    for permission, asks in used.items():
        if permission.action.startswith("logs:"):
            continue
        on = by_role.setdefault(permission.role, {}).setdefault(_named(permission.resource), {})
        on.setdefault(permission.action, set()).update(ask.because for ask in asks)
    for role in [*order, "machine", "schedule"]:
        lines += [f"## {role}", "", "| may | on | because |", "|---|---|---|"]
        rows = set()
        for on, actions in by_role.pop(role).items():
            for action, why in actions.items():
                none = unasked.get((role, action)) or unasked.get(("*", action))
                rows.add(f"| `{action}` | {on} | {', '.join(sorted(why)) or none} |")
        lines += [*sorted(rows), ""]
    assert not by_role
    return "\n".join(lines)


def _named(resource: str) -> str:
    if resource in NAMES:
        return NAMES[resource]
    if found := re.fullmatch(rf"arn:aws:s3:::{BUCKET}/(.+)", resource):
        return f"`{found[1]}`"
    if ":execution:" in resource:
        return f"its executions, `{resource.partition(':execution:')[2]}`"
    if ":function:" in resource:
        return f"`{resource.rpartition('-')[2]}`"
    if ":table/" in resource:
        return "the journal"
    return f"`{resource.rpartition(':')[2]}`"

"""Step Functions: where ministack is more lenient than the States Language is on AWS."""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from redrive_embedded import refusals
from redrive_embedded.patching import ministack, replaces

if TYPE_CHECKING:
    from collections.abc import Callable

sfn: Any = ministack("services.stepfunctions")
provisioners: Any = ministack("services.cloudformation.provisioners")

Json: TypeAlias = dict[str, Any]


@replaces("services.stepfunctions._validate_definition_jsonata")
def refuse_definitions(validate: Callable[[Any], str | None], definition: Any) -> str | None:
    """AWS: a definition is checked when the machine is made. What ministack 1.5.33 lacks: `refusals`."""
    return validate(definition) or (refusals.of_definition(definition) if isinstance(definition, str) else None)


@replaces("services.cloudformation.provisioners._sfn_definition")
def refuse_definitions_of_a_stack(build: Callable[[Json], str], properties: Json) -> str:
    """AWS: so is the definition of a stack's machine. ministack 1.5.33 checks nothing when a stack is made."""
    definition = build(properties)
    if reason := refusals.of_definition(definition):
        raise provisioners._sfn_handler_error(f"Invalid State Machine Definition: '{reason}'")
    return definition


@replaces("services.stepfunctions._resolve_path")
def fail_on_a_path_that_finds_nothing(resolve: Callable[[str, Any], Any], path: str, data: Any) -> Any:
    """AWS: a path that finds nothing is States.Runtime, wherever it stands but in IsPresent.

    docs/facts.md I, recorded for a Pass; the sentence is LocalStack's, which compared its own with AWS's. ministack
    1.5.33 goes on with null, also for a path that it cannot read.
    """
    found = resolve(path, data)
    if found is None and not _is_there(path, data):
        cause = f"The JSONPath '{path}' could not be found in the input '{json.dumps(data)}'"
        raise sfn._ExecutionError("States.Runtime", cause)
    return found


def _is_there(path: str, data: Any) -> bool:
    """Whether a path leads to a value, be it null."""
    if path == "$" or not path.startswith("$"):
        return True
    for kind, key in sfn._parse_jsonpath_tokens(path) or [("unreadable", None)]:
        is_field = kind == "field" and isinstance(data, dict) and key in data
        is_item = kind == "index" and isinstance(data, list) and key < len(data)
        if not (is_field or is_item):
            return False
        data = data[key]
    return True


@replaces("services.stepfunctions._evaluate_rule")
def know_null_from_nothing(evaluate: Callable[..., bool], rule: Json, data: Any, context: Json | None = None) -> bool:
    """AWS: IsPresent is true of null, and false of a path that finds nothing, which is then no error.

    Step Functions developer guide, "Choice". ministack 1.5.33: false of null too.
    """
    if "IsPresent" not in rule:
        return evaluate(rule, data, context)
    try:
        sfn._resolve_path_or_ctx(rule["Variable"], data, context)
    except sfn._ExecutionError:
        return not rule["IsPresent"]
    return bool(rule["IsPresent"])


@replaces("services.stepfunctions._sleep_until")
def wait_until_the_whole_second(sleep: Callable[[str], None], timestamp: str) -> None:
    """AWS: a Wait until a timestamp ignores its milliseconds, so it ends up to a second before (docs/facts.md I).

    ministack 1.5.33 waits until the millisecond.
    """
    sleep(re.sub(r"\.\d+", "", timestamp))

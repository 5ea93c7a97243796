"""What Step Functions refuses, and its stand-ins take: of a definition, a task's parameters, and a start."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Iterator

Json: TypeAlias = dict[str, Any]

_LONGEST_NAME = 80
_NOT_IN_A_NAME = re.compile(
    r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U0010ffff]""",
)
_SDK_TASK = re.compile(r"arn:aws[a-z-]*:states:::aws-sdk:")


def of_definition(definition: str) -> str | None:
    """Why Step Functions would refuse this definition; None when it would not, or when it is no JSON.

    - An error name that begins with `States.` is the language's own: a Fail state may not use one (docs/facts.md I).
    - An `aws-sdk` task passes on its `Parameters` and nothing else; without them it would call its action with nothing.
      That AWS refuses it is not measured, and strongly suspected (docs/facts.md I): the strict side is taken.
    """
    try:
        machine = json.loads(definition)
    except ValueError:
        return None
    return next(_refusals(machine), None)


def of_parameters(parameters: Any, shown: Any, input_shape: Any) -> str | None:
    """Why an `aws-sdk` task would not start with these parameters; None when it would.

    A null, an unknown or a missing parameter is States.Runtime. That null is refused: docs/facts.md I; as what: as
    other parameters are, by what people quote: "The Parameters '…' could not be used to start the Task: [The value of
    the field 'QueryParameters' has an invalid format]". What fits is botocore's to say; `shown` is what was given.
    """
    report = ParamValidator().validate(parameters, input_shape)
    if not report.has_errors():
        return None
    return f"The Parameters '{json.dumps(shown)}' could not be used to start the Task: [{report.generate_report()}]"


def of_start(request: Json) -> tuple[str, str] | None:
    """The error and the sentence with which Step Functions would refuse this StartExecution; None when it would not.

    Step Functions API, StartExecution: what a name must not contain, its length, and that the input is JSON
    (docs/facts.md I).
    """
    name = request.get("name") or ""
    if len(name) > _LONGEST_NAME:
        limit = f"Member must have length less than or equal to {_LONGEST_NAME}"
        return (
            "ValidationException",
            f"1 validation error detected: Value at 'name' failed to satisfy constraint: {limit}",
        )
    if _NOT_IN_A_NAME.search(name):
        return "InvalidName", f"Invalid Name: '{name}'"
    try:
        json.loads(request.get("input", "{}"), parse_constant=_no_json)
    except ValueError as error:
        return "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
    return None


def _no_json(constant: str) -> None:
    """Python reads NaN and the infinities, which JSON does not have."""
    raise ValueError(f"Non-standard token '{constant}'")


def _refusals(machine: Json) -> Iterator[str]:
    for name, state in _states(machine):
        is_call = state.get("Type") == "Task" and _SDK_TASK.match(state.get("Resource", ""))
        if is_call and "Parameters" not in state and "Arguments" not in state:
            yield f"SCHEMA_VALIDATION_FAILED: The field 'Parameters' is required but was missing at /States/{name}"
        if state.get("Type") == "Fail" and str(state.get("Error", "")).startswith("States."):
            yield f"SCHEMA_VALIDATION_FAILED: An error name must not begin with 'States.' at /States/{name}/Error"


def _states(machine: Json) -> Iterator[tuple[str, Json]]:
    """Every state with its name, also those inside a Map or a Parallel state."""
    for name, state in machine.get("States", {}).items():
        yield name, state
        inner = [state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", [])]
        for one in filter(None, inner):
            yield from _states(one)

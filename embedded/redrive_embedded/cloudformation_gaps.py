"""CloudFormation: what a template's conditions may be made of."""
# ruff: noqa: SLF001  filling a gap means reaching into ministack

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from redrive_embedded.patching import ministack, replaces

if TYPE_CHECKING:
    from collections.abc import Callable

engine: Any = ministack("services.cloudformation.engine")

Json: TypeAlias = dict[str, Any]


@replaces("services.cloudformation.changesets._evaluate_conditions")
@replaces("services.cloudformation.engine._evaluate_conditions")
@replaces("services.cloudformation.handlers._evaluate_conditions")
@replaces("services.cloudformation.stacks._evaluate_conditions")
def join_in_conditions(evaluate: Callable[[Json, Json], dict[str, bool]], template: Json, parameters: Json) -> Any:
    """AWS: a condition may join a list, which is how a template asks whether a CommaDelimitedList is empty.

    CloudFormation user guide, "Condition functions": Fn::Join is among those that Fn::Equals may hold. ministack 1.5.33
    compares the unjoined expression, so that such a condition always says that they differ.
    """

    def joined(node: Any) -> Any:
        if isinstance(node, dict) and "Fn::Join" in node:
            return engine._resolve_refs(node, {}, parameters, {}, template.get("Mappings", {}), "", "")
        if isinstance(node, dict):
            return {name: joined(value) for name, value in node.items()}
        return [joined(value) for value in node] if isinstance(node, list) else node

    return evaluate({**template, "Conditions": joined(template.get("Conditions", {}))}, parameters)

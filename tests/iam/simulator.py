"""IAM's decisions, by an evaluator of its policies: `@cloud-copilot/iam-simulate`, which runs on Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iam.policies import KEY_POLICY

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ALLOWED = "Allowed"


def missing() -> str:
    """Why nothing can be decided here; empty when it can."""
    if shutil.which("node") is None:
        return "node is not installed: nothing can evaluate the policies"
    if not (HERE / "node_modules" / "@cloud-copilot" / "iam-simulate").exists():
        return "the policy evaluator is not installed: run `make test-iam`"
    return ""


def decide(policies: dict[str, list[dict[str, Any]]], asks: Sequence[tuple[str, str, str]]) -> list[str]:
    """What IAM says to each (role, action, resource): `Allowed`, or how it is denied."""
    question = {"policies": policies, "asks": asks, "key_policy": KEY_POLICY}
    answer = subprocess.run(
        ["node", "simulate.mjs"], cwd=HERE, input=json.dumps(question), capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    decisions: list[str] = json.loads(answer.stdout)
    errors = [(ask, said) for ask, said in zip(asks, decisions, strict=True) if said.startswith("error")]
    assert not errors, f"these are no requests that AWS knows: {errors}"
    return decisions

"""A cold start pays for every import: which handler may pay for what, `make bench-cold` in a form that knows no clock."""

import subprocess
import sys
from pathlib import Path

import pytest

import clients

FUNCTIONS = Path(clients.__file__).parent
JOURNAL = {"aws_lambda_powertools.utilities.idempotency", "boto3", "s3transfer"}  # Idempotency brings boto3
HEAVY = {"jsonata", "pydantic", "pydantic_core", "aws_xray_sdk", *JOURNAL}
MAY = {
    "check": {"pydantic_core"},
    "count": set(),
    "plan": set(),
    "find": set(),
    "receive": set(),
    "filter": JOURNAL,
    "send": JOURNAL,
    "archive": JOURNAL,
    "delete": set(),
    "release": JOURNAL,
    "report": set(),
    "cleanup": JOURNAL,
}
AFTER = f"import sys; sys.path.insert(0, {str(FUNCTIONS)!r}); import {{}}; print(*sys.modules)"


def imported(statement):
    """What a fresh interpreter has imported of HEAVY after `import <statement>`."""
    answer = subprocess.run(
        [sys.executable, "-I", "-c", AFTER.format(statement)], check=True, capture_output=True, text=True
    )
    return HEAVY.intersection(answer.stdout.split())


def test_every_handler_is_held_to_something():
    assert set(MAY) == {path.stem for path in FUNCTIONS.glob("*.py")} - {"clients", "steps"}


@pytest.mark.parametrize("step", MAY)
def test_a_handler_imports_no_more_than_it_needs(step):
    assert imported(step) == MAY[step]


def test_the_heavy_ones_are_called_by_their_names():
    assert imported("redrive.expressions.jsonata, redrive.stores.journal, pydantic") == HEAVY - {"aws_xray_sdk"}

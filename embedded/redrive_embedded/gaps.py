"""What ministack lacks of AWS, and where it is supplied.

Each gap is one function whose docstring says what AWS does (and how that is known), what ministack does
instead, and how it is filled. Each has a test that fails when ministack closes the gap, so that it can go.
"""

from __future__ import annotations

import importlib

from redrive_embedded import patching

_FILLED_IN = (
    "sqs_gaps",
    "move_tasks",
    "lambda_gaps",
    "states_gaps",
    "language_gaps",
    "map_gaps",
    "cloudformation_gaps",
    "scheduler_gaps",
    "request_counts",
    "access",  # the last one that is put before ministack's answers is the first to see a request
)


def fill_all() -> None:
    """Fill every gap. Raises patching.PatchError when this ministack is not the one we know."""
    for module in _FILLED_IN:
        importlib.import_module(f"redrive_embedded.{module}")
    patching.apply_patches()

"""Lambda's Python, wherever this machine has it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

MISSING = "there is no Python 3.13 here, Lambda's: neither python3.13 on PATH nor ~/.pyenv/versions/3.13*"


@cache
def prefix() -> Path | None:
    """The folder that Python 3.13 is installed in; None when there is none."""
    # A shim of pyenv's may be on PATH, and know of no version that is chosen.
    for command in ["python3.13", *map(str, Path.home().glob(".pyenv/versions/3.13*/bin/python"))]:
        try:
            asked = subprocess.run(
                [command, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            continue
        if asked.returncode == 0:
            return Path(asked.stdout.strip())
    return None


def needed() -> Path:
    """The same, and the test is skipped where there is none."""
    found = prefix()
    if found is None:
        pytest.skip(MISSING)
    return found

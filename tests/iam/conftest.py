"""One trace for all tests: scenarios on moto, with the real machine and the real handlers."""

from __future__ import annotations

from pathlib import Path

import pytest

from iam.moves import Moves
from iam.scenarios import Scenarios
from iam.tracing import tracing
from support.rig import fault_rig


@pytest.fixture(scope="session")
def trace():
    """What every function and the machine asked of AWS."""
    with pytest.MonkeyPatch.context() as monkeypatch, tracing() as trace, fault_rig(monkeypatch, page=6) as rig:
        monkeypatch.setenv("REPORT_MESSAGES", "10000")
        moves = Moves(monkeypatch, rig.clock, trace.see_move_task)
        trace.watch(monkeypatch, rig)
        Scenarios(rig, moves, monkeypatch).play()
        yield trace


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--permissions-table", metavar="FILE", type=Path, help="write the table of permissions to this file"
    )

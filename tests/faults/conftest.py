"""The table of the sweep, and the machine that can be broken anywhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from faults.table import Row, table
from support.engine import Deployed
from support.rig import fault_rig

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
ROWS = pytest.StashKey[list[Any]]()

settings.register_profile("faults", deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults-table",
        metavar="FILE",
        type=Path,
        help=f"write the sweep's table to this file; between {BEGIN} and {END} if it has them",
    )


@pytest.fixture
def aws(embedded: Any) -> Deployed:
    return Deployed(embedded)


@pytest.fixture(scope="module")
def rig() -> Any:
    """A machine on moto that can be broken at any call; each test uses queues of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch, fault_rig(monkeypatch, page=6) as rig:
        yield rig


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> list[Any]:
    """What the sweep has found so far, in this session."""
    return request.config.stash.setdefault(ROWS, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    # Side by side (`-n`): each worker hands its rows to the one that writes the table.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = [asdict(row) for row in session.config.stash.get(ROWS, [])]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    rows = [Row(**row) for row in getattr(node, "workeroutput", {}).get("faults", [])]
    node.config.stash.setdefault(ROWS, []).extend(rows)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if found := config.stash.get(ROWS, []):
        text = table(found)
        terminalreporter.section("sweep")
        terminalreporter.write_line(text)
        if file := config.getoption("--faults-table", default=None):
            old = file.read_text() if file.exists() else ""
            if BEGIN in old:
                head, _, rest = old.partition(BEGIN)
                text = f"{head}{BEGIN}\n{text}{END}{rest.partition(END)[2]}"
            file.write_text(text)

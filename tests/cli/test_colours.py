"""A terminal gets colours, unless NO_COLOR is set; what it is told is never drawn over."""

import io
import os
import pty
import select
from datetime import UTC, datetime

import pytest
from rich.console import Console

from redrive.history.visits import Visit
from redrive_cli.view.console import Screen
from redrive_cli.view.history import show_history


@pytest.fixture
def states():
    return [Visit("Check the request", "Task", None, datetime(2026, 11, 21, tzinfo=UTC), "ok", 0.5)]


def on_terminal(states, monkeypatch, **environment):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    show_history(Screen(Console(file=out, force_terminal=True, soft_wrap=True, highlight=False)), states, None)
    return out.getvalue()


def test_a_terminal_gets_colours(states, monkeypatch):
    assert "\x1b[32m✔ ok" in on_terminal(states, monkeypatch)


def test_no_color_is_honoured(states, monkeypatch):
    assert "\x1b" not in on_terminal(states, monkeypatch, NO_COLOR="1")


def waiting_on(file, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Screen(Console(file=file)).waiting("Deploying"):
        pass


def test_a_terminal_is_shown_that_it_goes_on(monkeypatch):
    outer, inner = pty.openpty()
    with os.fdopen(inner, "w") as file:
        waiting_on(file, monkeypatch)
        shown = ""
        while "Deploying" not in shown and select.select([outer], [], [], 5)[0]:  # it comes in pieces
            shown += os.read(outer, 4096).decode()
    os.close(outer)

    assert "Deploying" in shown


def test_a_pipe_is_not_even_where_colours_are_forced(monkeypatch):
    pipe = io.StringIO()
    waiting_on(pipe, monkeypatch)

    assert pipe.getvalue() == ""

"""Asking: a question that a person answers before something is done."""

from __future__ import annotations

import sys

import click

from redrive_cli.view.console import escaped


def confirmed(question: str) -> bool:
    """Ask on a terminal, where the answer is no until somebody types yes; where there is none, nobody is asked: yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return click.confirm(escaped(question), default=False, err=True)

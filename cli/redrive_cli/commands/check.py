"""`redrive check`: whether a request can be run, and what it means."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from redrive.steps.check import understand
from redrive.values.errors import InvalidRequest
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json
from redrive_cli.view.request import request_lines
from redrive_cli.view.summary import show_lines

if TYPE_CHECKING:
    from typing import TextIO


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--json", "as_json", is_flag=True, help="Print the request and what it is judged by as JSON.")
def check(file: TextIO, as_json: bool) -> None:
    """Check a request document, FILE or - for stdin, and say what it means if it began now. Nothing is asked of AWS.

    \b
    Example:
      redrive check request.json
    """
    document = _parsed(file)
    try:
        request, criteria = understand(document, datetime.now(UTC).isoformat())
    except InvalidRequest as error:
        raise CliError(str(error), "docs/request.md has every field, with examples.") from error
    if as_json:
        print_json({"request": request.to_json(), "criteria": criteria.to_json()})
    else:
        show_lines(console(), list(request_lines(request.to_json(), criteria)))


def _parsed(file: TextIO) -> Any:
    try:
        return json.load(file, object_pairs_hook=_once_each, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _no_json(file, f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise _no_json(file, "it is not UTF-8") from error
    except RecursionError as error:
        raise _no_json(file, "it is nested too deep") from error
    except ValueError as error:  # of the two below, or a number that is too long for Python
        raise _no_json(file, str(error).partition(";")[0]) from error


def _no_json(file: TextIO, why: str) -> CliError:
    return CliError(f"{file.name} has no JSON that can be read: {why}.", 'Write one such as {"queue": "orders-dlq"}.')


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is there twice: the machine would take one of the two, and nobody knows which is meant."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        found[name] = value
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")

"""The table of fields in docs/request.md, from the request's types, what validates them, and the command's options.

`make format` writes it anew; a test holds the page to it. A field gets its row when `values/request.py` has it, with an
example and a meaning.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

from redrive.steps.validate import SCHEMA
from redrive.values.request import EXAMPLES, MEANINGS, Request
from redrive_cli.commands.run import run

FILE = Path(__file__).parent / "request.md"
BEGIN, END = "<!-- fields: begin -->\n", "<!-- fields: end -->"
HEAD = "| field | command line | what to write | meaning | default |\n|---|---|---|---|---|\n"
# A value in an example: an object with at most one in it, an array of texts, or a text.
_VALUE = re.compile(r'\{(?:[^{}]|\{[^{}]*\})*\}|\[[^\]]*\]|"(?:[^"\\]|\\.)*"')


def written(page: str) -> str:
    """Give the page with the table as it should be."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + HEAD + "".join(map(_row, EXAMPLES)) + END + rest.partition(END)[2]


def _row(field: str) -> str:
    cells = (f"`{field}`", _typed_as(field), _to_write(field), MEANINGS[field], _default(field))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def _typed_as(field: str) -> str:
    """The argument or the options of its name."""
    for parameter in run.params:
        if parameter.name == field.rpartition(".")[2]:
            argument = isinstance(parameter, click.Argument)
            return ", ".join(f"`{word}`" for word in ([parameter.human_readable_name] if argument else parameter.opts))
    return ""


def _to_write(field: str) -> str:
    """What its example says, and the most that it may be, where that does not stand there."""
    words = _VALUE.sub(lambda found: f"`{found[0]}`", EXAMPLES[field])
    limits = _schema_of(field)
    if limits["type"] == "str" and "max_length" in limits:
        return f"{words}; at most {limits['max_length']} characters"
    if "le" in limits and str(limits["le"]) not in words:
        return f"{words}; at most {limits['le']:,}"
    return words


def _default(field: str) -> str:
    if _field_of(field)["required"]:
        return "required"
    owner, _, name = field.rpartition(".")
    kind = _kind_of(owner)
    default = next((each.default for each in fields(kind) if each.name == name), None) if kind else None
    return f"`{json.dumps(default)}`" if isinstance(default, str | int) else ""


def _kind_of(field: str) -> type[Any] | None:
    """The dataclass that its values become; None where they become none."""
    kind: type[Any] = Request
    for name in filter(None, field.split(".")):
        hint = get_type_hints(kind)[name]
        kinds = [each for each in (hint, *get_args(hint)) if is_dataclass(each)]
        if not kinds:
            return None
        kind = kinds[0]
    return kind


def _field_of(field: str) -> dict[str, Any]:
    """What validates it, as a field of the object that it stands in."""
    owner, _, name = field.rpartition(".")
    found: dict[str, Any] = (_schema_of(owner) if owner else _bare(SCHEMA))["fields"][name]
    return found


def _schema_of(field: str) -> dict[str, Any]:
    """The schema of its values."""
    return _bare(_field_of(field)["schema"])


def _bare(schema: Any) -> dict[str, Any]:
    """A schema without what is around it: null, what makes a value of it, and a text in an object's place."""
    while "fields" not in schema and (inner := schema.get("schema") or schema.get("choices", {}).get(1)):
        schema = inner
    return dict(schema)


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text()))

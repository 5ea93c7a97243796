"""Format the machine's file as its readers look at it: a state a block, and a retrier, a catcher or a rule a line.

`python statemachine/format.py` writes it anew; a test holds the file to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "redrive.asl.json"
WIDTH = 120  # columns; what fits stays on one line
ONE_EACH = {"Retry", "Catch", "Choices"}  # lists whose entries take one line each, however long it is
BLOCKS = {"States", "ItemProcessor"}  # always broken, and so is each state


def formatted(machine: dict[str, Any]) -> str:
    """Give the text of the whole file."""
    return _text(machine, "", block=True) + "\n"


def _text(value: Any, indent: str, *, name: str = "", block: bool = False) -> str:
    line = json.dumps(value, ensure_ascii=False)
    broken = block or name in BLOCKS or (name in ONE_EACH and len(value) > 1)
    if not isinstance(value, dict | list) or not (broken or len(indent) + len(name) + len(line) > WIDTH):
        return line
    deeper = indent + "  "
    if isinstance(value, list):
        entries = [
            json.dumps(entry, ensure_ascii=False) if name in ONE_EACH else _text(entry, deeper) for entry in value
        ]
    else:
        entries = [
            f"{json.dumps(key)}: {_text(entry, deeper, name=key, block=name == 'States')}"
            for key, entry in value.items()
        ]
    ends = "[]" if isinstance(value, list) else "{}"
    return ends[0] + "\n" + ",\n".join(deeper + entry for entry in entries) + "\n" + indent + ends[1]


if __name__ == "__main__":
    FILE.write_text(formatted(json.loads(FILE.read_text())))

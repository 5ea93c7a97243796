"""Messages in a file: a line of JSON each, with everything that SQS gave, as `redrive peek --all` writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from redrive.values.message import Message
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from pathlib import Path


_HOW = "Write such a file with: redrive peek QUEUE --all FILE"


def line_of(message: Message) -> str:
    """Write a message as one line of ASCII; its receipt handle, which is of no use any more, is left out."""
    written = message.to_json()
    del written["handle"]
    return json.dumps(written) + "\n"


def read_file(path: Path) -> list[Message]:
    """Read what `line_of` wrote. Raises CliError with the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CliError(f"{path} cannot be read: {why}.", _HOW) from error
    return [_read(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _read(line: str, where: str) -> Message:
    try:
        return Message.from_json({"handle": "", **json.loads(line)})
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CliError(f"{where}: it is no message.", _HOW) from error


def is_fifo(messages: list[Message]) -> bool:
    """Tell whether messages are of a FIFO queue, whose messages alone have a sequence number."""
    return any("SequenceNumber" in message.system for message in messages)

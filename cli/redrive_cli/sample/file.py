"""Messages in a file: a line of JSON each, with everything that SQS gave, as `redrive peek --all` writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from redrive.values.message import Message
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from pathlib import Path


def line_of(message: Message) -> str:
    """Write a message as one line of ASCII; its receipt handle, which is of no use any more, is left out."""
    written = message.to_json()
    del written["handle"]
    return json.dumps(written) + "\n"


def read_file(path: Path) -> list[Message]:
    """Read what `line_of` wrote. Raises CliError with the line that is none."""
    found = []
    number = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    found.append(Message.from_json({"handle": "", **json.loads(line)}))
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}.", "Write one with: redrive peek QUEUE --all FILE") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CliError(
            f"{path}, line {number or 1}: it is no message.",
            "Write the file with: redrive peek QUEUE --all FILE",
        ) from error
    return found


def is_fifo(messages: list[Message]) -> bool:
    """Tell whether messages are of a FIFO queue, whose messages alone have a sequence number."""
    return any("SequenceNumber" in message.system for message in messages)

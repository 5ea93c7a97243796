"""`redrive find`: one message's life over all runs."""
# ruff: noqa: D301  click's mark for lines that it must not wrap is a backspace: \b

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redrive_cli import cache
from redrive_cli.aws.errors import aws_errors
from redrive_cli.aws.index import Index
from redrive_cli.aws.stories import tell
from redrive_cli.aws.target import Target
from redrive_cli.commands.options import SINCE, on_target
from redrive_cli.errors import CliError
from redrive_cli.view.console import console, print_json
from redrive_cli.view.stories import show_moves, show_story, story_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from redrive_cli.aws.index import Fetched


@click.command()
@click.argument("text", metavar="TEXT|ID")
@click.option("--since", type=SINCE, help="Only runs that began since then; without it, all that the ledger has.")
@click.option("--no-cache", is_flag=True, help="Fetch the whole index, and keep nothing of it here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, one for each message.")
@on_target
def find(text: str, since: datetime | None, no_cache: bool, as_json: bool, **where: Any) -> None:
    """Tell what happened to a message, over all runs: TEXT is its key, ID an id that it has or had.

    Exits with 1 when no run has a record of it.

    \b
    Example: what happened to order 1043, where runs were asked for with a key
      redrive find 1043
    """
    target = Target(**where)
    ledger = target.ledger()
    out, told = console(), console(stderr=True)
    with _folder(no_cache, ledger.s3.meta.endpoint_url, ledger.bucket) as folder, aws_errors():
        index = Index(ledger, folder)
        with told.waiting("Fetching what is new in the index"):
            fetched = index.fetch(since)
        moved = index.moved(fetched)
        stories = tell(index.follow(fetched, text), moved, ledger)
        runs, lines = index.size(fetched)
    for key in fetched.unreadable:
        told.line(("note: ", "yellow"), f"{key} cannot be read, and was not searched.")
    for number, story in enumerate(stories):
        if as_json:
            print_json(story_json(story))
        else:
            if number:
                out.line()
            show_story(out, story)
    told.line(f"Searched {lines:,} lines of {runs:,} runs; {_fetched(fetched)}.")
    if not stories:
        told.line(f"No run has a record of {text!r}, neither as an id nor as a key.")
        show_moves(told, moved)
        sys.exit(1)


def _fetched(fetched: Fetched) -> str:
    return f"{fetched.fetched:,} objects were fetched" if fetched.fetched else "nothing had to be fetched"


@contextlib.contextmanager
def _folder(no_cache: bool, *whose: str) -> Iterator[Path]:
    if no_cache:
        with tempfile.TemporaryDirectory(prefix="redrive-") as folder:
            yield Path(folder)
        return
    try:
        folder_ = cache.folder("index", *whose)
    except OSError as error:
        raise CliError(
            f"The index cannot be kept here: {error.strerror or error}.",
            "Name a folder in XDG_CACHE_HOME, or: --no-cache",
        ) from error
    yield folder_

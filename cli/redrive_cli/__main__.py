"""`redrive`, which is `python -m redrive_cli`: Ctrl-C ends it without a word, also while it is still loading."""

from __future__ import annotations

import sys

from redrive_cli.interrupt import ending_without_a_word


def main() -> None:
    """Load the command line, which takes a moment, and run it."""
    with ending_without_a_word():
        from redrive_cli.app import main as run  # noqa: PLC0415

    try:
        run()
    except KeyboardInterrupt:  # before or after the commands, which say more
        sys.exit(130)


if __name__ == "__main__":
    main()

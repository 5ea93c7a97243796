"""`redrive`, which is `python -m redrive_cli`: Ctrl-C ends it without a word, also while it is still loading."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Load the command line, which takes a moment, and run it."""
    heeds = signal.getsignal(signal.SIGINT)
    if heeds is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from redrive_cli.app import main as run  # noqa: PLC0415

    try:
        signal.signal(signal.SIGINT, heeds)
        run()
    except KeyboardInterrupt:  # before or after the commands, which say more
        sys.exit(130)


if __name__ == "__main__":
    main()

"""The one clock of the library: what time it is, and a pause. Tests put another in its place."""

from __future__ import annotations

import time


def now() -> float:
    """Give the time in seconds since the epoch."""
    return time.time()


def pause(seconds: float) -> None:
    """Do nothing for so long."""
    time.sleep(seconds)

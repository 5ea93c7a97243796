"""The one clock of the library: what time it is, and a pause. Tests put another in its place."""

from __future__ import annotations

import random
import time


def now() -> float:
    """Give the time in seconds since the epoch."""
    return time.time()


def pause(seconds: float) -> None:
    """Do nothing for so long."""
    time.sleep(seconds)


def back_off(seconds: float, attempt: int) -> None:
    """Do nothing for a random part of `seconds`, doubled at each attempt (full jitter)."""
    pause(random.uniform(0, seconds * 2**attempt))  # noqa: S311 - not a secret

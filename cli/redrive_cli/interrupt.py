"""Ctrl-C while something is loaded ends the process at once, and without a word."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ending_without_a_word() -> Iterator[None]:
    """Let Ctrl-C end the process itself: Python would tell of half-loaded modules first."""
    heeds = signal.getsignal(signal.SIGINT)
    if heeds is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heeds)

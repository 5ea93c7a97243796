"""Ctrl-C: at once and without a word while something is loaded, and no sooner than it may where something is held."""

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


class Asked:
    """Whether somebody has asked the process to end, by Ctrl-C or otherwise. Whoever asks twice does not wait."""

    def __init__(self) -> None:
        self.to_end = False

    def heed(self, *_: object) -> None:
        """Note it; the second time, raise KeyboardInterrupt."""
        if self.to_end:
            raise KeyboardInterrupt
        self.to_end = True


@contextlib.contextmanager
def ending_when_it_may() -> Iterator[Asked]:
    """Let what is under way ask whether it should end, where an exception in between would leave something behind.

    Raises KeyboardInterrupt at the end, when the process was asked to end and nobody has raised it.
    """
    asked = Asked()
    heeded = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ours = [each for each, heeds in heeded.items() if heeds != signal.SIG_IGN]  # as under nohup, or in the background
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for each in ours:
        signal.signal(each, asked.heed)
    try:
        yield asked
    finally:
        for each in ours:
            signal.signal(each, heeded[each])
    if asked.to_end:
        raise KeyboardInterrupt

"""A terminal of its own for a command: what it shows is read as a person would, from the screen and what left it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Terminal:
    """`redrive` words run on a pseudo-terminal of `columns` by `rows`; its three streams are the terminal."""

    def __init__(self, words: list[str], environment: Mapping[str, str], *, columns: int = 100, rows: int = 30) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._outer, inner = pty.openpty()
        _size(inner, columns, rows)
        self.process = subprocess.Popen(
            words,
            env={"TERM": "xterm-256color", **environment},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  no threads here
        )
        os.close(inner)

    def read_until(self, told: Callable[[str], bool] | str, seconds: float = 90) -> str:
        """Read until the screen and its history have a text, or satisfy a condition; gives them."""
        deadline = time.monotonic() + seconds
        done = told if callable(told) else lambda text: told in text
        while not done(self.text):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"It never came; there is:\n{self.text}")
        return self.text

    def end(self, seconds: float = 90) -> str:
        """Read to the end of the command; gives the screen and its history."""
        deadline = time.monotonic() + seconds
        while self._read(deadline - time.monotonic()):
            pass
        self.process.wait(timeout=max(1.0, deadline - time.monotonic()))
        return self.text

    def type(self, text: str) -> None:
        os.write(self._outer, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        _size(self._outer, columns, rows)
        self.screen.resize(rows, columns)
        os.killpg(self.process.pid, signal.SIGWINCH)

    @property
    def text(self) -> str:
        """What left the screen at its top, and the screen, without the empty lines at its end."""
        columns = self.screen.columns
        gone = ["".join(line[x].data for x in range(columns)).rstrip() for line in self.screen.history.top]
        return "\n".join([*gone, *(line.rstrip() for line in self.screen.display)]).rstrip()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._outer)

    def _read(self, seconds: float) -> bool:
        """Read what there is; False at the end, or when nothing came in time."""
        if seconds <= 0 or not select.select([self._outer], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._outer, 65536)
        except OSError:  # Linux's word for the end of a terminal
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _size(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

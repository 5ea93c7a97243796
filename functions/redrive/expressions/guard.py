"""Guard: work whose cost nobody knows, done over many items in a child process that can be killed.

Nothing inside a process can interrupt a multiplication of huge numbers or survive its lack of memory; from outside
both are easy. The child is forked, so it has the items at hand, and only results travel. A pipe and a shared page of
memory are all it needs: AWS Lambda has no /dev/shm, which multiprocessing's Queue and Pool do.
"""

from __future__ import annotations

import logging
import mmap
import multiprocessing
import os
import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

FORK = multiprocessing.get_context("fork")
LOOKS = 10  # at a child, in the time that one item may take
PATIENCE = 10  # as many times the time that one item may take, until a child that does nothing at all is given up
REPORT = 0.01  # seconds from one report of a child to the next
MIB = 1_048_576

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """What the work may take: seconds of a processor for one item, seconds for all of them, and bytes of memory."""

    one: float = 1
    all: float = 30
    memory: int = 512 * MIB


LIMITS = Limits()


@dataclass(frozen=True)
class CutOff:
    """Stands for the result of an item that took too much; `why` goes on from the name of what was cut off."""

    why: str


def guarded(work: Callable[[Item], Result], items: Sequence[Item], limits: Limits) -> Iterator[Result | CutOff]:
    """Give the result of each item in order, or why it was cut off.

    `work` must not raise, and its results are pickled. Raises TimeoutError when all items together take too long,
    and ChildProcessError when no child can be started.
    """
    until = time.monotonic() + limits.all
    at = memoryview(mmap.mmap(-1, 8)).cast("Q")  # where the child is: a pipe would cost a system call an item
    cut: dict[int, CutOff] = {}
    done = 0
    while done < len(items):
        reports, writer = FORK.Pipe(duplex=False)
        child = FORK.Process(target=_work, args=(work, items, done, cut, limits, at, writer), daemon=True)
        try:
            child.start()
        except OSError as error:
            raise ChildProcessError("the system could start no process for the expression; try again.") from error
        writer.close()
        why = ""
        try:
            for report in _reports(reports, at, limits, until, _processor_time(child.pid)):
                yield from report
                done += len(report)
                if done == len(items):
                    return
            why = f"took longer than {limits.one:g} s"
        except EOFError:
            child.join()
            why = f"crashed the process that it ran in (exit code {child.exitcode})"
        finally:
            child.kill()
            child.join()
            reports.close()
        cut[at[0]] = CutOff(why)


def _reports(
    reports: Connection, at: memoryview[int], limits: Limits, until: float, spent: Callable[[], float] | None
) -> Iterator[list[Any]]:
    """Give what the child reports, until it has been at one item for too long. Raises EOFError when it died.

    What a child was not let run, on a machine that is busy or was paused, is not its expression's: where its processor
    time can be told (`spent`), that is what counts; elsewhere it counts looks, not seconds.
    """
    quiet, last, since = 0, -1, 0.0
    while quiet < LOOKS * (PATIENCE if spent else 1):
        if time.monotonic() > until:
            raise TimeoutError
        if reports.poll(limits.one / LOOKS):
            yield reports.recv()
        here, now = at[0], spent() if spent else 0.0
        if here != last:
            quiet, last, since = 0, here, now
        elif now - since > limits.one:
            return
        quiet += 1


def _processor_time(process: int | None) -> Callable[[], float] | None:
    """Tell how to read the seconds of a processor that a child has had; None where the system does not tell."""
    if sys.platform != "linux" or process is None:
        return None
    clock = ~process << 3 | 2  # what clock_getcpuclockid(3) gives, which Python has not

    def spent() -> float:
        try:
            return time.clock_gettime(clock)
        except OSError:  # it died: the pipe says so
            return 0.0

    return spent


def _work(
    work: Callable[[Any], Any],
    items: Sequence[Any],
    start: int,
    cut: dict[int, CutOff],
    limits: Limits,
    at: memoryview[int],
    reports: Connection,
) -> None:
    """Be the child: work from `start` on, pass over what was cut off before, and report."""
    _silence()
    _confine(limits)
    report: list[Any] = []
    reported = time.monotonic()
    for place in range(start, len(items)):
        at[0] = place
        try:
            report.append(cut[place] if place in cut else work(items[place]))
        except MemoryError:
            report.append(CutOff(f"took more than {limits.memory // MIB} MiB of memory"))
        if time.monotonic() - reported > REPORT:
            reports.send(report)
            report = []
            reported = time.monotonic()
    reports.send(report)


def _silence() -> None:
    # Whatever a dependency prints, also while it dies, may quote a message, and would be in the function's log.
    logging.disable()  # Lambda's handler has a descriptor of its own
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = open(nowhere, "w")  # noqa: SIM115, PTH123 - Lambda's own write elsewhere than to 1 and 2


def _confine(limits: Limits) -> None:
    # Should the parent die, nobody is left to kill the child: then its processor time ends it.
    seconds = ceil(limits.all)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    if sys.platform == "linux":  # elsewhere there is no telling how much a process has
        present = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = present + limits.memory
        with suppress(ValueError):  # a lower limit is in force
            resource.setrlimit(resource.RLIMIT_AS, (most, most))

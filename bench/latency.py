"""How lanes add up when SQS is as far away as AWS is: messages a second for 1 to 16 lanes, as numbers and as a plot.

`make bench-latency`. Every answer of SQS is 15 ms late, and then 60 ms, with which a lane needs less of the processors
and the lanes have further to go until these are full. Fails when one lane at 15 ms is not faster than SQS's own move
task, or when two lanes or four at 60 ms are less than NEARLY as many times one lane.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from botocore.config import Config
from matplotlib.figure import Figure
from measure import LIGHT, feed, machine, spread, table, tell, two_queues

from redrive.steps.lanes import STANDARD
from redrive.steps.plan import NATIVE_RATE
from redrive_cli.stack.local import install, local_aws
from support.engine import Deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

DELAYS = (15, 60)  # ms; AWS answers in 5 to 20
LANES = (1, 2, 4, 8, 16)
PAGE = STANDARD.page_size
PAGES = 5  # for each lane, full ones, of which the first is not measured
FEWEST = 3  # full pages that a lane must have had
MOST = 64_000  # messages
ROUNDS = 2
FEW = (2, 4)  # lanes that must add up
NEARLY = 0.75
FEEDERS = 32
FEEDING = LIGHT.merge(Config(max_pool_connections=FEEDERS))
PROCESSORS = os.cpu_count() or 1
SERVER = Path(__file__).with_name("far_server.py")
PLOT = Path(__file__).parents[1] / "docs" / "lanes.png"


@dataclass
class Processors:
    """Looks ten times a second at what the processors have done, while it is open."""

    process: int
    seen: list[tuple[float, float, float]] = field(default_factory=list)  # (when, seconds of all, of the process)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()

    def _look(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        while not self.stopped.wait(0.1):
            user, nice, system, _idle, _wait, *rest = map(
                int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
            )
            its = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()[11:13]
            self.seen.append((time.time(), (user + nice + system + sum(rest)) / ticks, sum(map(int, its)) / ticks))

    def busy(self, since: float, until: float) -> tuple[float, float]:
        """How busy all processors were in that time, and one of them with the process, in percent."""
        inside = [look for look in self.seen if since <= look[0] <= until]
        elapsed, everything, its = (last - first for first, last in zip(inside[0], inside[-1], strict=True))
        return 100 * everything / elapsed / PROCESSORS, 100 * its / elapsed


@dataclass
class Turn:
    """A turn of a lane: how many messages its page had, and its time, in seconds since 1970."""

    began: float
    received: int
    ended: float = 0

    def part_within(self, since: float, until: float) -> float:
        """The part of the turn, 0 to 1, that lies in that time."""
        return max(0.0, min(self.ended, until) - max(self.began, since)) / (self.ended - self.began)


def turns_of(events: list[dict[str, Any]]) -> list[Turn]:
    """The turns of a lane, by its history; the last one may have brought nothing, and has no end."""
    turns: list[Turn] = []
    for event in events:
        when = event["timestamp"].timestamp()
        if _name(event, "Entered") == "Receive a page":
            turns.append(Turn(when, 0))
        elif _name(event, "Exited") == "Receive a page":
            turns[-1].received = json.loads(event["stateExitedEventDetails"]["output"])["lane"]["page"]["received"]
        elif _name(event, "Exited") == "Delete what is done":
            turns[-1].ended = when
    return turns


def _name(event: dict[str, Any], which: str) -> str | None:
    name: str | None = event.get(f"state{which}EventDetails", {}).get("name")
    return name


class Speed(NamedTuple):
    """Messages a second; and in percent how busy all processors were, and one of them with the embedded AWS.

    The embedded AWS's process answers all requests in one thread.
    """

    rate: float
    busy: float
    its: float


def drained(stack: Any, lanes: int, name: str) -> Speed:
    """Redrive in so many lanes.

    Measured while every lane had full pages: from the end of the last one's first turn to the end of the first one's
    last. Of a turn that is cut there, its part counts.
    """
    sqs = stack.aws.client("sqs", config=FEEDING)
    messages = min(lanes * PAGES * PAGE, MOST)
    dlq, home = two_queues(sqs, name)
    with ThreadPoolExecutor(FEEDERS) as pool:
        list(pool.map(lambda first: feed(sqs, dlq, range(first, first + 500)), range(0, messages, 500)))
    engine = Deployed(stack)
    with Processors(stack.aws.process_id) as processors:
        arn = engine.start({"queue": dlq, "destination": home, "path": "custom", "lanes": lanes})
        run = engine.wait(arn, timeout=600, every=1)
    assert run.output, run
    assert run.output["sent"] == messages, run
    for url in (dlq, home):
        sqs.delete_queue(QueueUrl=url)
    full = [[turn for turn in turns_of(engine.events(lane)) if turn.received == PAGE] for lane in engine.lanes(arn)]
    assert min(map(len, full)) >= FEWEST, list(map(len, full))
    since, until = max(turns[0].ended for turns in full), min(turns[-1].ended for turns in full)
    moved = PAGE * sum(turn.part_within(since, until) for turns in full for turn in turns)
    return Speed(moved / (until - since), *processors.busy(since, until))


def plot(found: dict[int, dict[int, list[Speed]]]) -> None:
    """Draw each delay's medians with their spread, and the straight line of its first lane."""
    figure = Figure(figsize=(7, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    for (delay, of_lanes), colour, marker in zip(found.items(), ("tab:blue", "tab:green"), "os", strict=True):
        rates = [[speed.rate for speed in speeds] for speeds in of_lanes.values()]
        medians = [statistics.median(of_rounds) for of_rounds in rates]
        below = [median - min(of_rounds) for median, of_rounds in zip(medians, rates, strict=True)]
        above = [max(of_rounds) - median for median, of_rounds in zip(medians, rates, strict=True)]
        style = {"color": colour, "marker": marker, "capsize": 3, "label": f"{delay} ms"}
        axes.errorbar(list(of_lanes), medians, [below, above], **style)
        straight = [medians[0] * lanes for lanes in of_lanes]
        axes.plot(list(of_lanes), straight, "--", color=colour, alpha=0.6, label=f"{delay} ms: as many times one lane")
    axes.axhline(NATIVE_RATE, color="tab:red", linewidth=1, label=f"SQS's move task: at most {NATIVE_RATE} a second")
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(LANES), list(map(str, LANES)))
    axes.set_yscale("log", base=2)  # as the lanes are: as many times is a straight line
    axes.set_yticks([250, 500, 1_000, 2_000], ["250", "500", "1,000", "2,000"])
    axes.set_ylim(200, 2_800)
    axes.set_xlabel("lanes")
    axes.set_ylabel("messages a second")
    axes.set_title(f"Every answer of SQS late by so much; {PROCESSORS} processors for everything", fontsize=10)
    axes.legend(loc="lower right", fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(PLOT, metadata={"Software": None})


def measured(delay: int) -> dict[int, list[Speed]]:
    """The speeds of each number of lanes, round by round, with SQS so many milliseconds away."""
    speeds: dict[int, list[Speed]] = {lanes: [] for lanes in LANES}
    os.environ["SQS_LATE_MS"] = str(delay)
    aws = local_aws()
    aws.server = (str(SERVER),)
    with aws:
        stack = install(aws)
        drained(stack, max(LANES), "warm")
        for number in range(ROUNDS):
            for lanes in LANES:
                speed = drained(stack, lanes, f"round-{number}-{lanes}")
                speeds[lanes].append(speed)
                tell(f"{delay} ms, round {number + 1}: {lanes} lanes: {speed.rate:,.0f}/s, {speed.busy:.0f} % busy")
    return speeds


def middle(speeds: list[Speed]) -> Speed:
    """The medians of some rounds."""
    return Speed(*map(statistics.median, zip(*speeds, strict=True)))


def missed(found: dict[int, dict[int, list[Speed]]]) -> Iterator[str]:
    """What is not as it must be."""
    least = middle(found[DELAYS[0]][1]).rate
    if least <= NATIVE_RATE:
        yield f"One lane moves {least:,.0f} messages a second, and SQS's move task {NATIVE_RATE}."
    far = found[DELAYS[-1]]
    for lanes in FEW:
        growth = middle(far[lanes]).rate / middle(far[1]).rate
        if growth < NEARLY * lanes:
            yield f"{DELAYS[-1]} ms: {lanes} lanes are only {growth:.2f} times one."


def main() -> None:
    found = {delay: measured(delay) for delay in DELAYS}
    print(f"{machine()}. 1 KiB, three attributes, {PAGES} pages of {PAGE:,} a lane, {MOST:,} messages at most;")
    print(f"{ROUNDS} rounds, medians (least to greatest). Measured while all lanes had full pages:\n")
    rows = []
    for delay, of_lanes in found.items():
        for lanes, speeds in of_lanes.items():
            growth = f"{middle(speeds).rate / middle(of_lanes[1]).rate:.2f}"
            rate, busy, its = map(spread, zip(*speeds, strict=True))
            rows.append([f"{delay} ms", lanes, rate, growth, busy, its])
    head = ["late by", "lanes", "messages/s", "of one lane", "processors busy, %", "the embedded AWS's one, %"]
    print(table(head, rows))
    if found_wanting := list(missed(found)):
        sys.exit("\n".join(found_wanting))
    plot(found)


if __name__ == "__main__":
    main()

"""Live: a run as it happens, on a terminal: its states as lines that stay, and below them where it is now."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from redrive_cli.view.console import SIGNS, escaped
from redrive_cli.view.progress import Progress, how_far
from redrive_cli.view.words import duration, plural, told_counts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from rich.console import Console, ConsoleOptions, RenderResult

    from redrive.history.events import Event
    from redrive_cli.view.console import Screen
    from redrive_cli.view.tracking import LaneNow, Turn

_DRAWN_EVERY = 0.25  # seconds
_WIDEST_BAR, _SHORTEST_BAR = 40, 8
_AROUND = 5  # rows that are not for lanes: the states above, the bar, what came of the messages
_FULL, _EMPTY = "━", "─"
_PLAIN_FULL, _PLAIN_EMPTY = "#", "-"  # where the terminal's encoding has no others


def progress_on(out: Screen) -> Progress:
    """Give the view that suits a screen: one that draws over itself, or lines."""
    return Live(out) if out.redraws else Progress(out)


class Live(Progress):
    """What stays are the states and, when a round ends, a line for each lane; the rest is drawn over."""

    def __init__(self, out: Screen) -> None:
        super().__init__(out)
        self._drawing = out.drawing(self)
        # One lock for printing and drawing: rich's own thread may draw between the moment when a print is rendered and
        # the one when it is written, and then takes away other rows than those that are there.
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Self:
        self._drawing.start()
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._clock.join()
        self._drawing.stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            super().show(event)

    def _draw(self) -> None:
        while not self._over.wait(_DRAWN_EVERY):
            with self._lock:
                self._drawing.refresh()

    def turn_ended(self, turn: Turn) -> None:
        """Print nothing: the lane's own line tells it."""

    def lanes_ended(self) -> None:
        """Print what each lane did."""
        for _, lane in sorted(self.now.lanes.items()):
            told = told_counts(lane.counts) or "none received"
            why = f" · {lane.last.next.why}" if lane.last and lane.last.next.why else ""
            self.detail(f"lane {lane.number} · {plural(lane.turns, 'turn')} · {told}{why}")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw where the run is now, as high and as wide as the terminal is at this moment."""
        width, height = console.size  # its options are those of a screen that wraps nothing
        plain = options.ascii_only
        for line in self._lines(width, max(1, height - _AROUND), plain=plain):
            line.truncate(width - 1, overflow="ellipsis" if not plain else "crop")
            yield line

    def _lines(self, width: int, rows: int, *, plain: bool) -> Iterator[Text]:
        now = self.now
        symbol, colour = SIGNS["running"]
        took = f"  {duration(max(0.0, (datetime.now(UTC) - now.began).total_seconds()))}" if now.began else ""
        yield Text.assemble((f"{symbol} ", colour), escaped(now.state) or "Waiting for its first state", (took, "dim"))
        if now.task or now.lanes:
            yield self._bar(width, plain=plain)
        if told := told_counts(now.counts):
            yield Text(f"  {told}", "red" if now.counts["failed"] else "")
        if now.draining:
            yield from self._lanes(rows)

    def _bar(self, width: int, *, plain: bool) -> Text:
        now = self.now
        told = how_far(now)
        room = min(width - len(told) - 6, _WIDEST_BAR)
        if not now.total or room < _SHORTEST_BAR:
            return Text(f"  {told}")
        full = room * min(now.done, now.total) // now.total
        signs = (_PLAIN_FULL, _PLAIN_EMPTY) if plain else (_FULL, _EMPTY)
        return Text.assemble("  ", (signs[0] * full, "green"), (signs[1] * (room - full), "dim"), f"  {told}")

    def _lanes(self, rows: int) -> Iterator[Text]:
        lanes = sorted(self.now.lanes.values(), key=lambda lane: (lane.ended, lane.number))
        if len(lanes) > rows:
            rows -= 1
        for lane in sorted(lanes[:rows], key=lambda lane: lane.number):
            yield _lane(lane)
        if more := lanes[rows:]:
            yield Text(f"  and {plural(len(more), 'more lane')}", "dim")


def _lane(lane: LaneNow) -> Text:
    round_ = f" · round {lane.last.round}" if lane.last and lane.last.round > 1 else ""
    number = lane.last.turn if lane.last else 0
    told = told_counts(lane.counts)
    text = f"  lane {lane.number}{round_} · turn {number} · {escaped(lane.state)}{f'  ({told})' if told else ''}"
    return Text(text, "dim" if lane.ended else "")

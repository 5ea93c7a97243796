"""Criteria: by what messages are judged, the same for the whole run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from redrive.values.request import DELETE, Key, OfRun

if TYPE_CHECKING:
    from redrive.values.request import Transform


@dataclass(frozen=True)
class Criteria:
    """What the filter step judges by.

    `now` (ISO 8601), `today` and `yesterday` are of the request's `as_of`, or of the run's start, in its time zone.
    `began` is the run's start in milliseconds since the epoch: what was first sent after it is left alone. Messages
    first sent within `[sent_from, sent_to)` (milliseconds; None is open) are chosen. The rest is as in the request.
    """

    now: str
    today: str
    yesterday: str
    began: int
    sent_from: int | None = None
    sent_to: int | None = None
    where: str | None = None
    max_redrives: int | None = None
    transform: Transform | None = None
    preview: bool = False
    key: Key | None = None
    of_run: OfRun | None = None
    action: str = "redrive"

    def to_json(self) -> dict[str, Any]:
        """Give the criteria as they travel through the state machine."""
        own = {"key": self.key, "of_run": self.of_run}
        return asdict(self) | {name: value.to_json() if value else None for name, value in own.items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Criteria:
        """Read what `to_json` wrote."""
        own: dict[str, Any] = {"key": Key, "of_run": OfRun}
        read = {name: kind.from_json(value[name]) if value.get(name) else None for name, kind in own.items()}
        return cls(**{**value, **read})

    @property
    def deletes(self) -> bool:
        """Whether what is chosen is to be archived and deleted, and not to be sent."""
        return self.action == DELETE

    @property
    def variables(self) -> dict[str, str]:
        """What expressions know beside the message, by the names of their variables."""
        return {"as_of": self.now, "today": self.today, "yesterday": self.yesterday}

    def is_newer(self, sent_ms: int | None) -> bool:
        """Tell whether a message that was first sent then came after the run had begun."""
        return sent_ms is not None and sent_ms >= self.began

    def is_in_window(self, sent_ms: int | None) -> bool:
        """Tell whether a message that was first sent then (None: nobody knows) is one of those asked for."""
        if sent_ms is None:
            return self.sent_from is None and self.sent_to is None
        after_start = self.sent_from is None or sent_ms >= self.sent_from
        return after_start and (self.sent_to is None or sent_ms < self.sent_to)

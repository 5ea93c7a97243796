"""Criteria: by what messages are judged, the same for the whole run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Criteria:
    """What the filter step judges by.

    `now` (ISO 8601), `today` and `yesterday` are of the run's start in the request's time zone; messages first sent
    within `[sent_from, sent_to)` (milliseconds since the epoch; None is open) are chosen. The rest is as
    in the request.
    """

    now: str
    today: str
    yesterday: str
    sent_from: int | None = None
    sent_to: int | None = None
    where: str | None = None
    max_redrives: int | None = None
    transform: str | None = None
    preview: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give the criteria as they travel through the state machine."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Criteria:
        """Read what `to_json` wrote."""
        return cls(**value)

    def is_in_window(self, sent_ms: int) -> bool:
        """Tell whether a message that was first sent then is one of those asked for."""
        after_start = self.sent_from is None or sent_ms >= self.sent_from
        return after_start and (self.sent_to is None or sent_ms < self.sent_to)

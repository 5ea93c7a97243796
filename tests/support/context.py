"""What Lambda tells a handler about its invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Context:
    """An invocation that has `seconds` left, by a clock that stands still unless one is given."""

    memory_limit_in_mb = 512
    aws_request_id = "request-1"

    def __init__(
        self, function_name: str = "redrive-step", seconds: float = 60, clock: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.function_name = function_name
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}"
        self._clock = clock
        self._ends = clock() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - self._clock()) * 1000)

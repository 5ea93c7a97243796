"""The errors a run can end with. A class's name is the error name in the state machine; its text is the cause.

Each text is one sentence for the operator: what is wrong, the field it is wrong in, and what to write instead.
`ExpressionFailed` alone ends no run: it is how one message fails.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


class RedriveError(Exception):
    """What is wrong with a run, in one sentence that quotes no message."""


class InvalidRequest(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """The request cannot be run as it is written."""


class QueueNotFound(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """A queue that the request names does not exist, or this run may not see it."""


class NativePathUnavailable(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """`path: "native"` was asked for, and SQS's own move task cannot do what the request wants."""


class WaveInFlight(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """An earlier attempt may still be sending a wave; the state machine waits and tries again."""


class OutOfTime(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """A step gave up before its time ran out; the state machine tries again and goes on where it stopped."""


class ExpressionTooSlow(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """`filter.where` or `transform` takes so long that the run would not end."""


class PageGone(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """An object of a page is not in the bucket: its short life is over, or somebody deleted it."""


class PageUnreadable(PageGone):
    """An object of a page, or of the run, is in the bucket, and nobody can read it: it is damaged, or foreign."""


class PageLapsed(RedriveError):  # noqa: N818 - the name is the state machine's error name
    """A page took longer than its messages stay invisible; what is left of it must not be touched."""


class ExpressionFailed(Exception):  # noqa: N818 - reads as what happened to a message
    """The expression could not be evaluated for one message. The text says why, and quotes no message."""


@dataclass(frozen=True)
class Failure:
    """An error as the state machine caught it: its name, and its cause as it came."""

    error: str
    cause: str = ""

    def to_json(self) -> dict[str, str]:
        """Give the error as it travels through the state machine."""
        return {"Error": self.error, "Cause": self.cause}

    @classmethod
    def from_json(cls, value: dict[str, str]) -> Failure:
        """Read what a Catch wrote (`Error`, `Cause`)."""
        return cls(value["Error"], value.get("Cause", ""))

    @property
    def sentence(self) -> str:
        """What went wrong, in words.

        A failed function's Cause is a JSON text, `{"errorType", "errorMessage", "stackTrace"}` (Lambda Developer Guide,
        function errors); Step Functions' own causes are plain.
        """
        try:
            sentence = str(json.loads(self.cause)["errorMessage"])
        except (ValueError, KeyError, TypeError):
            sentence = self.cause
        return sentence or f"{self.error}, and nothing more was said."

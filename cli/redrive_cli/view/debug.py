"""What `--debug` shows: the way of an error, and what the AWS SDK does; never a message, a key or a token.

botocore's own debugging prints whole requests and answers, with messages' bodies and session tokens in them. So only
those of its loggers speak that tell of attempts, addresses and credentials' origins.
"""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from redrive_cli.view.console import console

if TYPE_CHECKING:
    from redrive_cli.view.console import Screen

LOGGERS = ("botocore.credentials", "botocore.retries", "botocore.utils", "urllib3.connectionpool")


class _ToScreen(logging.Handler):
    """Prints each record as a line, on whatever stderr is then."""

    def emit(self, record: logging.LogRecord) -> None:
        console(stderr=True).line((f"debug: {record.name}: {record.getMessage()}", "dim"))


def show_attempts() -> None:
    """Have the AWS SDK tell what it does."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        if not any(isinstance(handler, _ToScreen) for handler in logger.handlers):
            logger.addHandler(_ToScreen())


def show_way(error: BaseException) -> None:
    """Print where an error comes from, and what AWS said to identify it."""
    out = console(stderr=True)
    for line in "".join(traceback.format_exception(error)).splitlines():
        out.line((line, "dim"))
    _show_answer(out, error)


def _show_answer(out: Screen, error: BaseException) -> None:
    refused: BaseException | None = error
    while refused is not None and not isinstance(refused, ClientError):
        refused = refused.__cause__ or refused.__context__
    if refused is not None:
        about = refused.response.get("ResponseMetadata", {})
        told = {name: about.get(name) for name in ("HTTPStatusCode", "RequestId", "RetryAttempts")}
        out.line((f"debug: {refused.operation_name}: {told}", "dim"))

"""The embedded AWS's process, with a network before its SQS: what `latency.py` starts.

Every request to SQS waits SQS_LATE_MS milliseconds before it is answered, without a processor being busy with it.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from redrive_embedded import server
from redrive_embedded.patching import rewrites

DELAY = float(os.environ["SQS_LATE_MS"]) / 1_000


@rewrites("app.SERVICE_HANDLERS")
def delay_sqs(handlers: dict[str, Any]) -> dict[str, Any]:
    near = handlers["sqs"]

    async def far(*request: Any) -> Any:
        await asyncio.sleep(DELAY)
        return await near(*request)

    handlers["sqs"] = far
    return handlers


if __name__ == "__main__":
    server.main()

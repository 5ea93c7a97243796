"""The send journal: which waves were sent, so that a retried step sends none of them again.

One DynamoDB record per wave of at most 100 messages, kept by Powertools' Idempotency: a wave is recorded as begun,
sent, and recorded with its results: what SQS answered, where to, and whether with a stamp. A wave that was only begun
may have been sent or not: it is begun anew after the time its first attempt had left, and that is the whole of what can
arrive twice.

The results are recorded packed: DynamoDB bills a write by the KiB, and a hundred of them are 10 KiB of JSON.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import threading
import zlib
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
)

from redrive.stores import runs
from redrive.stores.redrives import Redrives
from redrive.stores.table import read
from redrive.values.errors import WaveInFlight
from redrive.values.message import SendResult
from redrive.values.timeline import REMEMBERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

Results: TypeAlias = list[SendResult]


class Journal(Protocol):
    """Sends a wave at most once, as far as is known; `key` names the wave. `redrives` remembers beside it."""

    redrives: Redrives

    def once(self, key: str, send: Callable[[], Results]) -> Results:
        """Give what `send` answered, now or in an earlier attempt. Raises WaveInFlight when that is unknown."""

    def recall(self, keys: Sequence[str]) -> dict[str, Results | None]:
        """Give what SQS answered to each wave that was begun; None for one whose answers nobody recorded."""

    def known(self, runs: Iterable[str]) -> set[str]:
        """Give those of the runs that this journal has seen: of no other does it say what was not sent."""


class DynamoDBJournal:
    """The journal in a DynamoDB table. `context` tells how long this attempt has (`get_remaining_time_in_millis`).

    `dynamodb` makes the client when it is first needed: most steps that may look into the journal need not.
    """

    def __init__(self, dynamodb: Callable[[], DynamoDBClient], table: str, context: Any) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self.redrives = Redrives(dynamodb, table)
        self._config = IdempotencyConfig(event_key_jmespath="key", expires_after_seconds=REMEMBERED)
        self._config.register_lambda_context(context)
        self._lock = threading.Lock()

    @functools.cached_property
    def _layer(self) -> DynamoDBPersistenceLayer:
        # Under a lock: waves are sent in threads, and the layer's first `configure` is not safe to race.
        layer = DynamoDBPersistenceLayer(table_name=self._table, boto3_client=self._dynamodb())
        layer.configure(config=self._config, key_prefix=_PREFIX)
        return layer

    def once(self, key: str, send: Callable[[], Results]) -> Results:
        """Send a wave, unless the journal has its answers."""
        with self._lock:
            layer = self._layer

        @idempotent_function(  # type: ignore[untyped-decorator]
            data_keyword_argument="wave",
            persistence_store=layer,
            config=self._config,
            key_prefix=_PREFIX,
        )
        def send_wave(*, wave: dict[str, str]) -> str:
            return _packed(send())

        try:
            return _unpacked(send_wave(wave={"key": key}))
        except IdempotencyAlreadyInProgressError as error:
            raise WaveInFlight(f"an earlier attempt may still be sending wave {key}.") from error

    def recall(self, keys: Sequence[str]) -> dict[str, Results | None]:
        """Look waves up, a hundred at a time, without sending anything."""
        waves = {_id(key): key for key in keys}
        return {waves[id_]: _results(item) for id_, item in read(self._dynamodb, self._table, list(waves)).items()}

    def known(self, runs_: Iterable[str]) -> set[str]:
        """Look runs up."""
        return runs.known(self._dynamodb, self._table, runs_)


_PREFIX = "redrive.send"


def _id(key: str) -> str:
    """Give the id of a wave's record, as Powertools makes it."""
    return f"{_PREFIX}#{hashlib.md5(json.dumps(key).encode(), usedforsecurity=False).hexdigest()}"


def _results(item: dict[str, Any]) -> Results | None:
    if item["status"]["S"] != "COMPLETED":
        return None
    return _unpacked(json.loads(item["data"]["S"]))


def _packed(results: Results) -> str:
    text = json.dumps([result.to_json() for result in results], separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _unpacked(packed: str) -> Results:
    return [SendResult.from_json(line) for line in json.loads(zlib.decompress(base64.b64decode(packed)))]

"""The files of a run in the bucket, and whether the bucket keeps them from being changed."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from redrive.stores.ledger import get

if TYPE_CHECKING:
    from redrive.stores.ledger import Ledger

_THREADS = 8
_OURS = "report.html"  # a report cannot tell its own hash


def hashed(ledger: Ledger) -> list[dict[str, Any]]:
    """List the run's objects as they are now: `{"key", "bytes", "sha256"}`, None in what is gone by then."""
    folder = f"runs/{ledger.run}/"
    pages = ledger.s3.get_paginator("list_objects_v2").paginate(Bucket=ledger.bucket, Prefix=folder)
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]

    def file(key: str) -> dict[str, Any]:
        try:
            body = get(ledger.s3, ledger.bucket, key)
        except KeyError:
            return {"key": key.removeprefix(folder), "bytes": None, "sha256": None}
        return {"key": key.removeprefix(folder), "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(file, (key for key in keys if not key.endswith(f"/{_OURS}"))))


def object_lock(ledger: Ledger) -> dict[str, Any] | None:
    """Tell of the bucket's Object Lock: `{"on", "mode", "days", "years"}`; None when that cannot be asked."""
    try:
        found = ledger.s3.get_object_lock_configuration(Bucket=ledger.bucket)["ObjectLockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return {"on": False, "mode": None, "days": None, "years": None}
        return None
    rule = found.get("Rule", {}).get("DefaultRetention", {})
    on = found.get("ObjectLockEnabled") == "Enabled"
    return {"on": on, "mode": rule.get("Mode"), "days": rule.get("Days") or None, "years": rule.get("Years") or None}

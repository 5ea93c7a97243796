"""The manifest: what a run left for long, each with its SHA-256, without reading what S3 knows; and it fails no run."""

import gzip
import hashlib
import json

import pytest

from redrive.stores import manifest, moves
from redrive.stores.ledger import HELD, OUTCOMES, PAGES, Ledger
from support.library import BUCKET

ENOUGH = 60_000
RUN = "runs/2026-11-21/run-1/"


@pytest.fixture
def left(s3, ledger):
    """A run's ledger with something of every kind, and neighbours whose names begin with its own."""
    ledger.write_document("request", {"queue": "orders-dlq"})
    ledger.write_document("plan", {})
    for page in ("0/1-1", "0/1-2"):
        for kind in (PAGES, HELD, OUTCOMES):
            ledger.write(kind, page, [{"id": page}])
    for key in ("index/day=2026-11-21/run-1.0000.jsonl.gz", "index/day=2026-11-21/run-1.0001.0000.jsonl.gz"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(b"{}\n"))
    ledger.of("2026-11-21/run-10").write_document("summary", {})
    return ledger


def requests(s3):
    made = []
    s3.meta.events.register("before-send.s3", lambda request, **_: made.append(request.method))
    return made


def content(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def test_it_has_everything_of_long_life_and_the_true_hash_of_each(s3, left):
    gathered = manifest.gather(left, lambda: ENOUGH)
    left.write_document("summary", {"status": "complete"})
    manifest.write(left, gathered)

    recorded = manifest.parse(content(s3, f"{RUN}manifest.json"))
    assert sorted(recorded) == sorted(
        [
            "index/day=2026-11-21/run-1.0000.jsonl.gz",
            *(f"{RUN}{name}.json" for name in ("plan", "request", "summary")),
            *(f"{RUN}outcomes/0/1-{turn}.jsonl.gz" for turn in (1, 2)),
        ]
    )
    for key, entry in recorded.items():
        body = content(s3, key)
        assert (entry.sha256, entry.bytes) == (hashlib.sha256(body).hexdigest(), len(body))


def test_s3_is_asked_for_the_hash_and_not_for_the_content(s3, left):
    s3.delete_object(Bucket=BUCKET, Key="index/day=2026-11-21/run-1.0000.jsonl.gz")  # that one was put without
    made = requests(s3)

    manifest.gather(left, lambda: ENOUGH)

    assert sorted(made) == ["GET", "GET", *["HEAD"] * 4]  # two lists


def test_what_there_is_no_time_for_is_listed_without_a_hash(s3, left):
    made = requests(s3)

    gathered = manifest.gather(left, lambda: manifest.RESERVE_MS)

    assert {entry.sha256 for entry in gathered} == {None}
    assert made == ["GET", "GET"]


def test_a_bucket_that_refuses_is_no_reason_for_a_run_to_fail(s3, left):
    nowhere = Ledger(s3, "no-such-bucket", left.run)

    assert manifest.gather(nowhere, lambda: ENOUGH) == []
    manifest.write(nowhere, [])


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"format": 1, "objects": [3]}', b'{"format": 2, "objects": []}', b"\xff", b"[" * 9999]
)
def test_what_is_no_manifest_is_said_to_be_none(text):
    with pytest.raises(ValueError, match=r"it (is|has)"):
        manifest.parse(text)


def test_a_move_of_sqss_own_leaves_a_line(s3, ledger):
    from redrive.steps.report import report
    from redrive.values.plan import MoveTask, Path, RunState
    from support.library import STARTED, a_plan

    report(ledger, RunState(STARTED, plan=a_plan(path=Path.NATIVE), task=MoveTask("COMPLETED", 7, 7)))

    line = json.loads(content(s3, f"{moves.PREFIX}day=2026-11-21/run-1.json"))
    assert (line["run"], line["moved"], line["started"]) == ("2026-11-21/run-1", 7, STARTED)


def test_a_run_in_which_sqs_moved_nothing_leaves_none(s3, ledger):
    from redrive.steps.report import report
    from redrive.values.plan import RunState
    from support.library import STARTED

    report(ledger, RunState(STARTED))

    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=moves.PREFIX)["KeyCount"] == 0

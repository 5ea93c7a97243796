"""The ledger: what is written is read back, and only messages are short-lived."""

import gzip
import tracemalloc

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.stores.ledger import HELD, OUTCOMES, PAGES, VERDICTS, Ledger
from redrive.values.errors import PageGone
from redrive.values.message import Message
from support.breaking import calls_of, refuse_calls
from support.library import messages


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(messages, min_size=1, max_size=5))
def test_a_page_is_read_back_message_by_message(ledger, page):
    ledger.write(PAGES, "0/001-0001", (message.to_json() for message in page))
    assert [Message.from_json(line) for line in ledger.read(PAGES, "0/001-0001")] == page


def test_no_character_of_a_body_ends_a_line(ledger):
    bodies = ["a\nb", "a\r\nb", "a\u2028b\u2029c\x85d", "\x1c\x1d\x1e", "\ud800", ""]
    ledger.write(PAGES, "0/001-0001", ({"body": body} for body in bodies))
    assert [line["body"] for line in ledger.read(PAGES, "0/001-0001")] == bodies


@pytest.mark.parametrize("kind", [PAGES, VERDICTS, HELD, OUTCOMES])
def test_what_was_never_written_is_missed(ledger, kind):
    with pytest.raises(PageGone):
        ledger.read(kind, "0/001-0001")
    with pytest.raises(KeyError):
        ledger.read_document("summary")


def test_any_other_error_of_s3_is_no_key_error(ledger):
    refuse_calls(ledger.s3, "GetObject", "AccessDenied", status=403)
    with pytest.raises(ClientError, match="AccessDenied"):
        ledger.read(PAGES, "0/001-0001")


@pytest.mark.parametrize(("kind", "tags"), [(PAGES, 1), (VERDICTS, 1), (HELD, 1), (OUTCOMES, 0)], ids=str)
def test_what_holds_messages_has_a_short_life_and_outcomes_a_long_one(ledger, kind, tags):
    asked = calls_of(ledger.s3, "PutObject")
    ledger.write(kind, "0/001-0001", [{"id": "1"}])
    key = f"runs/2026-11-21/run-1/{kind}/0/001-0001.jsonl.gz"
    assert all(call.get("Tagging", "none") for call in asked), "an empty one is an empty header"
    found = ledger.s3.get_object_tagging(Bucket=ledger.bucket, Key=key)["TagSet"]
    assert found == [{"Key": "life", "Value": "short"}] * tags


def test_an_object_is_gzipped_json_lines_for_anybody_to_read(ledger):
    ledger.write(OUTCOMES, "0/001-0001", [{"id": "1"}, {"id": "2"}])
    found = ledger.s3.get_object(Bucket=ledger.bucket, Key="runs/2026-11-21/run-1/outcomes/0/001-0001.jsonl.gz")[
        "Body"
    ].read()
    assert gzip.decompress(found) == b'{"id":"1"}\n{"id":"2"}\n'


def test_lines_are_written_one_at_a_time(ledger):
    """A page is up to 40 MiB: as text, as bytes and compressed at once it would be too much for a function."""
    tracemalloc.start()
    try:
        ledger.write(PAGES, "0/001-0001", ({"body": "x" * 1_000_000} for _ in range(30)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
    assert len(ledger.read(PAGES, "0/001-0001")) == 30


def test_names_are_of_one_lane_or_of_all_and_of_one_run(ledger):
    for name in ("0/001-0001", "0/001-0002", "1/001-0001", "10/001-0001"):
        ledger.write(HELD, name, [])
    ledger.write(PAGES, "0/001-0003", [])
    Ledger(ledger.s3, ledger.bucket, "2026-11-21/run-10").write(HELD, "0/001-0009", [])
    assert list(ledger.names(HELD)) == ["0/001-0001", "0/001-0002", "1/001-0001", "10/001-0001"]
    assert list(ledger.names(HELD, 1)) == ["1/001-0001"]
    assert list(ledger.names(HELD, 0)) == ["0/001-0001", "0/001-0002"]


def test_a_lane_with_more_than_a_thousand_pages_forgets_none(ledger, monkeypatch):
    ledger.s3.meta.events.register(
        "before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=2)
    )
    for number in range(5):
        ledger.write(HELD, f"0/001-{number:04}", [])
    assert len(list(ledger.names(HELD))) == 5


def test_a_document_is_for_people_to_read(ledger):
    ledger.write_document("summary", {"queue": "orders-dlq", "cause": "é"})
    assert ledger.read_document("summary") == {"queue": "orders-dlq", "cause": "é"}
    text = ledger.s3.get_object(Bucket=ledger.bucket, Key="runs/2026-11-21/run-1/summary.json")["Body"].read().decode()
    assert text == '{\n  "queue": "orders-dlq",\n  "cause": "é"\n}\n'
    assert ledger.address == f"s3://{ledger.bucket}/runs/2026-11-21/run-1/"


def test_half_a_character_stops_no_document(ledger):
    ledger.write_document("summary", {"stopped_groups": {"\ud83d": "\udc00 é"}})
    assert ledger.read_document("summary") == {"stopped_groups": {"\ud83d": "\udc00 é"}}

"""The journal: a wave is sent once, as far as anybody can know."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyPersistenceLayerError

from redrive.stores.journal import DynamoDBJournal
from redrive.values.errors import WaveInFlight
from redrive.values.message import SendResult
from redrive.values.timeline import REMEMBERED
from support.breaking import Killed, refuse_calls
from support.library import TABLE, Context

RESULTS = [
    SendResult(0, id="new-0", to="orders", stamped=True),
    SendResult(1, error="SQS refused it: é", behind=True),
    SendResult(2, error="gone", lost=True),
]


@pytest.fixture
def journal(dynamodb):
    return DynamoDBJournal(lambda: dynamodb, TABLE, Context())


def killed():
    raise Killed


def again():
    pytest.fail("the wave was sent again")


def test_a_wave_is_sent_once_and_remembered(journal, dynamodb):
    assert journal.once("run-1/0/001-0001/0", lambda: RESULTS) == RESULTS
    assert journal.once("run-1/0/001-0001/0", again) == RESULTS
    assert DynamoDBJournal(lambda: dynamodb, TABLE, Context()).once("run-1/0/001-0001/0", again) == RESULTS
    assert journal.recall(["run-1/0/001-0001/0"]) == {"run-1/0/001-0001/0": RESULTS}


def test_each_wave_is_its_own(journal):
    for number in range(3):
        assert journal.once(f"run-1/0/001-0001/{number}", lambda n=number: [SendResult(n)]) == [SendResult(number)]
    assert journal.recall(["run-2/0/001-0001/0"]) == {}


def test_threads_may_share_a_journal(journal):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: journal.once(f"wave-{n}", lambda: [SendResult(n)]), range(24)))
    assert found == [[SendResult(n)] for n in range(24)]


def test_a_wave_that_may_still_be_on_its_way_is_not_sent_again(journal):
    with pytest.raises(Killed):
        journal.once("wave", killed)
    with pytest.raises(WaveInFlight, match=r"^an earlier attempt may still be sending wave wave\.$"):
        journal.once("wave", again)
    assert journal.recall(["wave"]) == {"wave": None}


def test_a_wave_whose_attempt_is_long_over_is_begun_anew(dynamodb):
    with pytest.raises(Killed):
        DynamoDBJournal(lambda: dynamodb, TABLE, Context(seconds=-1)).once("wave", killed)
    assert DynamoDBJournal(lambda: dynamodb, TABLE, Context()).once("wave", lambda: RESULTS) == RESULTS


def test_what_nobody_sent_cannot_be_recalled(journal):
    assert journal.recall(["wave"]) == {}


def test_a_record_lives_as_long_as_a_message_can(journal, dynamodb):
    journal.once("wave", lambda: RESULTS)
    [record] = dynamodb.scan(TableName=TABLE)["Items"]
    assert REMEMBERED == 14 * 24 * 3600
    assert int(record["expiration"]["N"]) == pytest.approx(time.time() + REMEMBERED, abs=30)


def test_a_wave_that_cannot_be_recorded_as_begun_is_not_sent(journal, dynamodb):
    refuse_calls(dynamodb, "PutItem", "ProvisionedThroughputExceededException")
    with pytest.raises(IdempotencyPersistenceLayerError):
        journal.once("wave", again)


def test_a_wave_that_was_sent_but_could_not_be_recorded_stays_unknown(journal, dynamodb):
    refuse_calls(dynamodb, "UpdateItem", "InternalServerError", status=500)
    with pytest.raises(IdempotencyPersistenceLayerError):
        journal.once("wave", lambda: RESULTS)
    assert journal.recall(["wave"]) == {"wave": None}
    with pytest.raises(WaveInFlight):
        journal.once("wave", again)


def test_the_journal_holds_no_message(journal, dynamodb):
    journal.once("run-1/0/001-0001/0", lambda: RESULTS)
    [record] = dynamodb.scan(TableName=TABLE)["Items"]
    assert set(record) == {"id", "status", "expiration", "in_progress_expiration", "data"}
    assert record["id"]["S"].startswith("redrive.send#")


def test_a_full_wave_is_recorded_in_four_write_units(journal, dynamodb):
    """DynamoDB bills a write by the KiB that the item has, names and values (docs/facts.md G)."""
    full = [SendResult(900 + n, id=str(uuid4()), to="q" * 80, stamped=True) for n in range(100)]
    journal.once("wave", lambda: full)
    [record] = dynamodb.scan(TableName=TABLE)["Items"]
    assert sum(len(name) + len(*value.values()) for name, value in record.items()) <= 4 * 1024

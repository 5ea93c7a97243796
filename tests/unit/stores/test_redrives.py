"""Redrives: the stamps of what cannot carry one, and which runs the journal has seen."""

import time

import pytest

from redrive.stores import runs, table
from redrive.stores.journal import DynamoDBJournal
from redrive.stores.redrives import Redrives
from redrive.stores.table import NotProcessedError
from redrive.values.message import Stamp
from redrive.values.timeline import REMEMBERED
from support.breaking import answer_with, calls_of
from support.context import Context
from support.library import TABLE


@pytest.fixture
def store(dynamodb):
    return Redrives(lambda: dynamodb, TABLE)


def stamps(number):
    return {f"id-{n}": Stamp(n + 1, "2026-11-21/run-1", f"first-{n}") for n in range(number)}


def test_what_is_remembered_is_recalled_and_nothing_else(store):
    store.remember(stamps(3))
    assert store.recall(["id-1", "id-2", "id-9"]) == {id_: stamps(3)[id_] for id_ in ("id-1", "id-2")}


def test_what_is_remembered_twice_is_counted_once(store):
    store.remember(stamps(1))
    store.remember(stamps(1))
    assert store.recall(["id-0"]) == stamps(1)


def test_a_record_lives_as_long_as_a_message_can(store, dynamodb):
    store.remember(stamps(1))
    [record] = dynamodb.scan(TableName=TABLE)["Items"]
    assert int(record["expiration"]["N"]) == pytest.approx(time.time() + REMEMBERED, abs=30)


def test_they_are_written_by_25_and_read_by_100_as_dynamodb_takes_them(store, dynamodb):
    written, read = calls_of(dynamodb, "BatchWriteItem"), calls_of(dynamodb, "BatchGetItem")
    store.remember(stamps(101))
    assert len(store.recall([*stamps(101), "id-0"])) == 101
    assert [len(call["RequestItems"][TABLE]) for call in written] == [25, 25, 25, 25, 1]
    assert [len(call["RequestItems"][TABLE]["Keys"]) for call in read] == [100, 1]


def test_what_dynamodb_leaves_unprocessed_is_asked_again_and_not_for_ever(store, dynamodb):
    put = [{"PutRequest": {"Item": {"id": {"S": "x"}}}}]
    answers = [{"UnprocessedItems": {TABLE: put}}, {"UnprocessedItems": {}}]
    asked = calls_of(dynamodb, "BatchWriteItem")
    answer_with(dynamodb, "BatchWriteItem", lambda: answers.pop(0) if answers else {"UnprocessedItems": {TABLE: put}})
    store.remember(stamps(1))
    assert [call["RequestItems"][TABLE] for call in asked][1:] == [put]
    with pytest.raises(NotProcessedError):
        store.remember(stamps(1))
    assert len(asked) == 2 + table.TRIES


@pytest.mark.parametrize("count", ["0", "-5", "1.5", "1E40", "NaN"], ids=str)
def test_a_record_that_is_none_of_ours_is_none(store, dynamodb, count):
    if count == "NaN":
        item = {"id": {"S": "redrives#id-0"}}
    else:
        item = {"id": {"S": "redrives#id-0"}, "count": {"N": count}, "run": {"S": "r"}, "first": {"S": "f"}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    assert store.recall(["id-0"]) == {}


def test_a_journal_knows_the_runs_that_were_registered_and_no_others(dynamodb):
    runs.register(dynamodb, TABLE, "2026-11-21/run-1")
    runs.register(dynamodb, TABLE, "2026-11-21/run-1")
    journal = DynamoDBJournal(lambda: dynamodb, TABLE, Context())
    assert journal.known(["2026-11-21/run-1", "2026-11-20/run-1"]) == {"2026-11-21/run-1"}
    [record] = dynamodb.scan(TableName=TABLE)["Items"]
    assert int(record["expiration"]["N"]) >= time.time() + REMEMBERED

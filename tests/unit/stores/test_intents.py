"""Intents: what is about to be sent is known before it is, and only one of two decides whether it may be."""

import pytest

from redrive.stores import intents
from redrive.stores.intents import Intent, IntentKey
from redrive.values.errors import PageLapsed
from redrive.values.message import SendResult
from support.library import run_named

KEY = IntentKey("orders-dlq.fifo", run_named("run-1"), "9/012-0345", 1_795_186_800)
INTENT = Intent(["a", "b", "c"], [[0], [2]], [SendResult(1, error="too large")])


def test_a_key_is_read_as_it_was_written():
    assert IntentKey.parse(str(KEY)) == KEY


def test_what_is_declared_is_read_and_listed(ledger):
    intents.declare(ledger, KEY, INTENT)
    assert intents.read(ledger, KEY) == INTENT
    assert (
        intents.keys(ledger, "orders-dlq.fifo") == intents.keys(ledger, "orders-dlq.fifo", run_named("run-1")) == [KEY]
    )
    assert intents.keys(ledger, "orders-dlq.fifo", run_named("run-2")) == intents.keys(ledger, "orders-dlq") == []


def test_an_attempt_that_declares_again_goes_on(ledger):
    intents.declare(ledger, KEY, INTENT)
    intents.declare(ledger, KEY, INTENT)
    assert intents.read(ledger, KEY) == INTENT


def test_a_page_that_is_closed_first_is_never_sent(ledger):
    assert intents.close(ledger, KEY) is None
    with pytest.raises(PageLapsed, match="the run has closed the page"):
        intents.declare(ledger, KEY, INTENT)
    assert intents.close(ledger, KEY) is None


def test_a_page_that_is_declared_first_is_closed_by_what_was_declared(ledger):
    intents.declare(ledger, KEY, INTENT)
    assert intents.close(ledger, KEY) == INTENT


def test_a_page_that_was_closed_without_an_intent_is_nothing_to_remember(ledger):
    intents.close(ledger, KEY)
    assert intents.keys(ledger, "orders-dlq.fifo") == []


def test_what_is_removed_is_gone_however_often(ledger):
    intents.declare(ledger, KEY, INTENT)
    intents.remove(ledger, KEY)
    intents.remove(ledger, KEY)
    assert intents.keys(ledger, "orders-dlq.fifo") == []
    assert intents.read(ledger, KEY) == Intent()


def test_an_intent_has_a_short_life(ledger):
    intents.declare(ledger, KEY, INTENT)
    found = ledger.s3.get_object_tagging(Bucket=ledger.bucket, Key=str(KEY))["TagSet"]
    assert found == [{"Key": "life", "Value": "short"}]

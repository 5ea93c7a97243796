"""moto in process, fresh for each test; and a long poll that does not wait."""

import time

import moto.sqs.models
import pytest
from hypothesis import settings
from moto import mock_aws
from moto.core.utils import unix_time, unix_time_millis

from redrive import receive, send, unsettled, visibility
from redrive.ledger import Ledger
from support.aws import make_queues
from support.library import BUCKET, SESSION, TABLE, a_run
from support.moto_gaps import fill_gaps

settings.register_profile("unit", deadline=None, max_examples=60)
settings.load_profile("unit")


@pytest.fixture
def aws(monkeypatch):
    """moto, with its gaps filled."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # An empty answer of moto is true at once: it is one server, not many.
    monkeypatch.setattr(receive, "LONG_POLL", 0)
    fill_gaps(monkeypatch)
    with mock_aws():
        yield


class Clock:
    """The clock of SQS and of the steps, `ahead` by so many seconds."""

    def __init__(self, monkeypatch):
        self.ahead = 0
        for module in (receive, send, unsettled, visibility):
            monkeypatch.setattr(module, "time", self)
        monkeypatch.setattr(moto.sqs.models, "unix_time", lambda: unix_time() + self.ahead)
        monkeypatch.setattr(moto.sqs.models, "unix_time_millis", lambda: unix_time_millis() + self.ahead * 1000)

    def time(self):
        return time.time() + self.ahead

    def sleep(self, seconds):
        time.sleep(seconds)


@pytest.fixture
def clock(aws, monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def sqs(aws):
    return SESSION.client("sqs")


@pytest.fixture
def dynamodb(aws):
    client = SESSION.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    return client


@pytest.fixture
def sfn(aws):
    return SESSION.client("stepfunctions")


@pytest.fixture
def s3(aws):
    client = SESSION.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def ledger(s3):
    return Ledger(s3, BUCKET, "run-1")


@pytest.fixture
def queues(sqs):
    """`orders-dlq`, the dead-letter queue of `orders`."""
    return make_queues(sqs, name="orders")


@pytest.fixture
def fifo_queues(sqs):
    """`orders-dlq.fifo`, the dead-letter queue of `orders.fifo`."""
    return make_queues(sqs, name="orders", fifo=True)


@pytest.fixture
def run(sqs, dynamodb, ledger, queues):
    """A run over `orders-dlq`, back to `orders`."""
    return a_run(sqs, dynamodb, ledger, queues.dlq, queues.sources)


@pytest.fixture
def fifo_run(sqs, dynamodb, ledger, fifo_queues):
    """A run over `orders-dlq.fifo`, back to `orders.fifo`."""
    return a_run(sqs, dynamodb, ledger, fifo_queues.dlq, fifo_queues.sources)

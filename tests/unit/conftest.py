"""moto in process, fresh for each test; and a long poll that does not wait."""

import pytest
from hypothesis import settings
from moto import mock_aws

from redrive import clock as library_clock
from redrive.stores.ledger import Ledger
from support.aws import make_queues
from support.clock import Clock
from support.library import BUCKET, SESSION, TABLE, a_run, run_named
from support.moto_gaps import fill_gaps

settings.register_profile("unit", deadline=None, max_examples=60)
settings.load_profile("unit")


@pytest.fixture
def aws(monkeypatch):
    """moto, with its gaps filled."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(library_clock, "pause", lambda _: None)
    fill_gaps(monkeypatch)
    with mock_aws():
        yield


@pytest.fixture
def clock(aws, monkeypatch):
    """The clock of SQS and of the steps: `clock.ahead += 60` is a minute later."""
    ruler = Clock()
    ruler.rule(monkeypatch)
    return ruler


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
    return Ledger(s3, BUCKET, run_named("run-1"))


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

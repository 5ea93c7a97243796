"""Queues: from a name, a URL or an ARN to what a run must know of them."""

import contextlib
import itertools
from urllib.parse import urlsplit

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import ClientError, EndpointProviderError
from botocore.loaders import create_loader

from redrive.sqs.queues import _must_be_here, _of_aws, read, resolve
from redrive.values.errors import InvalidRequest, QueueNotFound
from redrive.values.queue import LARGEST, Queue, name_of
from support.aws import arn_of
from support.breaking import refuse_calls
from support.library import SESSION, a_queue


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_a_name_a_url_and_an_arn_mean_the_same_queue(sqs, fifo):
    name = "orders-dlq" + (".fifo" if fifo else "")
    attributes = {"MaximumMessageSize": "2048"} | ({"FifoQueue": "true"} if fifo else {})
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    expected = Queue(name, url, arn_of(sqs, url), fifo, 2048)
    references = [name, url, expected.arn]
    assert [resolve(sqs, reference, "queue") for reference in references] == [expected] * 3
    assert Queue.from_json(expected.to_json()) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "",
        " orders-dlq",
        "orders dlq",
        "orders-dlq/",
        "x" * 81,
        "orders.fifo.x",
        "arn:aws:sns:us-east-1:123456789012:orders-dlq",
        "arn:aws:sqs:us-east-1:12345:orders-dlq",
        "https://sqs.us-east-1.amazonaws.com/orders-dlq",
        "ftp://sqs.us-east-1.amazonaws.com/123456789012/orders-dlq",
        "https://sqs.us-east-1.amazonaws.com/x/123456789012/orders-dlq",
        "https://sqs.us-east-1.amazonaws.com@evil.example/123456789012/orders-dlq",
        "https://sqs.us-east-1.amazonaws.com/123456789012/orders-dlq?x=1",
        "https://[::1]:port/123456789012/orders-dlq",
        "\u0661rders dlq",
        "arn:aws:sqs:us-east-1:\u0661\u0662\u0663456789012:orders-dlq",
        "x" * 76 + ".fifo",
    ],
    ids=repr,
)
def test_what_is_no_queue_is_refused_in_one_sentence(sqs, queues, reference):
    with pytest.raises(InvalidRequest) as caught:
        resolve(sqs, reference, "destination")
    expected = f"destination: {reference!r} is no queue; write the queue's name, its URL or its ARN."
    assert str(caught.value) == expected


# Endpoints as botocore makes them and as AWS's documents name them (docs/facts.md I), each of the Region that it tells.
HOSTS = {
    "sqs.us-east-1.amazonaws.com": "us-east-1",
    "SQS.US-EAST-1.AMAZONAWS.COM": "us-east-1",
    "sqs.us-east-1.amazonaws.com:443": "us-east-1",
    "sqs-fips.us-east-1.amazonaws.com": "us-east-1",
    "sqs.us-east-1.api.aws": "us-east-1",
    "sqs-fips.us-east-1.api.aws": "us-east-1",
    "vpce-0a1b2c3d4e5f-6g7h8i9j.sqs.us-east-1.vpce.amazonaws.com": "us-east-1",
    "vpce-0a1b2c3d4e5f-6g7h8i9j-us-east-1a.sqs.us-east-1.vpce.amazonaws.com": "us-east-1",
    "vpce-0a1b2c3d4e5f-6g7h8i9j.sqs-fips.us-east-1.vpce.amazonaws.com": "us-east-1",
    "us-east-1.queue.amazonaws.com": "us-east-1",
    "queue.amazonaws.com": "us-east-1",
    "sqs.eu-west-1.amazonaws.com": "eu-west-1",
    "sqs-fips.us-west-2.amazonaws.com": "us-west-2",
    "sqs.eu-west-1.api.aws": "eu-west-1",
    "vpce-0a1b2c3d4e5f-6g7h8i9j-us-east-1a.sqs.eu-west-1.vpce.amazonaws.com": "eu-west-1",
    "eu-west-1.queue.amazonaws.com": "eu-west-1",
    "sqs.cn-north-1.amazonaws.com.cn": "cn-north-1",
    "sqs.cn-northwest-1.api.amazonwebservices.com.cn": "cn-northwest-1",
    "cn-north-1.queue.amazonaws.com.cn": "cn-north-1",
    "vpce-0a1b2c3d4e5f-6g7h8i9j.sqs.cn-north-1.vpce.amazonaws.com.cn": "cn-north-1",
    "sqs.us-gov-west-1.amazonaws.com": "us-gov-west-1",
    "us-gov-west-1.queue.amazonaws.com": "us-gov-west-1",
    "sqs.us-gov-east-1.api.aws": "us-gov-east-1",
    "sqs.us-iso-east-1.c2s.ic.gov": "us-iso-east-1",
    "sqs.us-isob-east-1.sc2s.sgov.gov": "us-isob-east-1",
    "sqs.eu-isoe-west-1.cloud.adc-e.uk": "eu-isoe-west-1",
    "sqs.us-isof-south-1.csp.hci.ic.gov": "us-isof-south-1",
    "sqs.eusc-de-east-1.amazonaws.eu": "eusc-de-east-1",
}


def client_of(region, endpoint=None):
    """A client as a stack in that Region has; it asks nothing."""
    return SESSION.client("sqs", region_name=region, endpoint_url=endpoint)


def must_be_here(client, reference):
    _must_be_here(client.meta, read(reference, "queue"))


@pytest.mark.parametrize("here", ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"])
@pytest.mark.parametrize(("host", "region"), HOSTS.items())
def test_a_url_of_any_form_is_of_the_region_that_its_host_tells(host, region, here):
    url, client = f"https://{host}/123456789012/orders-dlq", client_of(here)
    if region == here:
        must_be_here(client, url)
    else:
        with pytest.raises(InvalidRequest) as caught:
            must_be_here(client, url)
        assert str(caught.value) == (
            f"queue: the queue {url!r} is in {region}, and this stack works in {here}; name a queue of this Region."
        )


def test_every_endpoint_that_botocore_can_make_is_read():
    """botocore's own rules for the endpoints of SQS, in every Region that it knows, with and without FIPS and IPv6."""
    loader = create_loader()
    rules = loader.load_service_model("sqs", "endpoint-rule-set-1")
    rules = EndpointProvider(rules, loader.load_data("partitions"))
    asked = 0
    for partition in SESSION.get_available_partitions():
        for region in SESSION.get_available_regions("sqs", partition):
            for fips, dual in itertools.product([False, True], repeat=2):
                with contextlib.suppress(EndpointProviderError):  # a partition without the one or the other
                    url = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual).url
                    assert (url, _of_aws(urlsplit(url).hostname)[0]) == (url, region)
                    assert partition in _of_aws(urlsplit(url).hostname)[1]
                    asked += 1
    assert asked > 100


def test_a_url_of_any_form_means_the_queue_that_sqs_has_here(sqs, queues):
    expected = resolve(sqs, "orders-dlq", "queue")
    here = [host for host, region in HOSTS.items() if region == "us-east-1"]
    assert len(here) > 10
    for host in here:
        assert resolve(sqs, f"https://{host}/123456789012/orders-dlq", "queue") == expected


@pytest.mark.parametrize(
    ("reference", "where"),
    [
        ("arn:aws:sqs:eu-west-1:123456789012:orders-dlq", "in eu-west-1, and this stack works in us-east-1"),
        ("arn:aws-cn:sqs:us-east-1:123456789012:orders-dlq", "in the partition aws-cn, and this stack works in aws"),
        (
            "https://sqs.us-east-1.amazonaws.com.cn/123456789012/orders-dlq",
            "in the partition aws-cn, and this stack works in aws",
        ),
        (
            "https://queue.amazonaws.com.cn/123456789012/orders-dlq",
            "in the partition aws-cn, and this stack works in aws",
        ),
    ],
)
def test_a_queue_of_another_region_or_partition_is_never_taken_for_the_one_here(sqs, queues, reference, where):
    with pytest.raises(InvalidRequest) as caught:
        resolve(sqs, reference, "queue")
    assert str(caught.value) == f"queue: the queue {reference!r} is {where}; name a queue of this Region."


@pytest.mark.parametrize(
    "host",
    [
        "localhost:4566",
        "127.0.0.1",
        "evil.example",
        "sqs.us-east-1.amazonaws.com.evil.example",
        "sqs.us-east-1.amazonaws.org",
        "sqs.amazonaws.com",
        "us-east-1.amazonaws.com",
        "sqsx.us-east-1.amazonaws.com",
        "sns.us-east-1.amazonaws.com",
        "xsqs.us-east-1.amazonaws.com",
        "sqs.us-east-1.x.amazonaws.com",
        "amazonaws.com",
        "[::1]:4566",
        "sqs.us-east-1.amazonaws.com.",
    ],
)
def test_an_unknown_host_is_refused_in_words(sqs, queues, host):
    with pytest.raises(InvalidRequest) as caught:
        resolve(sqs, f"https://{host}/123456789012/orders-dlq", "queue")
    name = host.removesuffix(":4566")
    assert str(caught.value) == (
        f"queue: {name} is no host of SQS that this stack knows; write the queue's name or its ARN."
    )


@pytest.mark.parametrize(
    ("endpoint", "origin", "same"),
    [
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566", True),
        ("http://127.0.0.1:4566", "http://localhost:4566", True),
        ("http://127.0.0.1:4566", "http://[::1]:4566", True),
        ("http://127.0.0.1:4566", "http://sqs.us-east-1.localhost:4566", True),
        ("http://127.0.0.1:4566", "http://127.0.0.1:4567", False),
        ("http://127.0.0.1:4566", "http://127.0.0.1", False),
        ("http://127.0.0.1:4566", "http://10.0.0.7:4566", False),
        ("http://[::1]:4566", "http://localhost:4566", True),
        ("http://aws.internal:8080", "http://AWS.internal:8080", True),
        ("http://aws.internal:8080", "http://localhost:8080", False),
        ("https://sqs.example.com", "https://sqs.example.com:443", True),
        ("https://sqs.example.com", "http://sqs.example.com", False),
    ],
)
def test_of_other_hosts_only_the_one_that_is_spoken_to_is_here(endpoint, origin, same):
    client, url = client_of("us-east-1", endpoint), f"{origin}/123456789012/orders-dlq"
    if same:
        must_be_here(client, url)
    else:
        with pytest.raises(InvalidRequest, match="no host of SQS that this stack knows"):
            must_be_here(client, url)


@pytest.mark.parametrize(
    "reference",
    [
        "nowhere",
        "arn:aws:sqs:us-east-1:123456789012:nowhere",
        "https://sqs.us-east-1.amazonaws.com/123456789012/nowhere",
    ],
    ids=["name", "arn", "url"],
)
def test_a_queue_that_does_not_exist_is_said_in_one_sentence(sqs, reference):
    with pytest.raises(QueueNotFound) as caught:
        resolve(sqs, reference, "queue")
    assert str(caught.value).startswith(f"queue: there is no queue {reference!r} in this account and Region; ")
    assert str(caught.value).endswith(".")


def test_the_account_of_an_arn_is_the_account_that_is_asked(sqs, queues):
    asked = []
    sqs.meta.events.register("provide-client-params.sqs.GetQueueUrl", lambda params, **_: asked.append(params))
    resolve(sqs, "arn:aws:sqs:us-east-1:210987654321:orders-dlq", "queue")
    assert asked == [{"QueueName": "orders-dlq", "QueueOwnerAWSAccountId": "210987654321"}]


@pytest.mark.parametrize("operation", ["GetQueueUrl", "GetQueueAttributes"])
@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_queue_that_may_not_be_looked_at_says_what_to_add(sqs, queues, operation, code):
    refuse_calls(sqs, operation, code, status=403)
    with pytest.raises(QueueNotFound, match=r"^queue: this stack may not look at the queue 'orders-dlq'; add its ARN"):
        resolve(sqs, "orders-dlq", "queue")


def test_an_error_of_aws_itself_is_left_for_the_state_machine_to_retry(sqs, queues):
    refuse_calls(sqs, "GetQueueUrl", "RequestThrottled")
    with pytest.raises(ClientError, match="RequestThrottled"):
        resolve(sqs, "orders-dlq", "queue")


def test_a_source_queue_lives_beside_its_dead_letter_queue():
    arn = "arn:aws:sqs:us-east-1:123456789012:orders"
    assert name_of(arn) == "orders"
    sibling = a_queue("orders-dlq.fifo", fifo=True).sibling(arn)
    assert sibling == Queue(
        "orders", "https://sqs.us-east-1.amazonaws.com/123456789012/orders", arn, True, LARGEST, seen=False
    )

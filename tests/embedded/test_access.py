"""This AWS is for the one who started it: what a web page or another user of the machine sends is refused."""

import http.client
import json
import urllib.request
from http import HTTPStatus
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from support.embedded import error_of, function, invoke, queue, unique

PATHS = ("/", "/bucket/key", "/2015-03-31/functions", "/_ministack/health", "/_ministack/reset", "/_redrive/requests")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
WEB_PAGES = [
    {"Origin": "https://stranger.example"},
    {"Origin": "null"},  # a sandboxed frame, a file
    {"Origin": "http://127.0.0.1:8000"},  # another server of this machine
    {"Sec-Fetch-Site": "none"},  # typed, or a bookmark
    {"Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Dest": "image"},
]
STRANGE_HOSTS = ("stranger.example:{port}", "127.0.0.1", "127.0.0.1:1", "bucket.localhost:{port}", "0.0.0.0:{port}", "")


def own_key(aws):
    return aws.credentials["AWS_ACCESS_KEY_ID"]


def signed(aws, key=None):
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={key or own_key(aws)}/20261130/us-east-1/sqs/aws4_request"}


def ask(aws, headers, method="GET", path="/_ministack/health", body=b""):
    """Send exactly these headers; answer the status, the headers that are about CORS, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    shared = {name: value for name, value in answer.getheaders() if name.lower().startswith("access-control-")}
    return answer.status, shared, answer.read()


@pytest.mark.parametrize("page", WEB_PAGES, ids=str)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_a_web_page_is_refused_even_with_the_key(aws, method, path, page):
    status, shared, _ = ask(aws, {**signed(aws), **page}, method, path)
    assert (status, shared) == (HTTPStatus.FORBIDDEN, {})


@pytest.mark.parametrize("host", STRANGE_HOSTS)
@pytest.mark.parametrize("path", PATHS)
def test_another_hosts_name_is_refused(aws, host, path):
    status, _, body = ask(aws, {**signed(aws), "Host": host.format(port=aws.port)}, path=path)
    assert status == HTTPStatus.FORBIDDEN
    assert b"by no other name" in body


def test_it_answers_by_its_address_and_as_localhost(aws):
    for host in (f"127.0.0.1:{aws.port}", f"LOCALHOST:{aws.port}"):
        status, _, body = ask(aws, {**signed(aws), "Host": host})
        assert status == HTTPStatus.OK
        assert json.loads(body)["services"]


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/_redrive/requests"])
@pytest.mark.parametrize("key", [None, "test", "000000000000", "AKIAIOSFODNN7EXAMPLE"])
@pytest.mark.parametrize("method", METHODS)
def test_without_the_key_nothing_is_answered(aws, method, path, key):
    assert ask(aws, signed(aws, key) if key else {}, method, path)[0] == HTTPStatus.FORBIDDEN


def test_no_answer_tells_a_page_that_it_may_read_it(aws, plain):
    path = "/?Action=ListQueues&Version=2012-11-05"
    for where, expected in ((aws, {}), (plain, {"Access-Control-Allow-Origin": "*"})):
        status, shared, body = ask(where, signed(where), path=path)
        assert (status, b"ListQueuesResult" in body) == (HTTPStatus.OK, True)
        assert expected.items() <= shared.items()
        assert bool(expected) == bool(shared)


def test_a_web_socket_opens_with_the_key_only_and_to_no_page(aws):
    api = aws.client("apigatewayv2")
    made = api.create_api(Name="any", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    api.create_stage(ApiId=made["ApiId"], StageName="live")
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    answers = [
        ask(aws, {**handshake, **more}, path=f"/_aws/execute-api/{made['ApiId']}/live")[0]
        for more in (signed(aws), {}, {**signed(aws), "Origin": "https://stranger.example"})
    ]
    assert answers == [HTTPStatus.SWITCHING_PROTOCOLS, HTTPStatus.FORBIDDEN, HTTPStatus.FORBIDDEN]


def test_every_start_has_a_key_of_its_own(aws, plain):
    assert len(own_key(aws)) > 32
    assert own_key(aws) != own_key(plain)


@pytest.mark.parametrize(
    ("service", "action", "code"),
    [
        ("sqs", "list_queues", "UnrecognizedClientException"),
        ("stepfunctions", "list_state_machines", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
        ("scheduler", "list_schedules", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidClientTokenId"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
    ],
)
def test_an_sdk_with_other_credentials_is_told_as_aws_tells_it(aws, service, action, code):
    client = boto3.Session("test", "test", region_name=aws.region).client(service, endpoint_url=aws.endpoint)
    assert error_of(getattr(client, action)) == code
    assert error_of(getattr(aws.client(service), action)) is None


def test_what_an_sdk_does_with_its_credentials_still_works(aws):
    """Presigned addresses of both kinds, an assumed role, and a function's own calls."""
    bucket = unique("bucket")
    aws.client("s3").create_bucket(Bucket=bucket)
    for version in ("s3", "s3v4"):
        s3 = aws.client("s3", config=Config(signature_version=version))
        address = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": version})
        with urllib.request.urlopen(urllib.request.Request(address, b"content", method="PUT")) as answer:
            assert answer.status == HTTPStatus.OK
    role = aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{aws.account}:role/any", RoleSessionName="any")
    assumed = role["Credentials"]
    session = boto3.Session(assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"], aws.region)
    assert error_of(session.client("sqs", endpoint_url=aws.endpoint).list_queues) is None
    queue(aws)
    source = "import boto3\ndef handler(event, context):\n    return boto3.client('sqs').list_queues()['QueueUrls']\n"
    assert invoke(aws, function(aws, source=source), {})[0]


def test_upstream_still_answers_everybody_and_tells_web_pages_that_they_may_read_it(plain):
    status, shared, _ = ask(plain, {"Origin": "https://stranger.example", "Host": "stranger.example"}, path="/")
    assert status != HTTPStatus.FORBIDDEN
    assert shared["Access-Control-Allow-Origin"] == "*"
    environment = invoke(plain, function(plain), {})[0]["environment"]
    assert environment["AWS_ACCESS_KEY_ID"] == plain.account


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads Linux's /proc")
def test_the_key_is_in_no_command_that_others_can_read(aws):
    assert own_key(aws).encode() not in Path(f"/proc/{aws.process_id}/cmdline").read_bytes()
    assert own_key(aws).encode() in Path(f"/proc/{aws.process_id}/environ").read_bytes()  # its user alone reads this

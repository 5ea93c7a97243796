"""Lambda's failures as AWS tells them: ours as AWS, and upstream still as it was."""

import pytest

from support.embedded import function, invoke

MESSAGE = 'no queue of that name\nsecond line, {"with": "json"}'


@pytest.fixture(scope="module")
def probe(aws):
    return function(aws, timeout=1)


@pytest.fixture(scope="module")
def plain_probe(plain):
    return function(plain, timeout=1)


def test_a_raised_exception_has_its_class_name_and_its_message(aws, probe):
    """Lambda developer guide, "Python exceptions"."""
    payload, error = invoke(aws, probe, {"raise": MESSAGE})
    assert error == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("QueueNotFound", MESSAGE)
    assert set(payload) == {"errorType", "errorMessage", "requestId", "stackTrace"}
    assert payload["stackTrace"][0].startswith('  File "/var/task/probe.py", line')


def test_an_exception_leaves_the_worker_warm(aws, probe):
    before, _ = invoke(aws, probe, {})
    invoke(aws, probe, {"raise": "any"})
    after, _ = invoke(aws, probe, {})
    assert before["pid"] == after["pid"]


def test_upstream_still_lacks_the_class_name_and_the_warm_worker(plain, plain_probe):
    before, _ = invoke(plain, plain_probe, {})
    payload, _ = invoke(plain, plain_probe, {"raise": MESSAGE})
    after, _ = invoke(plain, plain_probe, {})
    assert payload["errorType"] == "Runtime.HandlerError"
    assert before["pid"] != after["pid"]


def test_a_worker_that_dies_is_an_exit_error(aws, probe):
    """docs/facts.md B5."""
    payload, error = invoke(aws, probe, {"exit": 1})
    assert (error, payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert payload["errorMessage"].startswith("RequestId: ")


def test_upstream_still_lacks_the_exit_error(plain, plain_probe):
    payload, _ = invoke(plain, plain_probe, {"exit": 1})
    assert payload["errorType"] == "Runtime.HandlerError"


def test_a_timeout_is_told_with_the_request_id(aws, probe):
    payload, error = invoke(aws, probe, {"sleep": 5})
    assert (error, payload["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert payload["errorMessage"].startswith("RequestId: ")
    assert payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")


def test_upstream_still_lacks_the_request_id_of_a_timeout(plain, plain_probe):
    payload, _ = invoke(plain, plain_probe, {"sleep": 5})
    assert payload["errorMessage"] == "Task timed out after 1.00 seconds"


def test_an_answer_that_is_no_object_passes(aws):
    arn = function(aws, source="def handler(event, context):\n    return event['answer']\n")
    assert [invoke(aws, arn, {"answer": answer})[0] for answer in ([], "text", None, 1)] == [[], "text", None, 1]

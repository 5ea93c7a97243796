"""The door of the deployed machine: what a queue may be called on an AWS of one's own, and who else may start a run."""

import json
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from support.aws import count, dead_letter, make_queues, send
from support.engine import Deployed


@pytest.fixture(scope="module")
def aws(embedded):
    return Deployed(embedded)


@pytest.fixture
def queues(aws):
    queues = make_queues(aws.client("sqs"))
    send(queues.sqs, queues.source, ["one", "two"])
    dead_letter(queues)
    return queues


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "sqs.us-east-1.localhost", "[::1]"])
def test_a_url_of_any_name_of_this_machine_is_the_queue_here(aws, queues, host):
    given = urlsplit(queues.dlq)
    ended = aws.run({"queue": f"http://{host}:{given.port}{given.path}", "preview": True})
    assert (ended.summary["status"], ended.summary["queue"]) == ("complete", queues.name)
    assert ended.summary["received"] == 2


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1{path}", "127.0.0.1 is no host of SQS that this stack knows"),
        ("https://sqs.eu-west-1.api.aws{path}", "is in eu-west-1, and this stack works in us-east-1"),
    ],
    ids=["another AWS on this machine", "another Region"],
)
def test_a_url_of_a_queue_elsewhere_is_refused_and_nothing_is_touched(aws, queues, url, why):
    ended = aws.run({"queue": url.format(path=urlsplit(queues.dlq).path)})
    assert (ended.summary["status"], ended.summary["error"]) == ("failed", "InvalidRequest")
    assert why in ended.summary["cause"]
    assert count(queues.sqs, queues.dlq) == (2, 0)


def test_a_state_machine_starts_a_run_with_the_key_that_ties_the_two_together(aws, embedded, queues):
    """As the Step Functions Developer Guide shows it for nested workflows (docs/facts.md I)."""
    sfn = aws.client("stepfunctions")
    definition = {
        "StartAt": "Redrive",
        "States": {
            "Redrive": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {
                    "StateMachineArn": embedded.state_machine,
                    "Input": {
                        "queue": queues.name,
                        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                    },
                },
                "End": True,
            }
        },
    }
    arn = sfn.create_state_machine(
        name=f"nightly-{uuid4().hex[:8]}",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::000000000000:role/nightly",
    )["stateMachineArn"]
    ended = aws.end(sfn.start_execution(stateMachineArn=arn)["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert count(queues.sqs, queues.source) == (2, 0)

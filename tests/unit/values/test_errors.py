"""A caught error becomes a name and a sentence, whatever Step Functions and Lambda made of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.values import errors
from redrive.values.errors import Failure, RedriveError


@pytest.mark.parametrize(
    ("failure", "explained"),
    [
        (
            {"Error": "InvalidRequest", "Cause": '{"errorType":"InvalidRequest","errorMessage":"limit: no.","stackTrace":[]}'},
            ("InvalidRequest", "limit: no."),
        ),
        ({"Error": "States.Timeout", "Cause": "State timed out"}, ("States.Timeout", "State timed out")),
        ({"Error": "States.Timeout", "Cause": ""}, ("States.Timeout", "States.Timeout, and nothing more was said.")),
        ({"Error": "States.Timeout"}, ("States.Timeout", "States.Timeout, and nothing more was said.")),
        ({"Error": "X", "Cause": '{"errorMessage":""}'}, ("X", "X, and nothing more was said.")),
        ({"Error": "X", "Cause": '{"other":1}'}, ("X", '{"other":1}')),
        ({"Error": "X", "Cause": "[1]"}, ("X", "[1]")),
        ({"Error": "X", "Cause": '"quoted"'}, ("X", '"quoted"')),
        ({"Error": "X", "Cause": "5"}, ("X", "5")),
        (
            {"Error": "Sandbox.Timedout", "Cause": '{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 60.00 seconds"}'},
            ("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 60.00 seconds"),
        ),
    ],
    ids=["lambda", "plain", "empty", "none", "an empty message", "an object", "a list", "a text", "a number", "timeout"],
)  # fmt: skip
def test_the_sentence_is_what_lambda_or_step_functions_said(failure, explained):
    found = Failure.from_json(failure)
    assert (found.error, found.sentence) == explained
    assert Failure.from_json(found.to_json()) == found


@given(st.text(min_size=1), st.none() | st.text())
def test_whatever_the_cause_there_is_a_sentence(name, cause):
    failure = {"Error": name} | ({} if cause is None else {"Cause": cause})
    assert Failure.from_json(failure).error == name
    assert Failure.from_json(failure).sentence


@given(st.text(min_size=1))
def test_what_a_function_raised_is_what_the_operator_reads(sentence):
    cause = json.dumps({"errorType": "InvalidRequest", "errorMessage": sentence, "stackTrace": ["File …"]})
    assert Failure("InvalidRequest", cause).sentence == sentence


def test_the_names_are_those_that_the_state_machine_knows():
    names = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, RedriveError)
    }
    assert names == {
        "RedriveError",
        "InvalidRequest",
        "QueueNotFound",
        "NativePathUnavailable",
        "WaveInFlight",
        "OutOfTime",
        "ExpressionTooSlow",
        "PageGone",
        "PageUnreadable",
        "PageLapsed",
    }

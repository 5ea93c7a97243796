"""The engines that the path tests run on: moto and the embedded AWS, or the one at `--sfn-endpoint`."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from support.engine import Deployed
from support.moto_machine import moto_machine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        url = metafunc.config.getoption("--sfn-endpoint")
        only = metafunc.definition.get_closest_marker("engines")
        engines = ["endpoint"] if url else list(only.args if only else ("moto", "embedded"))
        metafunc.parametrize("engine", engines, indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "moto":
        with moto_machine(monkeypatch) as machine:
            yield machine
    elif request.param == "embedded":
        yield Deployed(request.getfixturevalue("embedded"))
    else:
        yield at_endpoint(request.config.getoption("--sfn-endpoint"))


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The machine on moto, where steps can be broken: `moto.around = lambda step, event, go: …`."""
    with moto_machine(monkeypatch) as machine:
        yield machine


def at_endpoint(url: str) -> Deployed:
    """The stack `REDRIVE_STACK` (default `redrive`) at an endpoint, with the credentials of the environment."""

    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=None if url == "aws" else url)

    stack = client("cloudformation").describe_stacks(StackName=os.environ.get("REDRIVE_STACK", "redrive"))
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Stacks"][0]["Outputs"]}
    return Deployed(SimpleNamespace(client=client, state_machine=outputs["StateMachineArn"], bucket=outputs["Bucket"]))

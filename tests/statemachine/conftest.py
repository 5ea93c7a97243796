"""The engines that the path tests run on: moto and the embedded AWS, or the one at `--sfn-endpoint`."""

from __future__ import annotations

import os
from typing import Any

import boto3
import pytest

from support.engine import Engine
from support.moto_machine import moto_machine


class DeployedMachine(Engine):
    """The stack as it is deployed somewhere; `make_client` makes the clients that reach it."""

    def __init__(self, name: str, make_client: Any, state_machine: str, bucket: str) -> None:
        self.name = name
        self.client = make_client
        self.state_machine = state_machine
        self.bucket = bucket


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
        stack = request.getfixturevalue("embedded")
        yield DeployedMachine("embedded", stack.client, stack.state_machine, stack.bucket)
    else:
        yield at_endpoint(request.config.getoption("--sfn-endpoint"))


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The machine on moto, where steps can be broken: `moto.around = lambda step, event, go: …`."""
    with moto_machine(monkeypatch) as machine:
        yield machine


def at_endpoint(url: str) -> DeployedMachine:
    """The stack `REDRIVE_STACK` (default `redrive`) at an endpoint, with the credentials of the environment."""

    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=None if url == "aws" else url)

    stack = client("cloudformation").describe_stacks(StackName=os.environ.get("REDRIVE_STACK", "redrive"))
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Stacks"][0]["Outputs"]}
    return DeployedMachine("endpoint", client, outputs["StateMachineArn"], outputs["Bucket"])

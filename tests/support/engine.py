"""An engine is a place where the machine is deployed; the same scenarios run on each."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from redrive.values.queue import name_of
from redrive.values.run import run_of


@dataclass(frozen=True)
class Ended:
    """An execution that has ended. `path` are the names of the states it entered, in order."""

    arn: str
    name: str
    status: str
    path: list[str]
    output: dict[str, Any] | None
    error: str | None
    cause: str | None
    summary: dict[str, Any]
    events: list[dict[str, Any]]


class Engine:
    """Runs requests with nothing but the Step Functions API."""

    name = ""
    state_machine = ""
    bucket = ""

    def client(self, service: str) -> Any:
        raise NotImplementedError

    def start(self, request: Any) -> str:
        """Start an execution with a request document; give its ARN."""
        return self.client("stepfunctions").start_execution(
            stateMachineArn=self.state_machine, name=f"run-{uuid4().hex}", input=json.dumps(request)
        )["executionArn"]

    def end(self, arn: str, *, timeout: float = 60, every: float = 0.05) -> dict[str, Any]:
        """Wait for the end of an execution, and ask nothing else; give what DescribeExecution says."""
        sfn = self.client("stepfunctions")
        give_up = time.monotonic() + timeout
        while (found := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < give_up, f"still running: {self.path(arn)}"
            time.sleep(every)
        return found

    def wait(self, arn: str, *, timeout: float = 60, every: float = 0.05) -> Ended:
        """Wait for the end of an execution, and read all that it left."""
        found = self.end(arn, timeout=timeout, every=every)
        events = self.events(arn)
        return Ended(
            arn,
            found["name"],
            found["status"],
            path_of(events),
            json.loads(found["output"]) if found["status"] == "SUCCEEDED" else None,
            found.get("error"),
            found.get("cause"),
            self.summary(arn),
            events,
        )

    def run(self, request: Any, *, timeout: float = 60) -> Ended:
        """Start an execution and wait for its end."""
        return self.wait(self.start(request), timeout=timeout)

    def events(self, arn: str) -> list[dict[str, Any]]:
        """The whole history of an execution."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def path(self, arn: str) -> list[str]:
        """The names of the states that an execution entered."""
        return path_of(self.events(arn))

    def lanes(self, arn: str) -> list[str]:
        """The ARNs of a run's child executions."""
        sfn = self.client("stepfunctions")
        return [
            child["executionArn"]
            for run in sfn.list_map_runs(executionArn=arn)["mapRuns"]
            for page in sfn.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
            for child in page["executions"]
        ]

    def started(self, arn: str) -> datetime:
        """When an execution began."""
        return self.client("stepfunctions").describe_execution(executionArn=arn)["startDate"].astimezone(UTC)

    def folder(self, arn: str) -> str:
        """Where in the bucket the ledger of an execution is."""
        return f"runs/{run_of(name_of(arn), self.started(arn))}/"

    def status_change(self, arn: str, status: str) -> dict[str, Any]:
        """The event that EventBridge sends when an execution has ended (*Step Functions Execution Status Change*)."""
        started = round(self.started(arn).timestamp() * 1000)
        return {"detail": {"executionArn": arn, "status": status, "startDate": started}}

    def summary(self, arn: str) -> dict[str, Any]:
        """The run's `summary.json`; empty when there is none."""
        s3 = self.client("s3")
        try:
            return json.load(s3.get_object(Bucket=self.bucket, Key=f"{self.folder(arn)}summary.json")["Body"])
        except s3.exceptions.NoSuchKey:
            return {}


def path_of(events: list[dict[str, Any]]) -> list[str]:
    """The names of the states entered in a history."""
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


class Deployed(Engine):
    """The stack as it is deployed somewhere: `stack` has `client`, `state_machine` and `bucket`."""

    name = "deployed"

    def __init__(self, stack: Any) -> None:
        self.stack = stack
        self.client = stack.client
        self.state_machine = stack.state_machine
        self.bucket = stack.bucket


def eventually(found: Any, *, within: float = 30) -> Any:
    """Ask until the answer is true, and give it."""
    give_up = time.monotonic() + within
    while not (value := found()):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return value

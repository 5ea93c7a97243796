"""Runs: which there were, what is known of each, and which one a word means.

Step Functions knows an execution for 90 days after its end, the ledger a run for as long as the stack keeps it. Each is
asked, and does without the other.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError

from redrive.stores.ledger import FOREIGN
from redrive.values.queue import name_of
from redrive.values.run import name_in, run_of
from redrive_cli.aws.errors import aws_errors
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from redrive.stores.ledger import Ledger
    from redrive_cli.aws.executions import Machine
    from redrive_cli.aws.target import Target

Json: TypeAlias = dict[str, Any]

IDENTITY = re.compile(r"\d{4}-\d\d-\d\d/[^/]+")
_DAY = re.compile(r"runs/(\d{4}-\d\d-\d\d)/")
_TIME_IN_NAME = re.compile(r"-(\d{8}T\d{6})Z-[0-9a-f]{6}$")  # of those that `redrive run` starts
_AT_ONCE = 16  # requests to S3
_NOT_TOLD = {"ExecutionDoesNotExist", "StateMachineDoesNotExist", "AccessDenied", "AccessDeniedException"}


@dataclass(frozen=True)
class Run:
    """A run. `id` is `<day>/<name>`; `execution` (its ARN) and `status` are None where Step Functions tells nothing.

    `request` and `summary` are the documents, as far as they are known.
    """

    id: str
    execution: str | None = None
    status: str | None = None
    started: datetime | None = None
    request: Json | None = None
    summary: Json | None = None

    @property
    def name(self) -> str:
        """The execution's name."""
        return name_in(self.id)

    @property
    def queue(self) -> str | None:
        """The dead-letter queue's name."""
        if self.summary and self.summary.get("queue"):
            return str(self.summary["queue"])
        written = (self.request or {}).get("queue")
        return re.split("[/:]", written)[-1] if isinstance(written, str) else None

    @property
    def order(self) -> str:
        """What sorts runs by when they began: as exactly as it is known."""
        if self.started:
            return f"{self.started.astimezone(UTC):%Y%m%dT%H%M%S}"
        told = _TIME_IN_NAME.search(self.id)
        return told[1] if told else self.id[:10].replace("-", "")


@dataclass
class Listed:
    """Runs, the newest first, and what could not be asked, in sentences."""

    runs: list[Run]
    troubles: list[str] = field(default_factory=list)


def recent(target: Target, since: datetime, limit: int, queue: str | None) -> Listed:
    """Give the runs that began since then, `limit` of them at most. Raises CliError when nobody tells of any."""
    found: dict[str, Run] = {}
    errors = []
    machine: Machine | None = None
    ledger: Ledger | None = None
    try:
        machine = target.machine()
        found |= {run.id: run for run in _executions(machine, since)}
    except CliError as error:
        errors.append(error)
    try:
        ledger = target.ledger()
        with aws_errors():
            found = {run: Run(run) for run in _in_ledger(ledger, since)} | found
    except CliError as error:
        errors.append(error)
    if len(errors) > 1:
        raise errors[0]
    candidates = sorted(found.values(), key=lambda run: run.order, reverse=True)
    runs = []
    with ThreadPoolExecutor(_AT_ONCE) as pool, aws_errors():
        for start in range(0, len(candidates), _AT_ONCE):
            some = candidates[start : start + _AT_ONCE]
            known = pool.map(lambda run: with_documents(run, machine, ledger), some)
            runs += [run for run in known if queue in {None, run.queue}]
            if len(runs) >= limit:
                break
    whole = {0: "what is running, and what left nothing in the ledger, is missing", 1: "older runs are missing"}
    troubles = [f"{str(error).rstrip('.')}: {whole[0 if machine is None or ledger else 1]}." for error in errors]
    return Listed(sorted(runs, key=lambda run: run.order, reverse=True)[:limit], troubles)


def find_run(target: Target, word: str | None) -> Run:
    """Find the run that is meant: by name, ARN or `<day>/<name>`, or None for the last to start. Raises CliError."""
    machine = target.machine()
    day, _, name = word.partition("/") if word and IDENTITY.fullmatch(word) else ("", "", word)
    execution = machine.find(name)
    gone: ClientError | None = None
    try:
        told = machine.sfn.describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_TOLD:
            with aws_errors(execution):
                raise
        gone = error
    else:
        known = run_of(name_of(execution), told["startDate"])
        if not day or known == word:
            return _of_execution(known, told)  # else the name was used again since
    try:
        if found := _kept(target, name_of(execution), day):
            return found
    except CliError:
        if gone is None:
            raise
    if gone is None:
        raise CliError(f"There is no run {word}.", "`redrive runs` lists them.")
    with aws_errors(execution):
        raise gone


def with_documents(run: Run, machine: Machine | None, ledger: Ledger | None) -> Run:
    """Give a run with its request and its summary, as far as either source has them. Raises botocore's errors."""
    if ledger:
        of = ledger.of(run.id)
        summary = _document(of, "summary")
        request = (summary or {}).get("request") or _document(of, "request")
        run = replace(run, started=run.started or _time(summary), request=request or run.request, summary=summary)
    if run.request and (run.summary or run.status == "RUNNING"):
        return run
    if machine and run.execution:
        told = _of_execution(run.id, machine.sfn.describe_execution(executionArn=run.execution))
        return replace(told, summary=run.summary or told.summary)
    return run


def _of_execution(run: str, told: Any) -> Run:
    asked, result = (_parsed(told.get(name)) for name in ("input", "output"))
    return Run(run, told["executionArn"], told["status"], told["startDate"], asked, result)


def _executions(machine: Machine, since: datetime) -> Iterator[Run]:
    pages = machine.sfn.get_paginator("list_executions").paginate(stateMachineArn=machine.arn)
    with aws_errors(machine.arn):
        for page in pages:
            for told in page["executions"]:
                if told["startDate"] >= since:
                    run = run_of(told["name"], told["startDate"])
                    yield Run(run, told["executionArn"], told["status"], told["startDate"])
            # They are listed by when they ended, or started if they run.
            ends = [told.get("stopDate") or told["startDate"] for told in page["executions"]]
            if ends and max(ends) < since:
                return


def _in_ledger(ledger: Ledger, since: datetime) -> Iterator[str]:
    """Give the runs of that day (UTC) and of those after it."""
    first = f"{since.astimezone(UTC):%Y-%m-%d}"
    days = [day for day in _days(ledger) if day >= first]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for runs in pool.map(lambda day: list(_folders(ledger, f"runs/{day}/")), days):
            yield from (run.removeprefix("runs/").rstrip("/") for run in runs)


def _kept(target: Target, name: str, day: str) -> Run | None:
    """Find in the ledger a run that Step Functions does not tell of: the newest of the name, or that of the day."""
    ledger = target.ledger()
    with aws_errors():
        days = [day] if day else sorted(_likely(name) or _days(ledger), reverse=True)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda each: _has_any(ledger, f"runs/{each}/{name}/"), days)
            run = next((f"{each}/{name}" for each, there in zip(days, found, strict=True) if there), None)
        return with_documents(Run(run), None, ledger) if run else None


def _likely(name: str) -> list[str]:
    """Give the days on which a run of this name began, if the name tells its time: that of the start may be later."""
    told = _TIME_IN_NAME.search(name)
    if not told:
        return []
    named = datetime.strptime(told[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return [f"{named + timedelta(days=n):%Y-%m-%d}" for n in (0, 1)]


def _days(ledger: Ledger) -> list[str]:
    return [found[1] for folder in _folders(ledger, "runs/") if (found := _DAY.fullmatch(folder))]


def _folders(ledger: Ledger, prefix: str) -> Iterable[str]:
    pages = ledger.s3.get_paginator("list_objects_v2").paginate(Bucket=ledger.bucket, Prefix=prefix, Delimiter="/")
    for page in pages:
        yield from (folder["Prefix"] for folder in page.get("CommonPrefixes", []))


def _has_any(ledger: Ledger, prefix: str) -> bool:
    return bool(ledger.s3.list_objects_v2(Bucket=ledger.bucket, Prefix=prefix, MaxKeys=1).get("Contents"))


def _document(ledger: Ledger, name: str) -> Json | None:
    try:
        document = ledger.read_document(name)
    except FOREIGN:  # it is not there, or not ours
        return None
    return document if isinstance(document, dict) else None


def _parsed(text: str | None) -> Json | None:
    try:
        document = json.loads(text or "null")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _time(summary: Json | None) -> datetime | None:
    try:
        return datetime.fromisoformat((summary or {})["started"])
    except FOREIGN:
        return None

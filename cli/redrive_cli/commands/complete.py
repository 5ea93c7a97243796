"""What a shell completes: names of queues and of runs, asked quickly, kept for a moment, and silent about any error."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from redrive_cli import cache
from redrive_cli.aws.target import QUICK, Target
from redrive_cli.stack.product import STACK

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

_FRESH = 30.0  # seconds that what was asked serves; somebody presses the key again at once
_MOST = 100
_WHOSE = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID")


def complete_queue(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Give the queues whose names begin so."""

    def ask(target: Target) -> list[str]:
        begins = {"QueueNamePrefix": incomplete} if incomplete else {}
        urls = target.client("sqs", QUICK).list_queues(**begins, MaxResults=_MOST).get("QueueUrls", [])
        return [url.rsplit("/", 1)[-1] for url in urls]

    return _asked(context, f"queue {incomplete}", ask, incomplete)


def complete_run(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Give the runs whose names begin so, of those that ended last or are running."""

    def ask(target: Target) -> list[str]:
        machine = target.machine(QUICK)
        found = machine.sfn.list_executions(stateMachineArn=machine.arn, maxResults=_MOST)["executions"]
        return [told["name"] for told in found]

    return _asked(context, "run", ask, incomplete)


def _asked(context: click.Context, what: str, ask: Callable[[Target], list[str]], incomplete: str) -> list[str]:
    try:
        given = {name: context.params.get(name) for name in Target.__dataclass_fields__}
        target = Target(**{**given, "stack": given["stack"] or STACK})  # type: ignore[arg-type]
        names = _kept(target, what) or _keep(target, what, ask(target))
    except Exception:  # noqa: BLE001  a shell that completes has no place for any error
        return []
    return [name for name in names if name.startswith(incomplete)]


def _file(target: Target, what: str) -> Any:
    place = [getattr(target, name) or "" for name in Target.__dataclass_fields__]
    place += [os.environ.get(name, "") for name in _WHOSE]
    return cache.folder("completion", *place) / cache.name_for(what)


def _kept(target: Target, what: str) -> list[str]:
    file = _file(target, what)
    if not file.exists() or time.time() - file.stat().st_mtime > _FRESH:
        return []
    return [str(name) for name in json.loads(file.read_text())]


def _keep(target: Target, what: str, names: list[str]) -> list[str]:
    _file(target, what).write_text(json.dumps(names))
    return names

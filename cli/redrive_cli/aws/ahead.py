"""Ahead: what a run is about to do, found out before it is started, with the code that it will plan with itself.

It looks with the operator's own permissions, and what these do not show is only not known: it stands in no run's way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError  # the one that is no BotoCoreError

from redrive.sqs import queues
from redrive.sqs.move_tasks import is_active, newest_task
from redrive.sqs.queues import DENIED
from redrive.steps.check import check, understand
from redrive.steps.plan import account_concurrency, decide
from redrive.stores import intents, pages, presence
from redrive.stores.ledger import Ledger
from redrive.values.errors import QueueNotFound
from redrive.values.estimate import estimate
from redrive.values.plan import Path
from redrive.values.request import EVERY
from redrive_cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redrive.steps.check import Checked
    from redrive.values.criteria import Criteria
    from redrive.values.estimate import Estimate
    from redrive.values.plan import Plan
    from redrive.values.queue import Queue, QueueDepth
    from redrive.values.request import Request
    from redrive_cli.aws.target import Target

Json: TypeAlias = dict[str, Any]  # a request document
Answer = TypeVar("Answer")


@dataclass
class Ahead:
    """What a run of a request is about to do, as far as it is known.

    queue, depth  None where the caller may not look at it
    plan          as the run would make it now, of what is known
    sources       whether the sources in the plan are the queue's, and not unknown
    unknown       what is not known, and why
    """

    request: Request
    criteria: Criteria
    queue: Queue | None = None
    depth: QueueDepth | None = None
    plan: Plan | None = None
    sources: bool = True
    unknown: list[str] = field(default_factory=list)

    @property
    def takes_all(self) -> bool:
        """Whether nothing narrows the request down: it sends all that is there."""
        return self.request.filter == EVERY and self.request.limit is None and not self.request.preview

    @property
    def messages(self) -> int | None:
        """How many messages it will look at, at most; None where nobody counted."""
        if self.depth is None:
            return None
        limit = self.request.limit if self.request.filter == EVERY else None
        return self.depth.visible if limit is None else min(limit, self.depth.visible)

    @property
    def estimate(self) -> Estimate | None:
        """What it will take; None where there is nothing to reckon with."""
        if self.plan is None or self.queue is None or not self.messages or self.plan.path == Path.STEP_BACK:
            return None
        return estimate(self.request, self.plan, self.messages, fifo=self.queue.fifo)


def look_ahead(target: Target, document: Json) -> Ahead:
    """Find out what a run of this request will do.

    Raises InvalidRequest or NativePathUnavailable when the run would refuse it, and CliError as clients do.
    """
    started = datetime.now(UTC).isoformat()
    request, criteria = understand(document, started)
    ahead = Ahead(request, criteria)
    asking = _Asking(ahead.unknown)
    checked = asking.ask(
        "what is in the queue, and what will become of it",
        None,
        lambda: check(target.client("sqs"), document, started, lambda run: _has_outcomes(target, run, asking)),
    )
    if checked:
        ahead.queue = checked.queue
        _plan(target, ahead, checked, asking)
    return ahead


def _plan(target: Target, ahead: Ahead, checked: Checked, asking: _Asking) -> None:
    sqs, request, queue = target.client("sqs"), checked.request, checked.queue
    ahead.depth = asking.ask("how many messages there are", None, lambda: queues.depth(sqs, queue.url))
    if ahead.depth is None:
        return
    sources = asking.ask("which queues they came from", None, lambda: queues.sources_of(sqs, queue))
    ahead.sources = sources is not None
    nobody: list[str] = []
    others = asking.ask("whether another run is at the queue", nobody, lambda: _others(target, queue))
    ahead.plan = decide(
        request,
        queue,
        checked.destination,
        ahead.depth,
        others,
        [queue] if sources is None else sources,  # one that is no reason for either path
        lambda: asking.ask("whether a move task is at the queue", False, lambda: _is_moving(target, queue)),
        lambda: asking.ask(
            "how many functions the account may run", None, lambda: account_concurrency(target.client("lambda"))
        ),
        lambda: asking.ask("whether an earlier run has left what it sent", False, lambda: _has_intents(target, queue)),
    )


def _has_outcomes(target: Target, run: str, asking: _Asking) -> bool:
    return asking.ask("whether the earlier run has a record", True, lambda: pages.any_is_closed(target.ledger(run)))


def _others(target: Target, queue: Queue) -> list[str]:
    table = target.resource("Journal")
    return presence.beside(target.client("dynamodb"), target.client("stepfunctions"), table, queue.arn, "")


def _is_moving(target: Target, queue: Queue) -> bool:
    return is_active(newest_task(target.client("sqs"), queue.arn))


def _has_intents(target: Target, queue: Queue) -> bool:
    return bool(intents.keys(Ledger(target.client("s3"), target.resource("Bucket"), ""), queue.name))


class _Asking:
    """Asks AWS, and does without the answer where there is none."""

    def __init__(self, unknown: list[str]) -> None:
        self._unknown = unknown

    def ask(self, what: str, otherwise: Answer, asked: Callable[[], Answer]) -> Answer:
        """Give what `asked` gives; `otherwise` where AWS does not answer it, which is noted."""
        try:
            return asked()
        except QueueNotFound as error:
            # SQS may say so of a queue that the caller may not see. The run looks with the stack's own eyes.
            denied = isinstance(error.__cause__, ClientError) and _denial(error.__cause__)
            self._note(what, denied or str(error).partition(": ")[2].partition(";")[0])
        except ClientError as error:
            self._note(what, _denial(error) or f"{error.operation_name}: {error.response['Error']['Code']}")
        except (BotoCoreError, ResponseParserError, CliError) as error:
            self._note(what, str(error).rstrip("."))
        return otherwise

    def _note(self, what: str, why: str) -> None:
        self._unknown.append(f"{what}: {why}")


def _denial(error: ClientError) -> str:
    """What the caller may not do, if that is why AWS does not answer."""
    return f"you may not call {error.operation_name}" if error.response["Error"]["Code"] in DENIED else ""

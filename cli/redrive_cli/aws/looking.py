"""Looking: messages received to be seen, and made visible again, whatever happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from redrive import clock
from redrive.sqs import queues
from redrive.sqs.fill import receive
from redrive.sqs.queues import IN_FLIGHT_LIMIT, IN_FLIGHT_MARGIN
from redrive.sqs.visibility import NotChangedError, change_visibility
from redrive.values.errors import RedriveError
from redrive.values.queue import LARGEST
from redrive_cli.aws.errors import aws_errors
from redrive_cli.errors import CliError
from redrive_cli.interrupt import ending_when_it_may

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from mypy_boto3_sqs import SQSClient

    from redrive.values.message import Message
    from redrive.values.queue import Queue, QueueDepth

SHORT, LONG = 60, 600  # seconds: how long messages stay hidden if this process is killed
RENEW = 0.4  # of that time, after which it is made new: to do so for many takes a while
POLLERS = 4
PER_POLL = 10  # SQS API, ReceiveMessage
WAIT = 1  # second of long poll: from there on SQS asks all of its servers (SQS Developer Guide, long polling)
MOST_BYTES = 16 * LARGEST  # of a sample; to prove a condition each message is read


@dataclass(frozen=True)
class Sample:
    """Messages of a queue that were looked at, in the order that they came.

    depth  how many SQS said there were, just before
    whole  whether these are all: a FIFO queue gives the first of each group, until they are deleted
    """

    queue: Queue
    depth: QueueDepth
    messages: list[Message]
    whole: bool


class Look:
    """A look into a queue. While it lasts, what it has received is hidden from others; after it, from nobody.

        with Look(sqs, queue) as look:
            for messages in look.batches(200): ...

    Ctrl-C, and what else asks the process to end, is heeded between two rounds of polls, and raised as
    KeyboardInterrupt. `dry` tells whether the queue gave no more, `full` whether too many are in flight to go on.
    """

    dry = False
    full = False

    def __init__(self, sqs: SQSClient, queue: Queue, hidden_for: int = SHORT) -> None:
        self._sqs = sqs
        self._queue = queue
        self._hidden_for = hidden_for
        self._handles: dict[str, str] = {}
        self._renewed = clock.now()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._asked = self._stack.enter_context(ending_when_it_may())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack, aws_errors():
            try:
                change_visibility(self._sqs, self._queue.url, list(self._handles.values()), 0)
            except NotChangedError as failed:
                raise CliError(
                    str(failed), f"They become visible by themselves, within {self._hidden_for} seconds."
                ) from failed

    def batches(self, most: int | None = None) -> Iterator[list[Message]]:
        """Give messages as they come, each once, and at most so many. Raises botocore's errors."""
        seen = 0
        with ThreadPoolExecutor(POLLERS) as pool:
            while most is None or seen < most:
                if self._asked.to_end:
                    raise KeyboardInterrupt
                if len(self._handles) >= IN_FLIGHT_LIMIT - IN_FLIGHT_MARGIN:
                    self.full = True
                    return
                left = POLLERS * PER_POLL if most is None else most - seen
                polls = [min(PER_POLL, left - start) for start in range(0, min(left, POLLERS * PER_POLL), PER_POLL)]
                new = [message for arrived in pool.map(self._poll, polls) for message in arrived]
                if not new:
                    self.dry = True
                    return
                seen += len(new)
                yield new
                self._renew()

    def _poll(self, most: int) -> list[Message]:
        arrived = receive(self._sqs, self._queue.url, most, wait=WAIT, hidden_for=self._hidden_for)
        new = [message for message in arrived if message.id not in self._handles]
        self._handles |= {message.id: message.handle for message in arrived}
        return new

    def _renew(self) -> None:
        if clock.now() - self._renewed > self._hidden_for * RENEW:
            self._renewed = clock.now()
            change_visibility(self._sqs, self._queue.url, list(self._handles.values()), self._hidden_for)


def find_queue(sqs: SQSClient, name: str, *, anyway: bool) -> Queue:
    """Find a queue to look into, by name, URL or ARN. Raises CliError.

    A queue with a redrive policy of its own is refused but with `anyway`: SQS counts each look as a receive.
    """
    try:
        with aws_errors():
            queue = queues.resolve(sqs, name, "QUEUE")
    except RedriveError as error:
        sentence, _, hint = str(error).partition("; ")
        raise CliError(f"{sentence.rstrip('.')}.", f"{hint[:1].upper()}{hint[1:]}" or "Name another queue.") from error
    if queue.moves_on_to and not anyway:
        raise CliError(
            f"{queue.name} has a dead-letter queue of its own, {queue.moves_on_to}: SQS counts each look as a receive, "
            "and moves on what was received too often.",
            f"Look into {queue.moves_on_to}, or say --anyway.",
        )
    return queue


def take_sample(sqs: SQSClient, queue: Queue, most: int) -> Sample:
    """Look at no more than so many messages, and no more than MOST_BYTES of them. Raises CliError."""
    messages: list[Message] = []
    with aws_errors(), Look(sqs, queue) as look:
        depth = queues.depth(sqs, queue.url)
        held = 0
        for batch in look.batches(most):
            messages += batch
            held += sum(message.bytes for message in batch)
            if held > MOST_BYTES:
                break
    return Sample(queue, depth, messages, look.dry and not (queue.fifo and len(messages) < depth.visible))

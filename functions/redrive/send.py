"""Send the matches: in batches, in waves that the journal remembers, and with every refusal honoured."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from redrive import messages
from redrive.batches import MOST_ENTRIES, tens
from redrive.errors import OutOfTime, PageGone, PageLapsed
from redrive.ledger import PAGES, VERDICTS
from redrive.messages import Message
from redrive.outcomes import FAILED, SENT, Outcome, settle
from redrive.queues import DENIED, LARGEST, MISSING, Queue, name_of, sibling_url
from redrive.unsettled import Mark, put, wave_key
from redrive.verdicts import SEND, Verdict
from redrive.visibility import MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_sqs import SQSClient

    from redrive.journal import Answers, Journal
    from redrive.lane import Lane
    from redrive.ledger import Ledger

WAVE = 10  # batches in a wave: at most 100 messages can arrive twice when a step dies while it sends them
THREADS = 10
TRIES = 3  # for the entries that SQS itself failed at; botocore retries whole calls
PAUSE = 0.2  # seconds before the second try, doubled at each
RESERVE_MS = 10_000  # with less time left, a step begins no more waves
PACED = 0.95  # of the rate: a page leaves in one burst, and any ten seconds must see nine or ten of them, not eleven
CATCH_UP = 0.4  # seconds that a turn may be late and still not delay the next one

BEHIND = "an earlier message of its group was not sent"
Batch = list["Parcel"]


@dataclass(frozen=True)
class Destinations:
    """Where a run's messages go: to `named`, or each back to the source queue it came from."""

    queue: Queue
    named: Queue | None
    sources: list[Queue]

    @classmethod
    def from_json(cls, event: dict[str, Any]) -> Destinations:
        """Read `queue`, `destination` and `sources` of a step's event."""
        named = event["destination"]
        return cls(
            Queue.from_json(event["queue"]),
            Queue.from_json(named) if named else None,
            [Queue.from_json(source) for source in event["sources"]],
        )

    def of(self, message: Message) -> Queue | str:
        """Give the queue a message goes to, or the sentence that says why there is none."""
        if self.named:
            return self.named
        for source in self.sources:
            if source.arn == message.source:
                return source
        if message.source:
            # That queue has another dead-letter queue by now, or none: it is still where the message came from.
            url = sibling_url(self.queue.url, message.source)
            return Queue(name_of(message.source), url, message.source, self.queue.fifo, LARGEST)
        if len(self.sources) == 1:
            return self.sources[0]
        return (
            f"SQS did not dead-letter it, and {self.queue.name} serves {len(self.sources)} queues: name a destination"
        )


@dataclass(frozen=True)
class Parcel:
    """A message ready to go: its place in the page, its batch entry without `Id`, and where it goes."""

    place: int
    group: str | None
    entry: dict[str, Any]
    to: Queue

    def answer(self, **what: Any) -> dict[str, Any]:
        """Give this parcel's line of a wave's answers: `id` when it was accepted, else `error`."""
        return {"place": self.place, **what}


def send_page(
    sqs: SQSClient,
    ledger: Ledger,
    journal: Journal,
    destinations: Destinations,
    lane: Lane,
    remaining_ms: Callable[[], int],
) -> Lane:
    """Send what the page's verdicts selected, and settle the page.

    Raises OutOfTime or WaveInFlight, and the next attempt goes on where this one stopped; PageLapsed when the page's
    messages are about to show again in the queue, and nothing more of it may be sent.
    """
    page = lane.page.name or ""
    began = time.time()
    contents, verdicts = read_page(ledger, page)
    parcels, answers = pack(contents, verdicts, destinations, ledger.run)
    in_order = destinations.queue.fifo
    stopped: set[str | None] = set()

    def send_wave(number: int, wave: Sequence[Batch]) -> Answers:
        if remaining_ms() < RESERVE_MS:
            raise OutOfTime("the step's time is nearly over; it goes on in its next attempt.")
        if time.time() > lane.page.lapses - MARGIN:
            raise PageLapsed("the page took so long that its messages are about to show again in the queue.")
        return journal.once(wave_key(ledger.run, page, number), lambda: _send(sqs, wave, in_order, stopped))

    waves = cut(parcels, in_order=in_order)
    # Not only before a wave: what an earlier run had sent still has to be deleted, and to be known until it is.
    mark = Mark(destinations.queue.name, ledger.run, page, int(lane.page.lapses))
    put(ledger, mark, len(waves), [message.id for message in contents])
    if in_order:
        for number, wave in enumerate(waves):
            answers += (answered := send_wave(number, wave))
            stopped |= {contents[answer["place"]].group for answer in answered if "error" in answer}
    else:
        with ThreadPoolExecutor(THREADS) as pool:
            for answered in pool.map(send_wave, range(len(waves)), waves):
                answers += answered
    outcomes = outcomes_of(contents, verdicts, parcels, answers, ledger.run)
    lane = settle(ledger, lane, contents, outcomes, in_order=in_order)
    lane = _keep_pace(lane, began, sum(outcome.outcome == SENT for outcome in outcomes))
    if answers and all(answer.get("lost") for answer in answers):
        return replace(lane, go_on=False, more=False, why=answers[0]["error"])
    return lane


def read_page(ledger: Ledger, page: str) -> tuple[list[Message], list[Verdict]]:
    """Read a page's messages and their verdicts, place by place. Raises PageGone when they are not of each other."""
    contents = [Message.from_json(line) for line in ledger.read(PAGES, page)]
    lines = ledger.read(VERDICTS, page)
    if [message.id for message in contents] != [line["id"] for line in lines]:
        raise PageGone(f"page {page} has verdicts of other messages; its own show again by themselves.")
    return contents, [Verdict.from_json(line) for line in lines]


def pack(
    contents: list[Message], verdicts: list[Verdict], destinations: Destinations, run: str
) -> tuple[list[Parcel], Answers]:
    """Make parcels of the selected messages; what cannot go has its answer already."""
    parcels: list[Parcel] = []
    answers: Answers = []
    blocked: set[str | None] = set()
    for place, (message, verdict) in enumerate(zip(contents, verdicts, strict=True)):
        if verdict.decision != SEND:
            continue
        parcel = _parcel(place, message, verdict, destinations, run)
        if destinations.queue.fifo and message.group in blocked:
            answers.append({"place": place, "error": BEHIND, "behind": True})
        elif isinstance(parcel, str):
            blocked.add(message.group)
            answers.append({"place": place, "error": parcel})
        else:
            parcels.append(parcel)
    return parcels, answers


def _parcel(place: int, message: Message, verdict: Verdict, destinations: Destinations, run: str) -> Parcel | str:
    to = destinations.of(message)
    if isinstance(to, str):
        return to
    entry = messages.entry(message, verdict.outgoing, run, fifo=to.fifo, max_bytes=to.max_bytes)
    if messages.size(entry) > to.max_bytes:
        return f"it is larger than {to.name} takes ({to.max_bytes:,} bytes)"
    return Parcel(place, message.group, entry, to)


def cut(parcels: list[Parcel], *, in_order: bool) -> list[Sequence[Batch]]:
    """Cut parcels into waves of batches; the same parcels always make the same waves.

    With `in_order` (FIFO) no batch has two messages of a group: SQS answers for each message, so one that it refuses
    must not be overtaken by the next of its group in the same call.
    """
    lines: dict[tuple[str, int], list[Parcel]] = {}
    rank: dict[str | None, int] = {}
    for parcel in parcels:
        turn = rank.get(parcel.group, 0) if in_order else 0
        rank[parcel.group] = turn + 1
        lines.setdefault((parcel.to.url, turn), []).append(parcel)
    ordered = sorted(lines, key=lambda line: line[1])
    batches = [batch for line in ordered for batch in _batches(lines[line])]
    return list(tens(batches, WAVE))


def _batches(parcels: list[Parcel]) -> list[Batch]:
    batches: list[Batch] = []
    free = 0
    for parcel in parcels:
        size = messages.size(parcel.entry)
        if not batches or len(batches[-1]) == MOST_ENTRIES or size > free:
            batches.append([])
            free = LARGEST
        batches[-1].append(parcel)
        free -= size
    return batches


def outcomes_of(
    contents: list[Message], verdicts: list[Verdict], parcels: list[Parcel], answers: Answers, run: str
) -> list[Outcome]:
    """Put verdicts and answers together: one outcome for each message of the page.

    A selected message without an answer has failed: nobody knows that SQS took it.
    """
    parcel_at = {parcel.place: parcel for parcel in parcels}
    answer_at = {answer["place"]: answer for answer in answers}
    outcomes = []
    for place, (message, verdict) in enumerate(zip(contents, verdicts, strict=True)):
        if verdict.decision != SEND:
            outcomes.append(Outcome(message.id, verdict.decision, verdict.reason, verdict.new_id))
            continue
        answer = answer_at.get(place, {"error": "the step that was to send it did not finish"})
        if "error" in answer:
            outcomes.append(Outcome(message.id, "held" if answer.get("behind") else FAILED, answer["error"]))
            continue
        parcel = parcel_at[place]
        marked = messages.is_marked(parcel.entry, run)
        outcomes.append(Outcome(message.id, SENT, "", answer["id"], parcel.to.name, marked))
    return outcomes


def _send(sqs: SQSClient, wave: Sequence[Batch], in_order: bool, stopped: set[str | None]) -> Answers:
    answers: Answers = []
    stopped = set(stopped)
    for batch in wave:
        ready = [parcel for parcel in batch if not in_order or parcel.group not in stopped]
        answers += [parcel.answer(error=BEHIND, behind=True) for parcel in batch if parcel not in ready]
        answered = _send_batch(sqs, ready) if ready else []
        group_at = {parcel.place: parcel.group for parcel in ready}
        stopped |= {group_at[answer["place"]] for answer in answered if "error" in answer}
        answers += answered
    return answers


def _send_batch(sqs: SQSClient, batch: Batch) -> Answers:
    answers: Answers = []
    for attempt in range(TRIES):
        if attempt:
            time.sleep(random.uniform(0, PAUSE * 2**attempt))  # noqa: S311 - full jitter, not a secret
        try:
            answer = sqs.send_message_batch(
                QueueUrl=batch[0].to.url,
                Entries=[{"Id": str(n), **parcel.entry} for n, parcel in enumerate(batch)],  # type: ignore[typeddict-item]
            )
        except ClientError as error:
            return answers + _refused(sqs, batch, error)
        except BotoCoreError as error:
            # No answer, after botocore's own retries: SQS may have them or not, and they stay in the queue.
            return answers + [parcel.answer(error=f"no answer from SQS ({type(error).__name__})") for parcel in batch]
        answers += [batch[int(done["Id"])].answer(id=done["MessageId"]) for done in answer.get("Successful", [])]
        failed = answer.get("Failed", [])
        last = attempt == TRIES - 1
        final = [entry for entry in failed if entry["SenderFault"] or last]
        answers += [
            batch[int(entry["Id"])].answer(error=_sentence(entry["Code"], entry.get("Message", ""))) for entry in final
        ]
        batch = [batch[int(entry["Id"])] for entry in failed if entry not in final]
        if not batch:
            break
    return answers


def _refused(sqs: SQSClient, batch: Batch, error: ClientError) -> Answers:
    code, text, to = error.response["Error"]["Code"], error.response["Error"]["Message"], batch[0].to
    if code in MISSING:
        return [parcel.answer(error=f"{to.name} does not exist any more", lost=True) for parcel in batch]
    if code in DENIED:
        return [parcel.answer(error=f"this stack may not send to {to.name}", lost=True) for parcel in batch]
    sender_fault = 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500  # noqa: PLR2004 - HTTP
    if len(batch) > 1 and sender_fault and "Throttl" not in code and code != "OverLimit":
        # SQS may refuse a whole call for one message in it: alone, each gets its own answer.
        return [answer for parcel in batch for answer in _send_batch(sqs, [parcel])]
    return [parcel.answer(error=_sentence(code, text)) for parcel in batch]


def _sentence(code: str, text: str) -> str:
    return f"SQS refused it: {code}: {text[:200]}"


def _keep_pace(lane: Lane, began: float, sent: int) -> Lane:
    if lane.pace is None:
        return lane
    due = max(began - CATCH_UP, datetime.fromisoformat(lane.wait_until).timestamp()) + sent / (lane.pace * PACED)
    until = datetime.fromtimestamp(due, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return replace(lane, wait=due > time.time(), wait_until=until)

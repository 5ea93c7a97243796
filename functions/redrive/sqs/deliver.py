"""Deliver: send a wave of batches, with every refusal of SQS honoured."""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from redrive.sqs.batch import ask
from redrive.sqs.parcels import BEHIND
from redrive.sqs.queues import DENIED, MISSING, denied, gone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from mypy_boto3_sqs import SQSClient

    from redrive.sqs.batch import Entry
    from redrive.sqs.parcels import Batch, Wave
    from redrive.values.message import SendResult
    from redrive.values.queue import Queue

# Beside SQS's own codes, for what we say in words of ours.
LOST = "Redrive.DestinationLost"  # nothing more can be sent there
NO_ANSWER = "Redrive.NoAnswer"


def deliver(sqs: SQSClient, wave: Wave, pool: Executor) -> list[SendResult]:
    """Send a wave, its batches side by side; give what became of each message."""
    sending = [pool.submit(_send, sqs, batch) for batch in wave]
    wait(sending)  # for all of them, also where one raises: nothing of a wave is on its way when it is over
    return [result for sent in sending for result in sent.result()]


def deliver_in_order(sqs: SQSClient, wave: Wave, stopped: set[str | None]) -> list[SendResult]:
    """Send a wave, batch by batch; give what became of each message.

    Nothing is sent of the groups that are `stopped`, nor behind a message that was refused.
    """
    results: list[SendResult] = []
    stopped = set(stopped)
    for batch in wave:
        ready = [parcel for parcel in batch if parcel.group not in stopped]
        results += [parcel.unsent(BEHIND, behind=True) for parcel in batch if parcel not in ready]
        answered = _send(sqs, ready) if ready else []
        group_at = {parcel.place: parcel.group for parcel in ready}
        stopped |= {group_at[result.place] for result in answered if result.error}
        results += answered
    return results


def _send(sqs: SQSClient, batch: Batch) -> list[SendResult]:
    to = batch[0].to
    answered = ask(lambda entries: _call(sqs, to, entries), batch, lambda parcel: parcel.entry)
    accepted = [parcel.accepted(done["MessageId"]) for parcel, done in answered.taken]
    refused = [*answered.refused, *answered.failed]
    return accepted + [parcel.unsent(_why(refusal), lost=refusal["Code"] == LOST) for parcel, refusal in refused]


def _call(sqs: SQSClient, to: Queue, entries: list[Any]) -> Mapping[str, Any]:
    """Send one batch; a call that is refused as a whole is a refusal of each of its entries."""
    try:
        return sqs.send_message_batch(QueueUrl=to.url, Entries=entries)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in MISSING:
            return _refusal(entries, LOST, gone(to))
        if code in DENIED:
            return _refusal(entries, LOST, denied(to))
        sender_fault = 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500  # noqa: PLR2004 - HTTP
        if len(entries) > 1 and sender_fault and "Throttl" not in code and code != "OverLimit":
            # SQS may refuse a whole call for one message in it: alone, each gets its own answer.
            answers = [_call(sqs, to, [entry]) for entry in entries]
            return {
                part: [line for answer in answers for line in answer.get(part, [])] for part in ("Successful", "Failed")
            }
        return _refusal(entries, code, error.response["Error"]["Message"])
    except BotoCoreError as error:
        # No answer, after botocore's own retries: SQS may have them or not, and they stay in the queue.
        return _refusal(entries, NO_ANSWER, f"no answer from SQS ({type(error).__name__})")


def _refusal(entries: list[Entry], code: str, text: str) -> Mapping[str, Any]:
    return {"Failed": [{"Id": entry["Id"], "Code": code, "Message": text, "SenderFault": True} for entry in entries]}


def _why(refusal: Entry) -> str:
    code, text = refusal["Code"], refusal.get("Message", "")
    return text if code in {LOST, NO_ANSWER} else f"SQS refused it: {code}: {text[:200]}"

"""What moto does not do yet and we rely on. `test_moto_gaps.py` says when a gap has closed."""

from __future__ import annotations

import functools
import re
import sys
import threading
import time
from datetime import UTC
from typing import TYPE_CHECKING, Any

import botocore.session
from moto.core.responses import ActionResult
from moto.sqs import models
from moto.sqs.exceptions import InvalidParameterValue, SQSException
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse
from moto.stepfunctions.parser.api import HistoryEventType, InvalidDefinition
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_func import ComparisonFuncValue
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.variable import NoSuchVariable
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_aws_sdk as aws_sdk
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from redrive_embedded import refusals

if TYPE_CHECKING:
    import pytest


DistributedItemProcessorWorker = distributed_item_processor_worker.DistributedItemProcessorWorker


def fill_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill them all, until the test ends."""
    _move_tasks(monkeypatch)
    _source_arn(monkeypatch)
    _fifo_dead_letters(monkeypatch)
    _trace_header(monkeypatch)
    _twelve_hours(monkeypatch)
    _not_in_flight(monkeypatch)
    _one_at_a_time(monkeypatch)
    _states_all(monkeypatch)
    _failed_children(monkeypatch)
    _definitions(monkeypatch)
    _one_of_a_list(monkeypatch)
    _nothing_to_compare(monkeypatch)
    _waits(monkeypatch)
    _sdk_error_names(monkeypatch)
    _sdk_parameters(monkeypatch)


def _move_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    # ListMessageMoveTasks is missing: to this moto, none was ever started.
    monkeypatch.setattr(SQSResponse, "list_message_move_tasks", lambda _: ActionResult({"Results": []}), raising=False)


def _source_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    # A dead-lettered message has no DeadLetterQueueSourceArn.
    add, answer = Queue.add_message, SQSResponse.receive_message

    def add_message(queue: Queue, message: Any) -> None:
        home = getattr(message, "home", None)
        if home is not None and home.dead_letter_queue is queue:
            message.source_arn = home.queue_arn
        message.home = queue
        add(queue, message)

    def receive_message(response: SQSResponse) -> ActionResult:
        result = answer(response)
        queue = response.sqs_backend.get_queue(response._get_queue_name())
        arns = {message.id: getattr(message, "source_arn", None) for message in queue._messages}
        for message in result.result.get("Messages", []):
            if arn := arns.get(message["MessageId"]):
                message["Attributes"]["DeadLetterQueueSourceArn"] = arn
        return result

    monkeypatch.setattr(Queue, "add_message", add_message)
    # Deep copies of a message, which moto makes at each receive, must not copy the queue that it is in.
    monkeypatch.setattr(Queue, "__deepcopy__", lambda queue, _: queue, raising=False)
    monkeypatch.setattr(SQSResponse, "receive_message", receive_message)


def _fifo_dead_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    # A message that moves into a FIFO DLQ keeps when it was sent, and its sender's deduplication id. SQS begins its time
    # anew (docs/facts.md A3) and makes its message id its deduplication id (A2).
    add = Queue.add_message

    def add_message(queue: Queue, message: Any) -> None:
        home = getattr(message, "home", None)
        if queue.fifo_queue and home is not None and home.dead_letter_queue is queue:
            message.sent_timestamp = int(models.unix_time_millis())
            message.deduplication_id = message.id
        add(queue, message)

    monkeypatch.setattr(Queue, "add_message", add_message)


def _trace_header(monkeypatch: pytest.MonkeyPatch) -> None:
    # SendMessageBatch drops MessageSystemAttributes, which SendMessage keeps.
    send = SQSBackend.send_message_batch

    def send_message_batch(backend: SQSBackend, name: str, entries: dict[str, Any]) -> Any:
        messages, failed = send(backend, name, entries)
        given = {entry["Id"]: entry.get("MessageSystemAttributes") or {} for entry in entries.values()}
        for message in messages:
            message.system_attributes = given[message.user_id]
        return messages, failed

    monkeypatch.setattr(SQSBackend, "send_message_batch", send_message_batch)


def _twelve_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    # The 12 hours that a message may be hidden are counted from its sending, and refuse the whole batch when they are
    # over. SQS counts them from the receive (docs/facts.md A1), and refuses the entry.
    received, change = Message.mark_received, SQSBackend.change_message_visibility

    def mark_received(message: Any, visibility_timeout: int | None = None) -> None:
        message.received_at = models.unix_time_millis()
        received(message, visibility_timeout)

    def change_message_visibility(
        backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        found = [m for m in backend.get_queue(queue_name)._messages if m.had_receipt_handle(receipt_handle)]
        sent = [message.sent_timestamp for message in found]
        for message in found:
            message.sent_timestamp = message.received_at
        try:
            change(backend, queue_name, receipt_handle, visibility_timeout)
        finally:
            for message, at in zip(found, sent, strict=True):
                message.sent_timestamp = at

    monkeypatch.setattr(Message, "mark_received", mark_received)
    monkeypatch.setattr(SQSBackend, "change_message_visibility", change_message_visibility)
    _refuse_entries_alone(monkeypatch, InvalidParameterValue, "InvalidParameterValue")


def _refuse_entries_alone(monkeypatch: pytest.MonkeyPatch, refusal: type[SQSException], code: str) -> None:
    # What a change of one message's visibility is refused with refuses its whole batch. SQS refuses its entry.
    change_batch = SQSBackend.change_message_visibility_batch

    def change_message_visibility_batch(backend: SQSBackend, queue_name: str, entries: list[dict[str, Any]]) -> Any:
        done, failed = [], []
        for entry in entries:
            try:
                answer = change_batch(backend, queue_name, [entry])
            except refusal as error:
                why = {"SenderFault": True, "Code": code, "Message": error.message}
                answer = [], [{"Id": entry["Id"], **why}]
            done += answer[0]
            failed += answer[1]
        return done, failed

    monkeypatch.setattr(SQSBackend, "change_message_visibility_batch", change_message_visibility_batch)


class MessageNotInflightError(SQSException):
    """SQS's refusal to change the visibility of a message that is visible."""

    code = "MessageNotInflight"
    message = "The message referred to isn't in flight."


def _not_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    # A message that is visible already is hidden again. SQS refuses that (docs/facts.md A1), and in a batch its entry.
    change = SQSBackend.change_message_visibility

    def change_message_visibility(
        backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        if any(m.visible and m.had_receipt_handle(receipt_handle) for m in backend.get_queue(queue_name)._messages):
            raise MessageNotInflightError
        change(backend, queue_name, receipt_handle, visibility_timeout)

    monkeypatch.setattr(SQSBackend, "change_message_visibility", change_message_visibility)
    _refuse_entries_alone(monkeypatch, MessageNotInflightError, MessageNotInflightError.code)


def _one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its queues are lists without a lock: two threads that delete lose a deletion, two that receive share a message.
    lock = threading.RLock()

    def locked(name: str) -> None:
        work = getattr(SQSBackend, name)

        def method(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return work(*args, **kwargs)

        monkeypatch.setattr(SQSBackend, name, method)

    for name in ("send_message", "send_message_batch", "delete_message", "change_message_visibility"):
        locked(name)
    receive = SQSBackend.receive_message

    def receive_message(backend: Any, name: str, count: int, wait: int, visibility: int, attributes: Any = None) -> Any:
        give_up = time.monotonic() + wait
        while True:
            with lock:
                found = receive(backend, name, count, 0, visibility, attributes)
            if found or time.monotonic() >= give_up:
                return found
            time.sleep(0.02)

    monkeypatch.setattr(SQSBackend, "receive_message", receive_message)


def _states_all(monkeypatch: pytest.MonkeyPatch) -> None:
    # States.ALL stands for every error, in Retry and in Catch. On AWS, one must be named, and one "will always cause the
    # execution to fail" (docs/facts.md B5).
    match = ErrorEqualsDecl._eval_body

    def eval_body(names: ErrorEqualsDecl, env: Any) -> None:
        error = env.stack[-1]
        if error.error_name == "States.Runtime":
            env.stack[-1] = False
        elif error.error_name == "States.DataLimitExceeded":
            env.stack[-1] = error in names.error_names
        else:
            match(names, env)

    monkeypatch.setattr(ErrorEqualsDecl, "_eval_body", eval_body)


def _failed_children(monkeypatch: pytest.MonkeyPatch) -> None:
    # A Distributed Map takes null for the output of a child that failed. On AWS the Map fails, unless it tolerates that
    # (Step Functions Developer Guide, tolerated failure threshold; ours tolerates none).
    work = DistributedItemProcessorWorker._eval_job
    error = StatesErrorName(StatesErrorNameType.StatesExceedToleratedFailureThreshold)
    cause = "The specified tolerated failure threshold was exceeded"

    def eval_job(worker: Any, env: Any, job: Any) -> None:
        work(worker, env, job)
        if isinstance(env.program_state(), ProgramError) and worker._env.is_running():
            told = EventDetails(mapRunFailedEventDetails={"error": error.error_name, "cause": cause})
            failure = FailureEvent(env, error, HistoryEventType.MapRunFailed, told)
            job.job_output = FailureEventException(failure)

    monkeypatch.setattr(DistributedItemProcessorWorker, "_eval_job", eval_job)


def _definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    # A definition is taken that AWS refuses when the machine is made.
    validate = StepFunctionsParserBackend._validate_definition

    def validate_definition(definition: str) -> None:
        if reason := refusals.of_definition(definition):
            raise InvalidDefinition(message=f"Invalid State Machine Definition: '{reason}'")
        validate(definition)

    monkeypatch.setattr(StepFunctionsParserBackend, "_validate_definition", staticmethod(validate_definition))


def _one_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    # `$.list[0].field` gives a list of one. On AWS it gives the field: a path without a wildcard, a slice or a filter
    # leads to one value (Step Functions Developer Guide, reference paths).
    extract = json_path.extract_json

    def extract_json(path: str, data: Any) -> Any:
        found = extract(path, data)
        is_item = re.fullmatch(r"\$(\.\w+|\[\d+\])*", path) and re.search(r"\[\d+\]\.\w+$", path)
        return found[0] if is_item else found

    for name, module in list(sys.modules.items()):
        if name.startswith("moto.stepfunctions.") and getattr(module, "extract_json", None) is extract:
            monkeypatch.setattr(module, "extract_json", extract_json)


def _nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    # A Choice that compares what is not there goes on. On AWS it fails with States.Runtime, unless IsPresent asks
    # (Step Functions Developer Guide, "Choice").
    compare = ComparisonFuncValue._eval_body

    def eval_body(comparison: Any, env: Any) -> None:
        missing = env.stack[-1]
        if isinstance(missing, NoSuchVariable) and comparison.operator_type is not ComparisonOperatorType.IsPresent:
            raise ValueError(f"Invalid path: {missing.path}")
        compare(comparison, env)

    monkeypatch.setattr(ComparisonFuncValue, "_eval_body", eval_body)


def _waits(monkeypatch: pytest.MonkeyPatch) -> None:
    # A Wait until a timestamp, whose milliseconds it ignores as AWS does (docs/facts.md I), also ends up to a second
    # before, and takes the time for the machine's local one.
    def wait_seconds(wait: Any, env: Any) -> float:
        wait.string.eval(env=env)
        text = env.stack.pop()
        until = wait._from_timestamp_string(text)
        if until is None:
            raise FailureEventException(wait._create_failure_event(env, text))
        now = timestamp.datetime.datetime.now(UTC)
        return (until.replace(tzinfo=UTC) - now).total_seconds()

    def wait_interval(_wait: Any, env: Any, wait_seconds: float) -> None:
        end = time.monotonic() + wait_seconds
        while env.is_running() and (left := end - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    monkeypatch.setattr(timestamp.Timestamp, "_get_wait_seconds", wait_seconds)
    monkeypatch.setattr(WaitFunction, "_wait_interval", wait_interval)


def _sdk_error_names(monkeypatch: pytest.MonkeyPatch) -> None:
    # `sqs.sqsException`, where AWS writes a service as the Java SDK does (docs/facts.md B4).
    for service, name in {"sqs": "Sqs", "s3": "S3"}.items():
        monkeypatch.setitem(aws_sdk._SERVICE_ERROR_NAMES, service, name)


@functools.cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _sdk_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    # A parameter that the API does not take is handed on; on AWS the task does not start (refusals.of_parameters).
    call = aws_sdk.StateTaskServiceAwsSdk._eval_service_task

    def eval_service_task(task: Any, *args: Any, normalised_parameters: dict[str, Any], **kwargs: Any) -> None:
        action = task.resource.api_action
        model = _model(task._get_boto_service_name())
        shape = model.operation_model(action[0].upper() + action[1:]).input_shape
        reason = refusals.of_parameters(normalised_parameters, normalised_parameters, shape)
        if reason:
            raise ValueError(reason)  # any error that is not AWS's answer is States.Runtime
        call(task, *args, normalised_parameters=normalised_parameters, **kwargs)

    monkeypatch.setattr(aws_sdk.StateTaskServiceAwsSdk, "_eval_service_task", eval_service_task)

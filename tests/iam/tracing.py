"""What is asked of AWS while scenarios run: each call under the function that makes it, or under the machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cleanup
import clients
from iam.needs import Ask, asks_of
from iam.policies import function_arn

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from support.rig import Rig


class Trace:
    """The asks of every call so far. The rig runs one function at a time, so a call is that function's."""

    def __init__(self) -> None:
        self.asks: set[Ask] = set()
        self.operations: set[str] = set()
        self._running: list[str] = []

    def see(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Hear of a call, from botocore's own event, whether it is answered or not."""
        assert self._running, f"{model.name} is called by no function"
        self.operations.add(model.name)
        self.asks.update(asks_of(self._running[-1], model.service_model.service_name, model.name, params))

    @contextmanager
    def of(self, function: str) -> Iterator[None]:
        """Let the calls that are made now be this function's."""
        self._running.append(function)
        try:
            yield
        finally:
            self._running.pop()

    def see_move_task(self, operation: str, params: dict[str, Any]) -> None:
        """Hear of a call from SQS's side: if no function makes it, it is the machine's own."""
        if not self._running:
            self.asks.update(asks_of("machine", "sqs", operation, params))

    def watch(self, monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
        """Attribute what the rig's functions do."""
        go = rig.machine.around

        def around(step: str, event: dict[str, Any], work: Any) -> Any:
            def traced() -> Any:
                with self.of(step):
                    return work()

            if step != "cleanup":  # which a run at the same queue calls
                self.asks.update(asks_of("machine", "lambda", "Invoke", {"FunctionName": function_arn(step)}))
            return go(step, event, traced)

        work = cleanup.handler

        def clean_up(event: dict[str, Any], context: Any) -> Any:
            with self.of("cleanup"):
                return work(event, context)

        monkeypatch.setattr(rig.machine, "around", around)
        monkeypatch.setattr(cleanup, "handler", clean_up)


@contextmanager
def tracing() -> Iterator[Trace]:
    """See every call of the handlers' clients that are made in this block."""
    trace = Trace()
    session = clients._session()
    session.register("before-parameter-build", trace.see)
    try:
        yield trace
    finally:
        session.unregister("before-parameter-build", trace.see)

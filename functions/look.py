"""Look for our move task."""

import runtime
from redrive.look import look
from redrive.neighbours import arrive


@runtime.step(transitions=2)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"run", "execution", "started", "queue", "move"}` → `{"ours", "task"}`: whether our task runs, and the task."""

    def neighbours() -> list[str]:
        # Once more, for a run that came after the plan may have started the task; to sign in twice changes nothing.
        table, queue = runtime.journal_table(), event["queue"]["arn"]
        return arrive(runtime.dynamodb(), runtime.stepfunctions(), table, queue, event["execution"])

    task = look(runtime.sqs(), event["move"], event["started"], neighbours)
    return {"ours": task is not None, "task": task}

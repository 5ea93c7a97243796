"""Find our move task."""

import runtime
from redrive.find import find_own_move_task


@runtime.step(transitions=2)
def handler(event: runtime.Event, context: object) -> runtime.Event:
    """`{"run", "execution", "started", "queue", "move"}` → `{"ours", "task"}`: whether our task runs, and the task."""

    def neighbours() -> list[str]:
        # Once more, for a run that came after the plan may have started the task; to sign in twice changes nothing.
        return runtime.sign_in(event["queue"]["arn"], event["execution"])

    task = find_own_move_task(runtime.sqs(), event["move"], event["started"], neighbours)
    return {"ours": task is not None, "task": task}

"""Find our move task."""

import clients
import steps
from redrive.sqs.move_tasks import find_own_move_task
from redrive.values.plan import Move


@steps.step("find", way=lambda found: "adopted" if found["ours"] else "")
def handler(event: steps.Event, context: object) -> steps.Event:
    """`{"run", "execution", "started", "queue", "move"}` → `{"ours", "task"}`: whether ours runs, and its handle."""

    def others() -> list[str]:
        # Once more, for a run that came after the plan may have started the task; to enter twice changes nothing.
        return steps.enter(event["queue"]["arn"], event["execution"]).working

    task = find_own_move_task(clients.sqs(), Move.from_json(event["move"]), event["started"], others)
    return {"ours": task is not None, "task": {"TaskHandle": task.handle} if task else None}

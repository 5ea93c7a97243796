"""The machine's file, by itself: what can be seen without running it."""

import importlib.util
import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from support.library import a_lane, a_plan
from support.moto_machine import MOVE_TASKS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "statemachine" / "redrive.asl.json"
TEXT = FILE.read_text()
MACHINE = json.loads(TEXT)
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())
LANE = MACHINE["States"]["Drain the queue"]["ItemProcessor"]

LEVELS = {"run": (MACHINE["StartAt"], MACHINE["States"]), "lane": (LANE["StartAt"], LANE["States"])}
STATES = [(level, name, state) for level, (_, states) in LEVELS.items() for name, state in states.items()]
TASKS = [(level, name, state) for level, name, state in STATES if state["Type"] == "Task"]
OUR_TASKS = [task for task in TASKS if task[2]["Resource"].endswith("FunctionArn}")]


def named(cases: list[tuple[str, str, dict[str, Any]]]) -> Any:
    return pytest.mark.parametrize(
        ("level", "name", "state"), cases, ids=[f"{level}: {name}" for level, name, _ in cases]
    )


def targets(state: dict[str, Any]) -> set[str]:
    found = {state[key] for key in ("Next", "Default") if key in state}
    found |= {rule["Next"] for rule in state.get("Choices", [])}
    return found | {catcher["Next"] for catcher in state.get("Catch", [])}


def test_the_file_is_as_its_formatter_writes_it():
    spec = importlib.util.spec_from_file_location("machine_format", FILE.with_name("format.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.formatted(MACHINE) == TEXT, "run: make format"


@named(STATES)
def test_every_target_is_a_state_of_the_same_level(level, name, state):
    assert targets(state) <= set(LEVELS[level][1])


@pytest.mark.parametrize("level", LEVELS)
def test_every_state_can_be_reached(level):
    start, states = LEVELS[level]
    reached, new = set(), {start}
    while new:
        reached |= new
        new = set().union(*(targets(states[name]) for name in new)) - reached
    assert reached == set(states)


@named(STATES)
def test_every_state_ends_or_goes_on(level, name, state):
    ends = state["Type"] in {"Succeed", "Fail"}
    assert ends != bool({"Next", "Default"} & set(state))


@named(STATES)
def test_names_read_as_sentences(level, name, state):
    assert len(name.split()) <= 5
    assert len(name) <= 80  # Step Functions quotas
    assert not re.search(r"\b(Lambda|Map|Process|Handler|Function)\b", name)
    assert (state["Type"] == "Choice") == name.endswith("?")


@named(STATES)
def test_keys_stand_in_the_same_order_in_every_state(level, name, state):
    order = [
        "Type",
        "Comment",
        "InputPath",
        "ItemsPath",
        "ItemSelector",
        "Label",
        "ItemProcessor",
        "Resource",
        "Parameters",
        "SecondsPath",
        "TimestampPath",
        "Choices",
        "Default",
        "Error",
        "ErrorPath",
        "CausePath",
        "ResultSelector",
        "ResultPath",
        "OutputPath",
        "TimeoutSeconds",
        "Retry",
        "Catch",
        "Next",
    ]
    if "StartMoveTask" in state.get("Resource", ""):
        order.remove("InputPath")
        order.insert(order.index("Parameters"), "InputPath")  # it stands for Parameters there
    assert list(state) == sorted(state, key=order.index)


@named(TASKS)
def test_every_task_has_a_timeout_and_a_comment_that_is_a_sentence(level, name, state):
    assert state["TimeoutSeconds"] > 0
    assert state["Comment"].endswith(".")


@named([(level, name, state) for level, name, state in STATES if state["Type"] == "Choice"])
def test_every_choice_says_why_unless_its_name_does(level, name, state):
    unexplained = {"Did any arrive?", "Anything to send?", "Did everything arrive?"}
    # moto drops what a rule with And, Or or Not says when the rule has a Comment: its reason is the state's.
    single = [rule for rule in state["Choices"] if "Variable" in rule]
    assert name in unexplained or all("Comment" in rule for rule in single)
    assert not [rule for rule in state["Choices"] if "Variable" not in rule and "Comment" in rule]
    assert len(single) == len(state["Choices"]) or "Comment" in state


def paths_in(value: Any) -> set[str]:
    """Every reference path in a part of the machine."""
    if isinstance(value, dict):
        return set().union(*map(paths_in, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(paths_in, value)) if value else set()
    return set(re.findall(r"\$\.[\w.]+", value)) if isinstance(value, str) else set()


def has(document: Any, path: str) -> bool:
    for name in path.split(".")[1:]:
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def test_every_path_into_a_lane_or_a_plan_is_there_because_a_missing_one_ends_the_run_uncaught():
    """States.Runtime, which no Catch sees (docs/facts.md B5); moto and the embedded AWS are laxer."""
    plan = a_plan(a_lane()).to_json()
    looked = {path for path in paths_in(MACHINE) if path.startswith(("$.lane.", "$.plan."))}
    written = {"$.lane.error", "$.plan.drain"}  # by the machine itself
    looked.remove("$.plan.move.DestinationArn")  # a Choice asks whether it is there
    assert {"$.lane.next.another_turn", "$.plan.path"} <= looked
    for path in looked:
        assert has({"lane": a_lane().to_json(), "plan": plan}, path), path
    assert written <= looked
    assert "$[*].more" in json.dumps(MACHINE)
    assert has({"lane": a_lane().to_json()}, "$.lane.more")


def test_no_choice_compares_with_a_path_because_moto_reads_it_wrong():
    assert not re.search(r'"(Numeric|String|Timestamp|Boolean)\w+Path":', TEXT)


@named(OUR_TASKS)
def test_every_function_has_the_standard_retry(level, name, state):
    standard = OUR_TASKS[0][2]["Retry"]
    own = [retrier for retrier in state["Retry"] if "WaveInFlight" in retrier["ErrorEquals"]]
    assert [retrier for retrier in state["Retry"] if retrier not in own] == standard
    assert bool(own) == (name in {"Send the matches", "Archive the page"})


@named(TASKS)
def test_every_retry_waits_with_full_jitter_and_a_ceiling(level, name, state):
    for retrier in state["Retry"]:
        if retrier["MaxAttempts"]:
            assert retrier["JitterStrategy"] == "FULL"
            assert retrier["MaxDelaySeconds"] <= 300
    assert state["Retry"][-1]["ErrorEquals"] == ["States.ALL"]


@named(OUR_TASKS)
def test_errors_of_ours_are_never_retried_unless_waiting_helps(level, name, state):
    from redrive.values import errors

    known = [value for value in vars(errors).values() if isinstance(value, type)]
    ours = {kind.__name__ for kind in known if issubclass(kind, errors.RedriveError)} - {"RedriveError"}
    first = state["Retry"][0]
    assert first["MaxAttempts"] == 0
    assert set(first["ErrorEquals"]) == ours - {"WaveInFlight", "OutOfTime"}


@named([*TASKS, ("run", "Drain the queue", MACHINE["States"]["Drain the queue"])])
def test_every_error_is_caught_also_the_one_that_states_all_leaves_out(level, name, state):
    # facts: States.ALL does not catch States.DataLimitExceeded, and must stand alone.
    assert [catcher["ErrorEquals"] for catcher in state["Catch"]] == [["States.DataLimitExceeded"], ["States.ALL"]]
    assert state["Catch"][0]["Next"] == state["Catch"][1]["Next"]


@named([(level, name, state) for level, name, state in STATES if state["Type"] == "Fail"])
def test_every_red_end_carries_the_error_and_the_cause(level, name, state):
    assert "CausePath" in state
    # Step Functions may end a caught error's name with `States.`, and refuses that as a name here: only the report's
    # has gone through a function of ours.
    assert state.get("ErrorPath") == "$.summary.error" or not state["Error"].startswith("States.")


def test_every_call_of_an_aws_api_has_parameters_of_its_own():
    """A state's whole input would be sent as it is, or nothing at all (docs/facts.md I); a null is refused."""
    calls = {name: state for _, name, state in STATES if "MoveTask" in state.get("Resource", "")}
    assert len(calls) == 4
    assert all("Parameters" in state and "InputPath" not in state for state in calls.values())


def test_an_answer_that_may_be_empty_is_asked_whether_it_is_before_it_is_read():
    rules = LEVELS["run"][1]["Has the move ended?"]["Choices"]
    missing = [rule for rule in rules if '"IsPresent": false' in json.dumps(rule)]
    assert rules[: len(missing)] == missing
    assert {rule["Next"] for rule in missing} == {"Lengthen the wait", "Cancel the move task"}
    assert re.findall(r"Results\[0\]", json.dumps(MACHINE)) == re.findall(r"Results\[0\]", json.dumps(rules))


def test_after_an_error_no_path_ends_green():
    """From what any Catch of the run leads to, a green end is reached only through the report's verdict."""
    _, states = LEVELS["run"]
    green = {name for name, state in states.items() if state["Type"] == "Succeed"}
    before = {name for name, state in states.items() if targets(state) & green}
    assert before == {"Did everything arrive?"}
    rules = {rule["Next"]: rule["StringEquals"] for rule in states["Did everything arrive?"]["Choices"]}
    assert {rules[name] for name in green} == {
        "complete",
        "nothing to redrive",
        "nothing matched",
        "all are in flight",
        "stepped back",
    }


def test_the_file_is_plain_jsonpath_so_that_every_engine_reads_it():
    for word in ("QueryLanguage", "Assign", "Arguments", "JSONata", '"Output"', "MaxConcurrencyPath"):
        assert word not in TEXT
    assert "arn:" not in TEXT


def test_only_quoted_whole_values_are_substituted_and_the_template_gives_each():
    found = re.findall(r"\$\{(\w+)\}", TEXT)
    assert set(re.findall(r'"\$\{(\w+)\}"', TEXT)) == set(found)
    given = TEMPLATE["Resources"]["StateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert set(found) == set(given)
    for name, value in given.items():
        if name in MOVE_TASKS:  # of any partition: one of another is an error that no Catch sees (docs/facts.md B5)
            assert value == {"Fn::Sub": f"arn:${{AWS::Partition}}:states:::aws-sdk:sqs:{MOVE_TASKS[name]}"}
        else:
            assert value == {"Fn::GetAtt": [name.removesuffix("Arn"), "Arn"]}


def test_one_step_is_one_state_one_function_and_one_file():
    functions = {
        name: resource["Properties"]["Handler"]
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    used = {task["Resource"][2:-1].removesuffix("Arn") for _, _, task in OUR_TASKS}
    assert used == set(functions) - {"CleanupFunction"}  # an event calls it, when no state can run any more
    assert len(OUR_TASKS) == len(used)
    for name, handler in functions.items():
        step = name.removesuffix("Function").lower()
        assert handler == f"{step}.handler"
        assert (ROOT / "functions" / f"{step}.py").exists()


@named(OUR_TASKS)
def test_a_function_is_timed_out_by_lambda_before_the_machine_gives_up(level, name, state):
    properties = TEMPLATE["Resources"][state["Resource"][2:-1].removesuffix("Arn")]["Properties"]
    timeout = properties.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
    assert timeout < state["TimeoutSeconds"] <= timeout + 10


def test_every_parameter_has_an_example_and_says_what_it_must_be():
    for parameter in TEMPLATE["Parameters"].values():
        assert "for example" in parameter["Description"]
        if parameter["Type"] == "Number":
            assert {"MinValue", "AllowedValues"} & set(parameter)
        else:
            assert {"AllowedPattern", "ConstraintDescription"} <= set(parameter)


def statements_of(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Every statement that a function or the machine is allowed by: its own, and those of the policies it shares."""
    found = []
    for policy in resource.get("Properties", {}).get("Policies", []):
        shared = is_shared(policy)
        found += (TEMPLATE["Resources"][shared]["Properties"]["PolicyDocument"] if shared else policy)["Statement"]
    return found


def is_shared(policy: dict[str, Any]) -> str | None:
    """The name of the policy that is referred to, under a condition or not; None if it is the function's own."""
    if "Fn::If" in policy:
        _, policy, otherwise = policy["Fn::If"]
        assert otherwise == {"Ref": "AWS::NoValue"}
    return policy.get("Ref")


def allowed(name: str) -> set[str]:
    statements = statements_of(TEMPLATE["Resources"][name])
    return {
        action
        for statement in statements
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


@pytest.mark.parametrize(
    ("function", "on_queues"),
    {
        "Check": {"sqs:GetQueueUrl", "sqs:GetQueueAttributes"},
        "Count": {"sqs:GetQueueAttributes"},
        "Plan": {"sqs:ListDeadLetterSourceQueues", "sqs:ListMessageMoveTasks", "sqs:GetQueueAttributes"},
        "Find": {"sqs:ListMessageMoveTasks", "sqs:GetQueueAttributes"},
        "Receive": {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"},
        "Filter": {"sqs:GetQueueAttributes"},
        "Send": {"sqs:SendMessage"},
        "Archive": set(),
        "Delete": {"sqs:DeleteMessage"},
        "Release": {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
        "Cleanup": {
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:CancelMessageMoveTask",
            "sqs:ListMessageMoveTasks",
            "sqs:ReceiveMessage",
        },
        "Report": set(),
    }.items(),
)
def test_a_function_may_do_its_step_on_queues_and_no_more(function, on_queues):
    assert {action for action in allowed(f"{function}Function") if action.startswith("sqs:")} == on_queues


# IAM knows no resource for these (Service Authorization Reference): they can be allowed only on "*".
WITHOUT_RESOURCE = ("lambda:GetAccountSettings",)


def test_no_policy_has_a_wildcard_action_or_every_resource():
    for resource in TEMPLATE["Resources"].values():
        for statement in statements_of(resource):
            assert "*" not in json.dumps(statement["Action"])
            assert statement["Resource"] != "*" or statement["Action"] in WITHOUT_RESOURCE


def test_what_two_functions_are_allowed_alike_is_written_once():
    """A single statement may be the same by chance; two of them are a policy to share."""
    own = {
        name: {
            json.dumps(s)
            for policy in resource["Properties"]["Policies"]
            if not is_shared(policy)
            for s in policy["Statement"]
        }
        for name, resource in TEMPLATE["Resources"].items()
        if "Policies" in resource.get("Properties", {})
    }
    assert [(a, b) for a, b in combinations(own, 2) if len(own[a] & own[b]) > 1] == []

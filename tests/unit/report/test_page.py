"""The page that a document is put into: nothing in a text can leave its place, and the machine in it is the machine."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.report.page import page

ROOT = Path(__file__).parents[3]
MACHINE = json.loads((ROOT / "statemachine" / "redrive.asl.json").read_text())
LANES = MACHINE["States"]["Drain the queue"]["ItemProcessor"]
PAGE = page({}).decode()
HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "&lt;", "\u2028\u2029", "\ud800", "\x00\x7f", '"\\']


def data(html, name):
    return re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.DOTALL)[1]


def ways(states):
    """Every way between states, and whether only an error leads there."""
    found = {}
    for name, state in states.items():
        for caught in state.get("Catch", []):
            found.setdefault((name, caught["Next"]), True)
    for name, state in states.items():
        for target in [state.get("Next"), state.get("Default"), *(rule["Next"] for rule in state.get("Choices", []))]:
            if target:
                found[name, target] = False
    return found


@pytest.mark.parametrize(("name", "machine"), [("run", MACHINE), ("lane", LANES)])
def test_the_picture_has_the_states_and_the_ways_of_the_machine(name, machine):
    drawn = json.loads(data(page({}).decode(), "machine"))[name]
    assert drawn["start"] == machine["StartAt"]
    states = {state["name"]: (state["type"], state["comment"]) for state in drawn["states"]}
    assert states == {name: (state["Type"], state.get("Comment", "")) for name, state in machine["States"].items()}
    assert {(way["from"], way["to"]): way["error"] for way in drawn["ways"]} == ways(machine["States"])


@pytest.mark.parametrize("name", ["run", "lane"])
def test_no_state_lies_upon_another(name):
    states = json.loads(data(page({}).decode(), "machine"))[name]["states"]
    boxes = [(s["x"], s["y"], s["x"] + s["width"], s["y"] + s["height"]) for s in states]
    for n, (left, top, right, bottom) in enumerate(boxes):
        for other_left, other_top, other_right, other_bottom in boxes[n + 1 :]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


texts = st.text() | st.sampled_from(HOSTILE) | st.text(st.characters(categories=["Cs", "Cc", "Cf"]))


@given(st.dictionaries(texts, texts | st.lists(texts), max_size=4))
def test_a_document_comes_out_as_it_went_in_and_its_texts_are_no_html(document):
    html = page(document).decode()
    before, place, after = PAGE.partition(">{}<")
    assert place
    assert html.startswith(f"{before}>")
    assert html.endswith(f"<{after}")
    text = html[len(before) + 1 : -len(after) - 1]
    assert json.loads(text) == json.loads(json.dumps(document))
    assert not re.search(r"[<>&\x00-\x1f\x7f-\U0010ffff]", text)


def test_the_policy_lets_the_page_do_nothing_but_show_itself():
    html = page({}).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("default-src") == "'none'"
    for kind in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules.pop(kind))
    assert rules == {"img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    assert re.findall(r"https?://[^\s\"'`)]+", html) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<[^>]+ on\w+=", html)


def test_the_page_is_what_its_source_makes():
    if not shutil.which("node") or not (ROOT / "report" / "node_modules").is_dir():
        pytest.skip("needs node, and `make report-page` to have run")
    checked = subprocess.run(
        ["node", "build.mjs", "--check"], cwd=ROOT / "report", capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr

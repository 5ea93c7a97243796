"""The documentation, held against what it describes."""

import json
import re
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive.expressions.jsonata import Expression
from redrive.steps.validate import parse
from redrive.values.request import EXAMPLES, MEANINGS
from redrive_cli.app import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "docs"
REFERENCE = (DOCS / "request.md").read_text()
PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
MACHINE = json.loads((ROOT / "statemachine" / "redrive.asl.json").read_text())["States"]
LANE = MACHINE["Drain the queue"]["ItemProcessor"]["States"]
REQUESTS = re.search(r"```json\n(.*?)```", README, re.DOTALL)[1].splitlines()


def test_the_graph_has_the_machines_states_and_transitions():
    graph = re.search(r"```mermaid\n(.*?)```", (DOCS / "machine.md").read_text(), re.DOTALL)[1]
    name_of = {alias: name for name, alias in re.findall(r'state "(.*?)" as (\w+)', graph)}
    name_of["drain"] = "Drain the queue"
    assert sorted(name_of.values()) == sorted([*MACHINE, *LANE])
    drawn = {(name_of[a], name_of[b]) for a, b in re.findall(r"^ *(\w+) --> (\w+)", graph, re.MULTILINE)}
    real = {
        (name, target)
        for states in (MACHINE, LANE)
        for name, state in states.items()
        for target in [state.get("Next"), state.get("Default"), *(rule["Next"] for rule in state.get("Choices", []))]
        if target
    }
    assert real <= drawn
    caught = {
        (name, catcher["Next"])
        for states in (MACHINE, LANE)
        for name, state in states.items()
        for catcher in state.get("Catch", [])
    }
    assert drawn <= real | caught


@pytest.mark.parametrize("text", REQUESTS)
def test_every_request_in_it_is_valid(text):
    request = parse(json.loads(text))
    for field, source in request.expressions.items():
        Expression(source, field)


def test_the_request_table_is_that_of_its_types():
    written = runpy.run_path(str(DOCS / "request.py"))["written"]
    assert written(REFERENCE) == REFERENCE, "docs/request.md is stale: make format writes it anew"


def test_every_field_of_the_request_has_a_meaning():
    assert list(MEANINGS) == list(EXAMPLES)
    assert all(MEANINGS.values())


def test_the_options_in_the_request_table_are_those_of_the_command():
    table = set(re.findall(r"`(--[\w-]+)`", REFERENCE))
    described = CliRunner().invoke(cli, ["run", "--help"]).output
    assert table
    assert all(f" {option}" in described for option in table)


def test_the_refusal_it_quotes_is_the_real_one():
    from datetime import UTC, datetime

    from redrive.values.errors import InvalidRequest
    from redrive.values.window import span_of

    request = parse({"queue": "q", "filter": {"sent": {"day": "soon"}}})
    with pytest.raises(InvalidRequest) as error:
        span_of(request.filter.sent, datetime.now(UTC))
    assert f"`{error.value}`" in README


def anchors(text):
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_a_page_points_to_is_there(page):
    for target, anchor in re.findall(r"\]\((?!http)([\w./]*)#?([\w-]*)\)", page.read_text()):
        found = page.parent / target if target else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text()), f"{target}#{anchor}"


def test_the_first_screen_is_short():
    assert len(README.splitlines()) <= 120


def test_the_index_knows_every_page():
    index = (DOCS / "README.md").read_text()
    assert [page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index] == []


@pytest.mark.parametrize("room", ["values", "stores", "sqs", "origins", "expressions", "steps"])
def test_the_architecture_names_every_room(room):
    assert re.search(rf"^ +{room}/", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)


def test_the_picture_loads_nothing_from_elsewhere():
    picture = (DOCS / "run.svg").read_text()
    assert "Redrive&#160;complete" in picture
    assert re.findall(r"https?://[^\s\"<]+", picture) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize(
    "command",
    sorted(
        {
            found
            for page in PAGES
            if page.name != "CHANGELOG.md"  # which tells of what was
            for found in re.findall(r"`redrive ([a-z][^`]*)`", page.read_text())
        }
    ),
)
def test_every_command_that_a_page_names_is_one_with_its_options(command):
    words = command.split()
    known = CliRunner().invoke(cli, [words[0], "--help"])
    assert known.exit_code == 0
    assert all(f" {word}" in known.output for word in words[1:] if word.startswith("--"))

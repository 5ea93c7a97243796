"""docs/expressions-by-example.md: each example judged by the judge that a run has."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from redrive.expressions.exact import read, write
from redrive.expressions.judge import Judge
from redrive.expressions.shapes import view_of
from redrive.steps.validate import parse
from redrive.values.message import NO_STAMP
from redrive.values.outcome import Outcome
from support.library import criteria, message, stamp, text

PAGE = (Path(__file__).parents[3] / "docs" / "expressions-by-example.md").read_text()
KNOWN = {"id", "body", "attributes", "group", "source", "redrives", "received_count"}
ENDS = {"Selects": None, "Leaves": Outcome.HELD, "Fails": Outcome.FAILED}
ANSWER = r"```jsonata where\n(.*?)```\n(.*?)(?=```jsonata where|\Z)"  # and what the page says of it


@dataclass(frozen=True)
class Example:
    """One `where` of the page with the messages above it, what the page says of them, and what it makes of them."""

    title: str
    lines: list[str]
    fifo: bool
    where: str
    says: str
    transform: Any
    result: list[str]


def block(kind, section):
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    return found[1].strip() if found else ""


def examples():
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        fifo = block("json messages fifo", section)
        lines = (fifo or block("json messages", section)).splitlines()
        document = block("json transform", section)
        transform = json.loads(document) if document else block("jsonata transform", section) or None
        result = block("json result", section).splitlines()
        for where, says in re.findall(ANSWER, section, re.DOTALL):
            yield Example(title, lines, bool(fifo), where.strip(), says, transform, result)


EXAMPLES = list(examples())
CHANGES = [example for example in EXAMPLES if example.transform]


def letter(line):
    """The message that a line of the page stands for."""
    given = read(line)
    assert set(given) <= KNOWN
    system = {"ApproximateReceiveCount": str(given.get("received_count", 1))}
    if "group" in given:
        system["MessageGroupId"] = given["group"]
    if "source" in given:
        system["DeadLetterQueueSourceArn"] = f"arn:aws:sqs:us-east-1:123456789012:{given['source']}"
    attributes = {name: attribute(value) for name, value in given.get("attributes", {}).items()}
    if given.get("redrives"):
        attributes |= stamp(int(given["redrives"]), "an-earlier-run", "x")
    body = given["body"] if isinstance(given["body"], str) else as_json(given["body"])
    return replace(message(0, body, attributes=attributes, **system), id=given["id"])


def attribute(value):
    return text(value) if isinstance(value, str) else {"DataType": "Number", "StringValue": as_json(value)}


def as_json(value):
    return write(value, other=lambda odd: pytest.fail(f"{odd!r} is no JSON"))


def judged(example):
    """Each message of the example, and its verdict."""
    letters = [letter(line) for line in example.lines]
    judge = Judge(criteria(where=example.where, transform=example.transform), "run-1")
    return list(zip(letters, judge.judge_all(letters, limit=None, in_order=example.fifo), strict=True))


def said(example):
    """What the page says of each message: id → how it ends."""
    return {
        name: outcome
        for word, outcome in ENDS.items()
        for names in re.findall(rf"\b{word}((?:\s`[^`]+`,?)+)", example.says)
        for name in re.findall(r"`([^`]+)`", names)
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_it_takes_what_the_page_says_and_leaves_what_it_must(example):
    found = {letter.id: verdict.outcome for letter, verdict in judged(example)}

    assert found == said(example)
    assert {None, Outcome.HELD} <= set(found.values())


@pytest.mark.parametrize("example", CHANGES, ids=lambda example: example.title)
def test_it_makes_what_the_page_says(example):
    made = []
    for old, verdict in judged(example):
        if verdict.sends:
            new = verdict.outgoing
            body = old.body if new.body is None else new.body
            attributes = old.attributes if new.attributes is None else new.attributes
            made.append(replace(old, body=body, attributes=attributes))

    assert [(new.id, new.body, shown(new)) for new in made] == [
        (new.id, new.body, shown(new)) for new in map(letter, example.result)
    ]


def shown(made):
    """Its attributes, numbers as they are written."""
    return as_json(view_of(made, NO_STAMP)["attributes"])


@pytest.mark.parametrize("example", CHANGES, ids=lambda example: example.title)
def test_a_request_takes_it(example):
    assert parse({"queue": "q", "filter": {"where": example.where}, "transform": example.transform})


def test_there_are_twenty_and_more():
    assert len({example.title for example in EXAMPLES}) == PAGE.count("\n### ") >= 20

"""docs/expressions.md, held against what it describes."""

import json
import re
from pathlib import Path

import pytest

from redrive.expressions.exact import scripted, write
from redrive.expressions.jsonata import Expression
from redrive.expressions.judge import Judge
from redrive.expressions.library import MORE
from redrive.expressions.shapes import view_of
from redrive.steps.validate import parse
from redrive.values.message import NO_STAMP
from support.library import criteria, message

PAGE = (Path(__file__).parents[3] / "docs" / "expressions.md").read_text()
BODY = re.search(r"Over the message `(.*)`:", PAGE)[1]
ROWS = re.findall(r"^\| `(.+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
DOCUMENTS = [line for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize(("source", "value"), ROWS)
def test_an_example_gives_what_the_page_says(source, value):
    view = view_of(message(body=BODY, ApproximateReceiveCount="4"), NO_STAMP)
    found = Expression(source.replace("\\|", "|"), "filter.where").evaluate(view, {})
    assert write(found, other=repr, number=scripted) == value


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_example_of_a_transform_changes_a_message(document):
    request = parse(json.loads(document))
    sns = json.dumps({"Type": "Notification", "Message": '{"v":1}'})
    [verdict] = Judge(criteria(transform=request.transform), "run-1").judge_all(
        [message(body=sns)], limit=None, in_order=False
    )
    assert verdict.sends, verdict.reason
    assert verdict.outgoing.body or verdict.outgoing.attributes is not None


def test_the_page_names_all_that_an_expression_sees():
    judge = Judge(criteria(where="true"), "run-1")
    first = "".join(re.findall(r"^\| (`.*?) \|", PAGE.split("## What they can do")[0], re.MULTILINE))
    named = set(re.findall(r"`(\$?\w+)`", first))
    assert named == set(view_of(message(), NO_STAMP)) | {f"${name}" for name in judge._variables}


def test_the_page_names_the_functions_of_ours():
    assert {f"`${name}(text)`" for name in MORE} <= set(re.findall(r"`\$\w+\(text\)`", PAGE))


def test_the_error_it_shows_is_the_one_that_is_said():
    with pytest.raises(Exception, match=r"column 17: == is no") as caught:
        Expression('body.error.code == "x"', "filter.where")
    assert str(caught.value) in PAGE

"""`redrive try`: a request is tried with the code of the functions, and nothing is sent or taken."""

import json

import pytest

from support.aws import count, make_queues, send

BODIES = [json.dumps({"n": n, "price": n + 0.5, "error": {"code": ["TIMEOUT", "DECLINED"][n % 2]}}) for n in range(10)]


@pytest.fixture(scope="module")
def queues(embedded):
    sqs = embedded.client("sqs")
    queues = make_queues(sqs)
    send(sqs, queues.dlq, BODIES)
    return queues


@pytest.fixture(scope="module")
def file(on_embedded, queues, tmp_path_factory):
    path = tmp_path_factory.mktemp("see") / "all.jsonl"
    assert on_embedded("peek", queues.name, "--all", str(path)).returncode == 0
    return str(path)


def test_what_matches_and_what_does_not(on_embedded, queues):
    done = on_embedded("try", queues.name, "--where", 'body.error.code = "TIMEOUT" and body.n > 3')

    assert done.returncode == 0, done.stderr
    assert f"3 of 10 messages of {queues.name} would be sent" in done.stdout
    assert '     5 fail  body.error.code = "TIMEOUT", 3 of them this alone' in done.stdout
    assert 'body.error.code: "DECLINED" (5)' in done.stdout
    assert count(queues.sqs, queues.dlq) == (10, 0)


def test_nothing_matches_is_said_and_is_no_error(redrive, file):
    done = redrive("try", "--file", file, "--where", 'body.eror.code = "TIMEOUT"')

    assert done.returncode == 0
    assert "none of 10 messages" in done.stdout
    assert "no message has body.eror.code; did you mean body.error.code?" in done.stdout


def test_a_transform_shows_before_and_after(redrive, file):
    done = redrive("try", "--file", file, "--where", "body.n = 1", "--transform", '$merge([body, {"price": 0}])')

    assert '  -  "price": 1.5,' in done.stdout
    assert '  +  "price": 0,' in done.stdout
    assert "The transform changes 1 of them:" in done.stdout


def test_colours_are_for_terminals(redrive, file):
    words = ("try", "--file", file, "--transform", '{"x": "\\u001b[2J"}')
    coloured = redrive(*words, FORCE_COLOR="1", TERM="xterm-256color").stdout
    assert "\x1b[31m" in coloured
    assert "\x1b[2J" not in coloured
    assert "\x1b" not in redrive(*words).stdout


@pytest.mark.parametrize(
    ("words", "pointed", "said"),
    [
        (["--where", "body.a == 1"], ["  body.a == 1", "         ^"], "column 8: =="),
        (["--where", "주문 = 1 and"], ["  주문 = 1 and", f"  {' ' * 11}^"], "column 10"),
        (["--transform", "a & \x1b[2J ("], None, "error: transform:"),
    ],
)
def test_an_expression_that_cannot_be_read_is_pointed_at(redrive, file, words, pointed, said):
    done = redrive("try", "--file", file, *words)

    assert done.returncode == 1
    assert said in done.stderr
    assert "\x1b" not in done.stderr
    if pointed:
        assert done.stderr.splitlines()[:2] == pointed


def test_one_that_fails_for_messages_is_an_error(redrive, file):
    done = redrive("try", "--file", file, "--where", "$number(body.error.code) = 1")

    assert done.returncode == 1
    assert "10 failed: filter.where: column 1: $number" in done.stdout
    assert "\n  $number(body.error.code) = 1\n  ^\n" in done.stdout


def test_json_has_a_line_for_each_message(redrive, file):
    done = redrive("try", "--file", file, "--where", "body.n < 2", "--transform", '"x"', "--json")
    *messages, whole = map(json.loads, done.stdout.splitlines())
    assert sorted(each.get("body", "") for each in messages) == [""] * 8 + ["x"] * 2
    assert (whole["messages"], whole["chosen"]) == (10, 2)


def test_the_days_of_a_request_count_as_well(redrive, file):
    done = redrive("try", "--file", file, "--older-than", "300d")
    assert "10 held: filter.sent does not match" in done.stdout


@pytest.mark.parametrize("words", [[], ["q"], ["q", "--file", __file__, "--where", "x"], ["--where", "x"]])
def test_there_must_be_something_to_try_and_something_to_try_it_on(redrive, words):
    assert redrive("try", *words).returncode == 2


def test_a_file_that_holds_no_messages_is_refused(redrive, tmp_path):
    path = tmp_path / "f"
    path.write_text("no\n")
    done = redrive("try", "--file", str(path), "--where", "x = 1")
    assert (done.returncode, "line 1: it is no message" in done.stderr) == (1, True)
    path.write_text("")
    assert "there is nothing to try it on" in redrive("try", "--file", str(path), "--where", "x = 1").stdout

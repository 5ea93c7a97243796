"""Names, causes, attributes, group names and AWS's answers are other people's text: no terminal takes orders from it."""

import contextlib
import io
import json
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from redrive.history.events import AttemptFailed, Ended, Entered
from redrive.history.visits import Visit
from redrive.steps.check import understand
from redrive.values.bill import no_requests
from redrive.values.message import Message
from redrive.values.outcome import no_counts
from redrive.values.queue import Queue, QueueDepth
from redrive.values.summary import Status, Summary
from redrive_cli.aws.looking import Sample
from redrive_cli.sample.groups import group
from redrive_cli.sample.trial import tried
from redrive_cli.view.console import console, escaped, print_json, show_error
from redrive_cli.view.history import history_json, show_history
from redrive_cli.view.live import Live
from redrive_cli.view.peek import peek_json, show_message, show_peek
from redrive_cli.view.progress import Progress
from redrive_cli.view.summary import show_summary
from redrive_cli.view.trial import show_trial
from support.library import a_lane

AT = datetime(2026, 11, 21, tzinfo=UTC)
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # Unicode's property Bidi_Control
EVIL = "\x1b]0;PWNED\x07\x1b[2J\x1b[31mAll good\x1b[0m\r\n2026-01-01 fake line\x9b1m\u202e"

controls = st.sampled_from(
    [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *BIDI, "\u2028", "\u2029", "\ud800", EVIL]
)
texts = st.lists(st.one_of(controls, st.characters()), max_size=12).map("".join)


def is_command(character):
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in BIDI


def printed(show, *given):
    """The lines that `show` prints on either stream."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        show(*given)
    text = out.getvalue()
    assert text.endswith("\n")
    return text.removesuffix("\n").split("\n")


def assert_tame(lines, number):
    assert len(lines) == number
    assert not [character for line in lines for character in line if is_command(character)]


@given(texts, texts)
def test_an_error(sentence, hint):
    assert_tame(printed(show_error, sentence, hint), 2)


@given(texts, texts, texts)
def test_a_history(state, error, cause):
    states = [Visit(state, "Task", None, AT, "failed", 0.5, 1, error, cause)]
    end = Ended(AT, None, "FAILED", error, cause)

    assert_tame(printed(lambda: show_history(console(), states, end)), 2)


@given(texts, texts, texts)
def test_progress(state, error, cause):
    def show():
        progress = Progress(console(stderr=True))
        progress.show(Entered(AT, None, state, "Task", {}))
        progress.show(AttemptFailed(AT, None, state, error, cause))

    assert_tame(printed(show), 2)


@given(texts, texts)
def test_what_a_terminal_is_drawn_over_with(state, why):
    lane = a_lane(index=0, round=1, turn=1, counts=no_counts()).ending(why)

    def show():
        view = Live(console())
        view.take(Entered(AT, None, state, "Map", {}))
        view.take(Entered(AT, 1, state, "Task", {"lane": lane.to_json()}))
        Console(color_system=None).print(view)
        view.lanes_ended()

    assert_tame(printed(show), 4)


@given(texts.filter(bool))
def test_a_summary(text):
    summary = Summary(
        run=text,
        status=Status.INCOMPLETE,
        counts=no_counts(),
        queue=text,
        destination=text,
        started_by=text,
        path="custom",
        because=[text],
        counted=3,
        rounds=1,
        lanes=1,
        lanes_because=[text],
        started="s",
        ended="e",
        seconds=1.0,
        ledger=text,
        requests=no_requests(),
        reasons={text: 1},
        groups={text: text},
        notes=[text],
    )
    harmless = len(printed(lambda: show_summary(console(), summary.__class__(**{**vars(summary), "run": "r"}))))

    assert_tame(printed(lambda: show_summary(console(), summary)), harmless)


def a_look(text):
    attributes = {text: {"DataType": f"String.{text}", "StringValue": text}}
    bodies = [text, json.dumps({"error": {text: text}}), json.dumps({"error": text}), f"{text}2"]
    queue = Queue("orders-dlq", "", "", fifo=True, max_bytes=1)
    messages = [Message(f"{text}{n}", text, body, attributes, {text: text}) for n, body in enumerate(bodies * 2)]
    return Sample(queue, QueueDepth(9, 1, 1), messages, whole=False)


@settings(max_examples=10, deadline=None)
@given(texts)
def test_a_look_into_a_queue(text):
    sample = a_look(text)
    grouping = group(sample.messages)

    assert_tame_everywhere(printed(lambda: show_peek(console(), sample, grouping, f"redrive try {text}")))
    assert_tame_everywhere(printed(lambda: show_message(console(), sample.messages[1])))
    for document in peek_json(sample, grouping):
        assert_tame(printed(print_json, document), 1)


@settings(max_examples=10, deadline=None)
@given(texts)
def test_a_trial(text):
    document = {"queue": "q", "filter": {"where": "$exists(nothing) and body.error"}, "transform": "text & '!'"}
    for given_ in (document, {**document, "filter": {}}):
        trial = tried(a_look(text).messages, understand(given_, AT.isoformat())[1], in_order=False)
        assert_tame_everywhere(printed(lambda: show_trial(console(), trial, {"filter.where": text}, text)))  # noqa: B023


def assert_tame_everywhere(lines):
    assert_tame(lines, len(lines))


@given(texts, texts)
def test_json_stays_json(state, cause):
    documents = list(history_json([Visit(state, "Task", None, AT, cause=cause)], Ended(AT, None, "FAILED", "E", cause)))
    lines = printed(lambda: [print_json(document) for document in documents])

    assert_tame(lines, 2)
    assert all(line.isascii() for line in lines)
    assert [json.loads(line) for line in lines] == documents


@pytest.mark.parametrize(
    "text",
    ["orders-dlq", "주문 실패", "naïve 漢字\u3000🙂", "👩\u200d💻", "\u0646\u200c\u0645", "[b]no markup[/b]", "a\\b"],
)
def test_what_commands_nothing_is_shown_as_it_is(text):
    assert escaped(text) == text
    assert printed(show_error, text, "") == [f"error: {text}", "hint: "]


def test_what_commands_something_is_shown_as_python_writes_it():
    shown = escaped("\x1b[2J\x9b\r\n\u202e\ud800").encode(errors="replace")  # what xdist can carry
    assert shown == rb"\x1b[2J\x9b\r\n\u202e\ud800"


@pytest.mark.parametrize(
    "document",
    [
        {"queue": "q", EVIL: 1},
        {"queue": EVIL},
        {"queue": "q", "destination": EVIL},
        {"queue": "nope", "filter": {"where": f"a {EVIL} b ("}},
        {"queue": "nope", "filter": {"sent": {"day": EVIL}}},
    ],
    ids=["field", "queue", "destination", "where", "day"],
)
def test_whoever_may_start_an_execution_cannot_write_to_the_operators_terminal(on_embedded, embedded, document):
    sfn = embedded.client("stepfunctions")
    started = sfn.start_execution(stateMachineArn=embedded.state_machine, input=json.dumps(document))["executionArn"]
    while sfn.describe_execution(executionArn=started)["status"] == "RUNNING":
        pass

    for extra in ([], ["--json"]):
        done = on_embedded("show", started, *extra)
        assert done.returncode == 0, done.stderr
        assert not [character for character in done.stdout.replace("\n", "") if is_command(character)]
        assert not [line for line in done.stdout.splitlines() if line.startswith("2026-01-01 fake")]

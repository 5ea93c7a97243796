"""`redrive check`: what a request means, or what is wrong with it; and nothing is asked of AWS."""

import json

import pytest

GOOD = {
    "queue": "orders-dlq",
    "filter": {"sent": {"day": "2026-11-20"}, "where": "body.n > 1"},
    "timezone": "Asia/Seoul",
    "as_of": "2026-11-21",
}


@pytest.fixture
def check(redrive, tmp_path):
    def run(text, *options):
        file = tmp_path / "request.json"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return redrive("check", str(file), *options)

    return run


def test_a_right_one_is_told_in_words_with_its_times(check):
    done = check(json.dumps(GOOD))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "queue     orders-dlq",
        "sent      2026-11-20: from 2026-11-20T00:00:00+09:00 until 2026-11-21T00:00:00+09:00",
        "where     body.n > 1",
        "as of     2026-11-21",
        "timezone  Asia/Seoul",
        "to        the queue that each message came from",
    ]


def test_as_json_it_is_the_request_and_what_it_is_judged_by(check):
    told = json.loads(check(json.dumps(GOOD), "--json").stdout)

    assert told["request"] == GOOD
    assert told["criteria"]["sent_to"] - told["criteria"]["sent_from"] == 86_400_000


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"queue": "q", "limt": 3}', "limt: there is no such field; did you mean 'limit'?"),
        ('{"queue": "q", "filter": {"sent": {"day": "soon"}}}', "filter.sent.day: 'soon' is no day"),
        ('{"queue": "q", "filter": {"where": "a = ("}}', "filter.where: "),
        ("[]", "the request: it should be an object"),
        ('{"queue": "q",}', "request.json has no JSON that can be read: line 1, column 1"),
        ('{"queue": "a", "queue": "b"}', "'queue' is there twice"),
        ('{"queue": "q", "limit": NaN}', "NaN is no JSON"),
        (b"\xff\xfe", "it is not UTF-8"),
        ("[" * 100_000, "it is nested too deep"),
        ('{"queue": "q", "limit": ' + "9" * 5_000 + "}", "Exceeds the limit"),
        ("", "line 1, column 1"),
        ('{"queue": "\\u001b[2J", "limt\\u001b[2J": 1}', r"'limt\x1b[2J'"),
    ],
)
def test_a_wrong_one_is_one_sentence_with_the_field(check, text, error):
    done = check(text)

    assert (done.returncode, done.stdout) == (1, "")
    first, hint = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert hint.startswith("hint: ")

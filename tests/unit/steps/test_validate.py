"""The request is validated once, at the door, and every refusal is one sentence that says what to change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.steps.validate import parse
from redrive.values import window
from redrive.values.errors import InvalidRequest
from redrive.values.request import EXAMPLES, Request

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
HOUR = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")


def with_sent(**sent):
    return {"queue": "orders-dlq", "filter": {"sent": sent}}


def sent_window(request, now):
    return window.span_of(request.filter.sent, now)


def refusal(document, now=NOW):
    """The sentence with which a request is refused, wherever in the module that happens."""
    with pytest.raises(InvalidRequest) as caught:
        sent_window(parsed := parse(document), now.astimezone(window.zone(parsed.timezone)))
    return str(caught.value)


def is_one_sentence(sentence, field):
    assert sentence.startswith(f"{field}: ")
    assert sentence[-1] in ".?"
    assert "\n" not in sentence
    for noise in ("pydantic", "http", "Traceback", "type=", "input_value", "instance of"):
        assert noise not in sentence
    return True


def test_only_the_queue_is_required():
    assert parse({"queue": "orders-dlq"}).to_json() == {"queue": "orders-dlq"}


@pytest.mark.parametrize(
    "document",
    [
        {
            "queue": "orders-dlq",
            "destination": "orders",
            "filter": {"sent": {"from": "2026-11-19", "to": "2026-11-20"}, "where": "true", "max_redrives": 0},
            "transform": "body",
            "key": "body.orderId",
            "limit": 1,
            "rate": 1,
            "lanes": 32,
            "path": "custom",
            "preview": True,
            "alone": True,
            "timezone": "Asia/Seoul",
            "as_of": "2026-11-20T06:00:00Z",
        },
        with_sent(day="yesterday"),
        with_sent(older_than="PT2H"),
        {"queue": "orders-dlq", "filter": {"max_redrives": 3}},
        {"queue": "orders-dlq", "transform": {"body": "text"}},
        {"queue": "orders-dlq", "transform": {"attributes": "{}", "body": "text"}},
        {"queue": "orders-dlq", "filter": {"of_run": {"run": "2026-11-20/a-b", "outcomes": ["held", "failed"]}}},
        {"queue": "orders-dlq", "action": "delete", "filter": {"where": "true"}, "limit": 5},
        {"queue": "orders-dlq", "key": {"expression": "body.orderId", "hashed": True}},
    ],
    ids=[
        "every field",
        "a day",
        "an age",
        "a cap",
        "a body",
        "body and attributes",
        "an earlier run",
        "a deletion",
        "a hashed key",
    ],
)
def test_a_request_is_given_back_as_it_was_typed(document):
    assert parse(document).to_json() == document
    assert Request.from_json(document) == parse(document)


WRONG = {
    "not an object": ([], "the request"),
    "nothing": (None, "the request"),
    "a text": ("orders-dlq", "the request"),
    "half a character in a name": ({"queue": "q", "\ud800": 1}, "the request"),
    "half a character in a name within": ({"queue": "q", "filter": {"\ud800": 1}}, "filter"),
    "half a character in a text": (with_sent(day="\ud800"), "filter.sent.day"),
    "no queue": ({}, "queue"),
    "misspelt queue": ({"quueue": "orders-dlq"}, "quueue"),
    "unknown field": ({"queue": "q", "colour": "red"}, "colour"),
    "unknown in filter": ({"queue": "q", "filter": {"were": "true"}}, "filter.were"),
    "unknown in sent": (with_sent(dya="yesterday"), "filter.sent.dya"),
    "queue a number": ({"queue": 5}, "queue"),
    "queue empty": ({"queue": ""}, "queue"),
    "queue null": ({"queue": None}, "queue"),
    "destination a list": ({"queue": "q", "destination": ["orders"]}, "destination"),
    "destination empty": ({"queue": "q", "destination": ""}, "destination"),
    "filter a text": ({"queue": "q", "filter": "body.x"}, "filter"),
    "filter null": ({"queue": "q", "filter": None}, "filter"),
    "sent a text": ({"queue": "q", "filter": {"sent": "yesterday"}}, "filter.sent"),
    "sent empty": (with_sent(), "filter.sent"),
    "sent two ways": (with_sent(day="today", older_than="PT1H"), "filter.sent"),
    "sent three ways": (with_sent(day="today", older_than="PT1H", to="2026-11-20"), "filter.sent"),
    "day a number": (with_sent(day=20261120), "filter.sent.day"),
    "day misspelt": (with_sent(day="yesteday"), "filter.sent.day"),
    "day of no month": (with_sent(day="2026-02-30"), "filter.sent.day"),
    "day a time": (with_sent(day="2026-11-20T06:00:00Z"), "filter.sent.day"),
    "from as Python writes it": (with_sent(from_="2026-11-20"), "filter.sent.from_"),
    "from no date": (with_sent(**{"from": "last week"}), "filter.sent.from"),
    "to no date": (with_sent(to="20/11/2026"), "filter.sent.to"),
    "from a number": (with_sent(**{"from": 5}), "filter.sent.from"),
    "from after to": (with_sent(**{"from": "2026-11-21", "to": "2026-11-20"}), "filter.sent"),
    "from is to": (with_sent(**{"from": "2026-11-21T06:00Z", "to": "2026-11-21T06:00Z"}), "filter.sent"),
    "from empty": (with_sent(**{"from": "", "to": "2026-11-20"}), "filter.sent.from"),
    "from and to empty": (with_sent(**{"from": "", "to": ""}), "filter.sent.from"),
    "a day and an empty to": (with_sent(day="today", to=""), "filter.sent"),
    "age no duration": (with_sent(older_than="2 hours"), "filter.sent.older_than"),
    "age a number": (with_sent(older_than=7200), "filter.sent.older_than"),
    "age a bare number": (with_sent(older_than="7200"), "filter.sent.older_than"),
    "age zero": (with_sent(older_than="PT0S"), "filter.sent.older_than"),
    "age negative": (with_sent(older_than="-PT2H"), "filter.sent.older_than"),
    "age with a quote": (with_sent(older_than='PT2H"'), "filter.sent.older_than"),
    "age with an escape": (with_sent(older_than=r"PT2\u0048"), "filter.sent.older_than"),
    "where empty": ({"queue": "q", "filter": {"where": ""}}, "filter.where"),
    "where a boolean": ({"queue": "q", "filter": {"where": True}}, "filter.where"),
    "cap negative": ({"queue": "q", "filter": {"max_redrives": -1}}, "filter.max_redrives"),
    "cap a text": ({"queue": "q", "filter": {"max_redrives": "3"}}, "filter.max_redrives"),
    "an earlier run as a text": ({"queue": "q", "filter": {"of_run": "2026-11-20/a"}}, "filter.of_run"),
    "an earlier run without its name": ({"queue": "q", "filter": {"of_run": {}}}, "filter.of_run"),
    "an earlier run without its day": ({"queue": "q", "filter": {"of_run": {"run": "a"}}}, "filter.of_run.run"),
    "an earlier run of somewhere": (
        {"queue": "q", "filter": {"of_run": {"run": "2026-11-20/../x"}}},
        "filter.of_run.run",
    ),
    "no outcomes": (
        {"queue": "q", "filter": {"of_run": {"run": "2026-11-20/a", "outcomes": []}}},
        "filter.of_run.outcomes",
    ),
    "outcomes that are gone": (
        {"queue": "q", "filter": {"of_run": {"run": "2026-11-20/a", "outcomes": ["sent"]}}},
        "filter.of_run.outcomes",
    ),
    "key a number": ({"queue": "q", "key": 5}, "key"),
    "key empty": ({"queue": "q", "key": ""}, "key"),
    "key of nothing": ({"queue": "q", "key": {}}, "key"),
    "key hashed by a text": ({"queue": "q", "key": {"expression": "a", "hashed": "yes"}}, "key.hashed"),
    "action another": ({"queue": "q", "action": "purge"}, "action"),
    "delete without a filter": ({"queue": "q", "action": "delete"}, "filter"),
    "delete what was redriven least": ({"queue": "q", "action": "delete", "filter": {"max_redrives": 3}}, "filter"),
    "delete to somewhere": (
        {"queue": "q", "action": "delete", "filter": {"where": "true"}, "destination": "o"},
        "destination",
    ),
    "delete and change": (
        {"queue": "q", "action": "delete", "filter": {"where": "true"}, "transform": "body"},
        "transform",
    ),
    "delete at a rate": ({"queue": "q", "action": "delete", "filter": {"where": "true"}, "rate": 5}, "rate"),
    "transform a number": ({"queue": "q", "transform": 5}, "transform"),
    "transform an array": ({"queue": "q", "transform": ["body"]}, "transform"),
    "transform of nothing": ({"queue": "q", "transform": {}}, "transform"),
    "transform of nulls": ({"queue": "q", "transform": {"body": None}}, "transform"),
    "transform misspelt": ({"queue": "q", "transform": {"Attributes": "{}"}}, "transform.Attributes"),
    "transform's body empty": ({"queue": "q", "transform": {"body": ""}}, "transform.body"),
    "transform's attributes an object": ({"queue": "q", "transform": {"attributes": {}}}, "transform.attributes"),
    "transform empty": ({"queue": "q", "transform": ""}, "transform"),
    "limit zero": ({"queue": "q", "limit": 0}, "limit"),
    "limit negative": ({"queue": "q", "limit": -5}, "limit"),
    "limit a text": ({"queue": "q", "limit": "100"}, "limit"),
    "limit a half": ({"queue": "q", "limit": 1.5}, "limit"),
    "limit a boolean": ({"queue": "q", "limit": True}, "limit"),
    "rate zero": ({"queue": "q", "rate": 0}, "rate"),
    "rate negative": ({"queue": "q", "rate": -1}, "rate"),
    "limit beyond all": ({"queue": "q", "limit": 10**400}, "limit"),
    "rate beyond all": ({"queue": "q", "rate": 10**30}, "rate"),
    "cap beyond all": ({"queue": "q", "filter": {"max_redrives": 2**64}}, "filter.max_redrives"),
    "lanes zero": ({"queue": "q", "lanes": 0}, "lanes"),
    "lanes too many": ({"queue": "q", "lanes": 33}, "lanes"),
    "rate a half": ({"queue": "q", "rate": 0.5}, "rate"),
    "path unknown": ({"queue": "q", "path": "fast"}, "path"),
    "path a number": ({"queue": "q", "path": 1}, "path"),
    "preview a text": ({"queue": "q", "preview": "yes"}, "preview"),
    "alone a text": ({"queue": "q", "alone": "yes"}, "alone"),
    "preview a number": ({"queue": "q", "preview": 1}, "preview"),
    "zone unknown": ({"queue": "q", "timezone": "Asia/Soul"}, "timezone"),
    "zone a directory": ({"queue": "q", "timezone": "Europe"}, "timezone"),
    "zone a path": ({"queue": "q", "timezone": "../../etc/passwd"}, "timezone"),
    "zone empty": ({"queue": "q", "timezone": ""}, "timezone"),
    "zone a number": ({"queue": "q", "timezone": 9}, "timezone"),
    "as of a number": ({"queue": "q", "as_of": 1796061600}, "as_of"),
    "started by nobody": ({"queue": "q", "started_by": ""}, "started_by"),
    "age beyond time": (with_sent(older_than="P999999D"), "filter.sent.older_than"),
    "age of ages": (with_sent(older_than="P999999999D"), "filter.sent.older_than"),
    "the last day of all": (with_sent(day="9999-12-31"), "filter.sent.day"),
}


@pytest.mark.parametrize(
    ("document", "field"),
    [pytest.param(*case, id=name) for name, case in WRONG.items()],
)
def test_what_is_wrong_is_refused_in_one_sentence_that_names_its_field(document, field):
    assert is_one_sentence(refusal(document), field)


OF_AWS = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"queue": ""}, "queue: it should have at least 1 character; write "),
        ({"queue": "q", "filter": {"where": ""}}, "filter.where: it should have at least 1 character; write "),
        ({"queue": "q", "started_by": "x" * 301}, "started_by: it should have at most 300 characters; write "),
        ({"queue": "q", "rate": 0}, "rate: it should be greater than or equal to 1; write "),
    ],
)
def test_what_a_field_should_be_is_said_of_it(document, said):
    with pytest.raises(InvalidRequest) as caught:
        parse(document)
    assert str(caught.value).startswith(said)


def test_what_step_functions_adds_to_the_input_of_a_nested_execution_is_let_through():
    """Step Functions Developer Guide, "Associate workflow executions" (docs/facts.md I)."""
    by = "arn:aws:states:us-east-1:123456789012:execution:nightly:2026-11-20"
    document = {"queue": "orders-dlq", OF_AWS: by}
    assert parse(document) == parse({"queue": "orders-dlq"})
    assert document == {"queue": "orders-dlq", OF_AWS: by}


@pytest.mark.parametrize(
    "name", [OF_AWS.lower(), f"{OF_AWS}.$", f"{OF_AWS} ", "AWS_STEP_FUNCTIONS_STARTED_BY", "AWS_X", "Comment"]
)
def test_no_other_key_is_let_through(name):
    assert "there is no such field" in refusal({"queue": "orders-dlq", name: "x"})
    assert "there is no such field" in refusal({"queue": "orders-dlq", "filter": {OF_AWS: "x"}})


def test_the_error_behind_a_refusal_quotes_nothing_either():
    with pytest.raises(InvalidRequest) as caught:
        parse({"queue": "q", "limit": "s3cret"})
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("field", EXAMPLES)
def test_every_example_in_a_refusal_is_followed_by_a_period_and_says_what_to_write(field):
    assert str(window._wrong(field, "it is odd")) == f"{field}: it is odd; write {EXAMPLES[field]}."


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"quue": "q"}, "did you mean 'queue'?"),
        ({"queue": "q", "filter": {"where_": "true"}}, "did you mean 'where'?"),
        pytest.param(
            {"queue": "q", "filter.where": "true"},
            "filter",
        ),
        ({"queue": "q", "filter": {"xyz": 1}}, "the fields are sent, where, max_redrives, of_run."),
        pytest.param(
            {"queue": "q", "a.b": 1},
            "the fields are queue, action, destination, filter, ",
        ),
    ],
    ids=["misspelt", "misspelt within", "a path for a key", "nothing like it", "a dot in it"],
)
def test_an_unknown_field_gets_a_hint_that_helps(document, hint):
    assert hint in refusal(document).split(": ", 1)[1]


@pytest.mark.parametrize("name", ["\n", "\x1b[2J", "", "'", "x" * 100_000, "日本", "a b"])
def test_an_unknown_field_of_any_name_is_said_in_a_short_line_without_control_characters(name):
    for document in ({"queue": "q", name: 1}, {"queue": "q", "filter": {name: 1}}):
        sentence = refusal(document)
        assert "there is no such field" in sentence
        assert sentence.isprintable()
        assert len(sentence) < 250


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([name for name in EXAMPLES if "." not in name]), JSON))
def test_whatever_json_it_is_it_is_taken_or_refused_in_one_sentence(document):
    said = "."
    try:
        parsed = parse(document)
        sent_window(parsed, NOW.astimezone(window.zone(parsed.timezone)))
    except InvalidRequest as error:
        said = str(error)
    assert "\n" not in said
    assert said[-1] in ".?"


@pytest.mark.parametrize(
    ("sent", "zone", "span"),
    [
        ({"day": "yesterday"}, "UTC", ("2026-11-20T00:00+00:00", "2026-11-21T00:00+00:00")),
        ({"day": "yesterday"}, "Asia/Seoul", ("2026-11-20T00:00+09:00", "2026-11-21T00:00+09:00")),
        ({"day": "today"}, "America/New_York", ("2026-11-21T00:00-05:00", "2026-11-22T00:00-05:00")),
        ({"day": "2026-03-29"}, "Europe/Berlin", ("2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00")),
        ({"day": "2026-10-25"}, "Europe/Berlin", ("2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00")),
        ({"from": "2026-11-19", "to": "2026-11-20"}, "UTC", ("2026-11-19T00:00+00:00", "2026-11-21T00:00+00:00")),
        ({"from": "2026-11-19"}, "UTC", ("2026-11-19T00:00+00:00", None)),
        ({"to": "2026-11-20"}, "UTC", (None, "2026-11-21T00:00+00:00")),
        ({"from": "2026-11-19T18:00:00+09:00"}, "UTC", ("2026-11-19T09:00+00:00", None)),
        ({"to": "2026-11-20T06:00:00Z"}, "Asia/Seoul", (None, "2026-11-20T06:00+00:00")),
        ({"to": "2026-11-20T06:00"}, "Asia/Seoul", (None, "2026-11-20T06:00+09:00")),
        ({"older_than": "PT2H"}, "Asia/Seoul", (None, "2026-11-21T04:00+00:00")),
        ({"older_than": "P1D"}, "UTC", (None, "2026-11-20T06:00+00:00")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_span_is_in_the_requests_time_zone_and_a_bare_day_is_all_of_it(sent, zone, span):
    parsed = parse(with_sent(**sent) | {"timezone": zone})
    expected = tuple(end and round(datetime.fromisoformat(end).timestamp() * 1000) for end in span)
    assert sent_window(parsed, NOW.astimezone(window.zone(parsed.timezone))) == expected


def test_without_filter_sent_the_span_is_open_at_both_ends():
    assert sent_window(parse({"queue": "q"}), NOW) == (None, None)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)], ids=["spring", "autumn", "summer"]
)
def test_a_day_is_as_long_as_it_is_where_the_clocks_change(day, hours):
    start, end = sent_window(parse(with_sent(day=day)), NOW.astimezone(BERLIN))
    assert end - start == hours * HOUR


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN),
        datetime(2026, 3, 29, 12, 0, tzinfo=BERLIN),
        datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
        datetime(2026, 10, 25, 12, 0, tzinfo=BERLIN),
    ],
    ids=str,
)
def test_an_age_is_time_that_has_passed_also_where_the_clocks_change(now):
    _, end = sent_window(parse(with_sent(older_than="PT24H")), now)
    assert round(now.timestamp() * 1000) - end == 24 * HOUR


moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(["UTC", "Asia/Seoul", "Europe/Berlin", "America/New_York", "America/Havana", "Africa/Cairo"])


@given(moments, zones)
def test_yesterday_ends_where_today_begins(moment, zone):
    now = moment.astimezone(ZoneInfo(zone))
    start, end = sent_window(parse(with_sent(day="yesterday")), now)
    today, tomorrow = sent_window(parse(with_sent(day="today")), now)
    assert start < end == today < tomorrow
    assert today <= now.timestamp() * 1000 < tomorrow


@given(st.dates(datetime(2020, 1, 1).date(), datetime(2035, 1, 1).date()), zones)
def test_days_follow_each_other_without_a_gap_or_an_overlap(day, zone):
    now = NOW.astimezone(ZoneInfo(zone))
    _, end = sent_window(parse(with_sent(day=day.isoformat())), now)
    start, _ = sent_window(parse(with_sent(day=(day + timedelta(days=1)).isoformat())), now)
    assert start == end

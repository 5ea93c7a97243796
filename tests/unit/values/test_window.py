"""Times are read by one grammar, and mean one moment; whatever else it is, is refused in a sentence with a remedy."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from redrive.values.errors import InvalidRequest
from redrive.values.request import EXAMPLES, Window
from redrive.values.window import reckoned_from, span_of, zone

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000


def ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def start_of(text, now=NOW):
    return span_of(Window(from_=text), now)[0]


def refusal(now=NOW, **window):
    with pytest.raises(InvalidRequest) as caught:
        span_of(Window(**window), now)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence[-1] == "."
    assert len(sentence) < 300
    return sentence


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-19", "2026-11-19T00:00+00:00"),
        ("today", "2026-11-21T00:00+00:00"),
        ("yesterday", "2026-11-20T00:00+00:00"),
        ("now", "2026-11-21T06:00+00:00"),
        ("2026-11-19T18:00", "2026-11-19T18:00+00:00"),
        ("2026-11-19 18:00", "2026-11-19T18:00+00:00"),
        ("2026-11-19T18:00:09", "2026-11-19T18:00:09+00:00"),
        ("2026-11-19T18:00:09Z", "2026-11-19T18:00:09+00:00"),
        ("2026-11-19T18:00Z", "2026-11-19T18:00+00:00"),
        ("2026-11-19T18:00+09:00", "2026-11-19T09:00+00:00"),
        ("2026-11-19T18:00:00.000+0900", "2026-11-19T09:00+00:00"),
        ("2026-11-19T18:00:00-03:30", "2026-11-19T21:30+00:00"),
        ("2026-11-19T18:00:00.5Z", "2026-11-19T18:00:00.500+00:00"),
        ("2026-11-19T18:00:00.123Z", "2026-11-19T18:00:00.123+00:00"),
        ("2026-11-19T18:00:00.123000Z", "2026-11-19T18:00:00.123+00:00"),
        # Whole milliseconds is all that SQS tells: what is finer is cut off on both sides.
        ("2026-11-19T18:00:00.1239999Z", "2026-11-19T18:00:00.123+00:00"),
        ("2026-11-19T23:59:59.999999999Z", "2026-11-19T23:59:59.999+00:00"),
        ("2000-01-01", "2000-01-01T00:00+00:00"),
        ("2099-12-31T23:59Z", "2099-12-31T23:59+00:00"),
    ],
)
def test_a_time_means_one_moment(text, moment):
    assert start_of(text) == ms(moment)


@pytest.mark.parametrize(
    ("text", "hours"),
    [("PT2H", 2), ("2h", 2), ("P1D", 24), ("3d", 72), ("1d12h", 36), ("P1DT12H", 36), ("2w", 336), ("P2W", 336),
     ("90m", 1.5), ("PT90M", 1.5), ("PT1H30M", 1.5), ("1h30m", 1.5), ("45s", 0.0125), ("PT45S", 0.0125)],
)  # fmt: skip
def test_an_age_is_so_much_time(text, hours):
    assert span_of(Window(older_than=text), NOW) == (None, ms("2026-11-21T06:00+00:00") - hours * HOUR)


NO_TIMES = [
    "", " ", "soon", "Today", "TODAY", "tomorrow", "last week", "2026-11-20 ", " 2026-11-20", "2026-11-20\n",
    "20261120", "2026-W47", "2026-W47-5", "2026W475", "2026-325", "2026-11", "2026", "26-11-20", "2026-1-2",
    "2026/11/20", "20/11/2026", "2026-11-20+09:00", "2026-11-20Z", "2026-11-20T", "2026-11-20T06", "2026-11-20T0600",
    "2026-11-20T06:00:", "2026-11-20T06:00:00.", "2026-11-20T06:00:00,5", "2026-11-20T06:00:00.1234567890",
    "2026-11-20X06:00", "2026-11-20_06:00", "2026-11-20/06:00", "2026-11-20t06:00", "2026-11-20T06:00z",
    "2026-11-20T06:00 +09:00", "2026-11-20T06:00+9", "2026-11-20T06:00+09", "2026-11-20T06:00+09:00:00",
    "2026-11-20T06:00UTC", "2026-11-20T06:00[Asia/Seoul]", "2026-11-20  06:00", "2026-11-18..2026-11-20", "PT2H", "2h",
    "\u0662\u0660\u0662\u0666-\u0661\u0661-\u0662\u0660", "2026\u201111\u201120", "/", "X", "_", "-1", "1e9", "now-2h",
    "2026-11-20T06:00\u22120900",
]  # fmt: skip
IN_NO_CALENDAR = [
    "2026-02-30", "2026-13-01", "2026-00-10", "2026-11-00", "2025-02-29", "1999-12-31", "2100-01-01", "0001-01-01",
    "9999-12-31", "1796-06-16", "0000-01-01", "2026-02-30T06:00Z", "1796-06-16T06:00Z",
]  # fmt: skip
ON_NO_CLOCK = [
    "2026-11-20T24:00", "2026-11-20T06:60", "2026-11-20T23:59:60Z", "2026-11-20T06:00+24:00", "2026-11-20T06:00+14:01",
    "2026-11-20T06:00-15:00", "2026-11-20T06:00+09:60",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_TIMES + IN_NO_CALENDAR + ON_NO_CLOCK)
def test_what_is_no_time_is_refused_at_either_end(text):
    for field, window in (("from", {"from_": text}), ("to", {"to": text})):
        sentence = refusal(**window)
        assert sentence.startswith(f"filter.sent.{field}: ")
        assert sentence.endswith(f"; write {EXAMPLES[f'filter.sent.{field}']}.")


@pytest.mark.parametrize("text", [*NO_TIMES, *IN_NO_CALENDAR, "now", "2026-11-20T06:00Z"])
def test_what_is_no_day_is_refused(text):
    sentence = refusal(day=text)
    assert sentence.startswith("filter.sent.day: ")
    assert sentence.endswith(f"; write {EXAMPLES['filter.sent.day']}.")


@pytest.mark.parametrize(
    "text",
    ["", "2", "7200", "2 h", "2H", "2 hours", "-2h", "+2h", "2h3d", "1h1h", "1.5h", "PT1.5H", "P", "PT", "P1DT", "P1H",
     "PT1D", "P1M", "P1Y", "p1d", "pt2h", "PT2H ", "\u0662h", "1000000s", "1e3s", "2ms", "P1W\n", "today",
     "2026-11-20", "0h", "PT0S", "0w0d0h0m0s", "P999999W", "30y", "10000d"],
)  # fmt: skip
def test_what_is_no_age_is_refused(text):
    sentence = refusal(older_than=text)
    assert sentence.startswith("filter.sent.older_than: ")
    assert sentence.endswith(f"; write {EXAMPLES['filter.sent.older_than']}.")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1796061600", "2026-11-30T18:00:00Z"),
        ("1796061600000", "2026-11-30T18:00:00.000Z"),
        ("1763700000123", "2025-11-21T04:40:00.123Z"),
        ("0000000000", "1970-01-01T00:00:00Z"),
        ("9999999999", "2286-11-20T17:46:39Z"),
    ],
)
def test_a_count_of_seconds_is_refused_and_its_time_is_said(text, moment):
    assert refusal(from_=text) == (
        f'filter.sent.from: {text} is a count from 1970, and no date; write "{moment}" if you mean that.'
    )
    assert refusal(day=text) == (
        f'filter.sent.day: {text} is a count from 1970, and no day; write "{moment[:10]}" if you mean that.'
    )


def test_a_time_that_the_clocks_show_twice_is_refused_with_both():
    assert refusal(datetime(2026, 11, 1, tzinfo=BERLIN), from_="2026-10-25T02:30") == (
        "filter.sent.from: 2026-10-25T02:30 comes twice in Europe/Berlin, where the clocks go back; "
        "write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00."
    )


def test_a_time_that_the_clocks_never_show_is_refused():
    assert refusal(datetime(2026, 11, 1, tzinfo=BERLIN), to="2026-03-29T02:30") == (
        "filter.sent.to: there is no 2026-03-29T02:30 in Europe/Berlin, where the clocks go forward; "
        "write another time, or one with its offset from UTC."
    )


def test_with_an_offset_both_are_times():
    now = datetime(2026, 11, 1, tzinfo=BERLIN)
    assert span_of(Window(from_="2026-10-25T02:30+02:00", to="2026-10-25T02:30+01:00"), now) == (
        ms("2026-10-25T00:30+00:00"),
        ms("2026-10-25T01:30+00:00"),
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-21", "2026-11-20"),
        ("2026-11-21T06:00Z", "2026-11-21T06:00Z"),
        ("today", "yesterday"),
        ("now", "yesterday"),
        ("2026-11-21T06:00+01:00", "2026-11-21T05:00Z"),
        # By the clock the end is later; the clocks went back between.
        ("2026-10-25T02:30+01:00", "2026-10-25T02:45+02:00"),
        ("2026-10-25T01:59+00:00", "2026-10-25T01:58+00:00"),
        # They went forward: 03:10 comes ten minutes after 01:59+01:00.
        ("2026-03-29T01:20+00:00", "2026-03-29T03:10"),
    ],
)
def test_a_span_that_does_not_end_after_it_begins_is_refused(start, end):
    now = datetime(2026, 11, 21, 7, 0, tzinfo=BERLIN)
    assert refusal(now, from_=start, to=end) == (
        f"filter.sent: from ({start}) is not before to ({end}); write the earlier one in from."
    )


@pytest.mark.parametrize(
    ("window", "span"),
    [
        ({"from_": "yesterday", "to": "today"}, ("2026-11-20T00:00+09:00", "2026-11-22T00:00+09:00")),
        ({"from_": "yesterday", "to": "yesterday"}, ("2026-11-20T00:00+09:00", "2026-11-21T00:00+09:00")),
        ({"from_": "2026-11-18", "to": "now"}, ("2026-11-18T00:00+09:00", "2026-11-21T15:00+09:00")),
        ({"to": "yesterday"}, (None, "2026-11-21T00:00+09:00")),
        ({"from_": "today", "to": "2026-11-21T01:00Z"}, ("2026-11-21T00:00+09:00", "2026-11-21T10:00+09:00")),
    ],
)
def test_words_may_stand_at_either_end(window, span):
    now = NOW.astimezone(ZoneInfo("Asia/Seoul"))
    assert span_of(Window(**window), now) == tuple(end and ms(end) for end in span)


def test_a_day_that_there_never_was_is_refused():
    """Samoa went from the 29th to the 31st of December 2011."""
    now = datetime(2012, 1, 5, tzinfo=ZoneInfo("Pacific/Apia"))
    assert "there was no 2011-12-30 in Pacific/Apia" in refusal(now, day="2011-12-30")
    assert span_of(Window(day="2011-12-29"), now)[1] == span_of(Window(day="2011-12-31"), now)[0]


def test_where_the_clocks_change_at_midnight_a_day_begins_with_its_first_moment():
    havana = datetime(2026, 11, 21, tzinfo=ZoneInfo("America/Havana"))
    # Forward from 00:00 to 01:00 on 8 March; back from 01:00 to 00:00 on 1 November.
    assert start_of("2026-03-08", havana) == ms("2026-03-08T05:00+00:00")
    assert start_of("2026-11-01", havana) == ms("2026-11-01T04:00+00:00")
    start, end = span_of(Window(day="2026-11-01"), havana)
    assert end - start == 25 * HOUR


STARTED = datetime(2026, 11, 21, 6, 0, 0, 250_000, tzinfo=UTC).astimezone(ZoneInfo("Asia/Seoul"))


@pytest.mark.parametrize(
    ("as_of", "moment"),
    [
        (None, "2026-11-21T15:00:00.250+09:00"),
        ("2026-11-21T05:59:58Z", "2026-11-21T14:59:58+09:00"),
        ("2026-11-20T00:30", "2026-11-20T00:30+09:00"),
        ("2026-11-18", "2026-11-18T00:00+09:00"),
        ("2026-11-21T06:04:00Z", "2026-11-21T15:04:00+09:00"),
    ],
    ids=["not said", "as the scheduler says it", "without an offset", "a day", "as another clock has it"],
)
def test_as_of_is_a_moment_in_the_requests_time_zone(as_of, moment):
    found = reckoned_from(as_of, STARTED)
    assert found.isoformat(timespec="milliseconds") == datetime.fromisoformat(moment).isoformat(timespec="milliseconds")
    assert found.tzinfo is STARTED.tzinfo


@pytest.mark.parametrize(
    "text",
    ["yesterday", "today", "now", "2h", "", "1796061600", "<aws.scheduler.scheduled-time>", "2026-11-22", "2027-11-20",
     "2026-11-21T06:06Z", "1999-12-31"],
)  # fmt: skip
def test_as_of_is_no_word_and_not_yet_to_come(text):
    with pytest.raises(InvalidRequest, match=r"^as_of: .*; write .*\.$"):
        reckoned_from(text, STARTED)


def test_what_is_yet_to_come_is_so_also_where_the_clocks_go_back():
    """02:50, and 02:10 a second time: by the clock earlier, and yet twenty minutes later."""
    started = datetime(2026, 10, 25, 2, 50, tzinfo=BERLIN)
    with pytest.raises(InvalidRequest, match="yet to come"):
        reckoned_from("2026-10-25T02:10+01:00", started)
    assert reckoned_from("2026-10-25T02:30+02:00", started).astimezone(UTC) == started.astimezone(UTC) - timedelta(
        minutes=20
    )


@pytest.mark.parametrize(
    "name",
    ["right/UTC", "posix/UTC", "localtime", "posixrules", "Factory", "Mars", "", "\0", "\ud800", "x" * 9999, "/"],
)
def test_what_is_no_time_zone_is_refused_in_a_short_sentence(name):
    with pytest.raises(InvalidRequest) as caught:
        zone(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200

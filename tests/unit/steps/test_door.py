"""Ten thousand drawn requests at the door: one that is let in means what docs/request.md says, any other gets a sentence.

What a request means is worked out here once more, and otherwise: by splitting texts instead of matching them, and by
asking at which moments a zone's clocks show a time instead of which moment a clock time is.
"""

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from redrive.steps.check import check
from redrive.values.errors import InvalidRequest, QueueNotFound

SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000
OF_AWS = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
DIGITS = set("0123456789")
NEVER = None  # what must be refused

# Whole hours, halves and quarters; clocks that change by half an hour, at midnight, twice a year more than others, by a day.
ZONES = [
    "UTC", "Asia/Seoul", "Europe/Berlin", "America/New_York", "America/Havana", "Asia/Kathmandu", "America/St_Johns",
    "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Pacific/Chatham", "Asia/Beirut",
]  # fmt: skip
CLOCK_CHANGES = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2011-12-30", "2026-04-05", "2026-10-04"]


# What is meant


def are_digits(text, *lengths):
    return len(text) in lengths and set(text) <= DIGITS


def date_of(text):
    parts = text.split("-")
    if len(parts) != 3 or not all(are_digits(part, n) for part, n in zip(parts, (4, 2, 2), strict=True)):
        return NEVER
    year, month, day = map(int, parts)
    if not (2000 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return NEVER
    return year, month, day


def shown(ms, zone):
    """What the clocks of a zone show then, to the second."""
    return datetime.fromtimestamp(ms // SECOND, zone).timetuple()[:6]


def as_if_utc(*wall):
    return calendar.timegm((*wall, 0, 0, 0)[:9]) * SECOND


def near(*wall):
    """Every moment at which the clocks of some zone could show this: a quarter of an hour is the finest offset."""
    return range(as_if_utc(*wall) - 15 * HOUR, as_if_utc(*wall) + 15 * HOUR + 1, 15 * 60 * SECOND)


def beginning(day, zone):
    return next(ms for ms in near(*day, 0, 0, 0) if shown(ms, zone)[:3] >= tuple(day))


def after(day, days=1):
    then = datetime(*day, tzinfo=UTC) + timedelta(days=days)
    return then.year, then.month, then.day


def moment_of(text, zone):
    day, middle, rest = date_of(text[:10]), text[10:11], text[11:]
    offset, away = None, 0
    if rest.endswith("Z"):
        rest, offset = rest[:-1], 0
    for sign in "+-":
        if sign in rest:
            rest, _, far = rest.partition(sign)
            far = far[:2] + far[3:] if far[2:3] == ":" else far
            if offset is not None or not are_digits(far, 4):
                return NEVER
            away = int(far[:2]) * 60 + int(far[2:])
            if away > 14 * 60 or int(far[2:]) > 59:
                return NEVER
            offset = away if sign == "+" else -away
    clock, point, fraction = rest.partition(".")
    parts = clock.split(":")
    if day is NEVER or middle not in {"T", " "} or len(parts) not in {2, 3} or (point and len(parts) == 2):
        return NEVER
    if not all(are_digits(part, 2) for part in parts) or (point and not are_digits(fraction, *range(1, 10))):
        return NEVER
    hour, minute, second = (*map(int, parts), 0)[:3]
    if hour > 23 or minute > 59 or second > 59:
        return NEVER
    wall, finer = (*day, hour, minute, second), int((fraction + "000")[:3])
    if offset is not None:
        return as_if_utc(*wall) - offset * 60 * SECOND + finer
    then = [ms for ms in near(*wall) if shown(ms, zone) == wall]
    return then[0] + finer if len(then) == 1 else NEVER


def age_of(text):
    """Milliseconds."""
    units = "wdhms"
    if text.startswith("P"):
        days, clock, times = text[1:].partition("T")
        if (clock and not times) or set("hms") & set(days.lower()) or set("wd") & set(times.lower()):
            return NEVER
        text, units = days + times, "WDHMS"
    total, left, number = 0, units, ""
    for letter in text:
        if letter in DIGITS:
            number += letter
        elif letter in left and 1 <= len(number) <= 6:
            total += int(number) * dict(zip(units, (7 * DAY, DAY, HOUR, 60 * SECOND, SECOND), strict=True))[letter]
            left, number = left.partition(letter)[2], ""
        else:
            return NEVER
    return NEVER if number or not total else total


def as_of_meant(document, started, zone):
    text = document.get("as_of")
    if text is None:
        return started
    day = date_of(text)
    then = beginning(day, zone) if day else moment_of(text, zone)
    return NEVER if then is NEVER or then > started + 5 * 60 * SECOND else then


def end_meant(text, zone, now, *, last):
    words = {"today": 0, "yesterday": -1}
    if text == "now":
        return now
    day = after(shown(now, zone)[:3], words[text]) if text in words else date_of(text)
    return moment_of(text, zone) if day is NEVER else beginning(after(day) if last else day, zone)


def span_meant(sent, zone, now):
    """The span; or the fields, one of which is at fault."""
    if sent is None:
        return None, None
    asked = {name for name, text in sent.items() if text is not None}
    if asked == {"older_than"}:
        age = age_of(sent["older_than"])
        refused = age is NEVER or now - age < as_if_utc(2000, 1, 1, 0, 0, 0)
        return {"filter.sent.older_than"} if refused else (None, now - age)
    if asked == {"day"}:
        span = (NEVER, NEVER)
        if sent["day"] in {"today", "yesterday"} or date_of(sent["day"]):
            span = tuple(end_meant(sent["day"], zone, now, last=last) for last in (False, True))
        return {"filter.sent.day"} if NEVER in span or span[0] == span[1] else span
    if not asked or not asked <= {"from", "to"}:
        return {"filter.sent"}
    ends = {name: end_meant(sent[name], zone, now, last=name == "to") for name in asked}
    wrong = {f"filter.sent.{name}" for name, end in ends.items() if end is NEVER}
    if not wrong and len(ends) == 2 and ends["from"] >= ends["to"]:
        wrong = {"filter.sent"}
    return wrong or (ends.get("from"), ends.get("to"))


# What is drawn


def spoilt(texts):
    """Texts, some with one character less, more or other."""

    @st.composite
    def draw_one(draw):
        text = draw(texts)
        if draw(st.integers(0, 9)):
            return text
        at = draw(st.integers(0, len(text)))
        put = draw(
            st.sampled_from(["", "0", "9", "-", ":", "T", "Z", "+", "P", "d", ".", " ", "\n", "/", "X", "_", "\u0661"])
        )
        return text[:at] + put + text[at + draw(st.integers(0, 1)) :]

    return draw_one()


two = st.integers(0, 62).map("{:02d}".format)
days = st.one_of(
    st.dates(date(1999, 12, 30), date(2100, 1, 3)).map(str),
    st.dates(date(2026, 11, 10), date(2026, 12, 1)).map(str),
    st.sampled_from(CLOCK_CHANGES),
    st.builds("{}-{}-{}".format, st.sampled_from(["2026", "1796", "9999"]), two, two),
)
clocks = st.one_of(
    st.times().map(lambda t: t.isoformat()),
    st.times().map(lambda t: t.isoformat("minutes")),
    st.builds(
        "{}:{}".format, st.sampled_from(["00", "01", "02", "03", "23", "24"]), st.sampled_from(["00", "15", "30"])
    ),
    st.times().flatmap(lambda t: st.integers(0, 10**10).map(lambda n: f"{t:%H:%M:%S}.{n}")),
    st.builds("{}:{}:{}".format, two, two, two),
)
offsets = st.one_of(
    st.sampled_from(["", "", "Z", "+00:00", "-00:00", "+0900", "+14:00", "-14:00", "+14:01"]),
    st.builds(
        "{}{}:{}".format,
        st.sampled_from("+-"),
        st.integers(0, 15).map("{:02d}".format),
        st.sampled_from(["00", "30", "45", "60"]),
    ),
)
moments = st.builds("{}{}{}{}".format, days, st.sampled_from("TTTT _"), clocks, offsets)
counts = st.integers(1_700_000_000, 1_800_000_000).flatmap(lambda n: st.sampled_from([str(n), f"{n}000"]))
words = st.sampled_from(["today", "yesterday", "now", "tomorrow", "Today", ""])
parts = st.integers(0, 1_000_001) | st.integers(0, 40)
short_ages = st.lists(st.builds("{}{}".format, parts, st.sampled_from("wdhms")), max_size=3).map("".join)
ordered_ages = st.lists(parts, min_size=5, max_size=5).map(lambda n: f"P{n[1]}DT{n[2]}H{n[3]}M{n[4]}S")
iso_ages = st.builds("P{}{}".format, st.sampled_from(["", "1D", "2W", "T"]), short_ages.map(str.upper))
ages = st.sampled_from(["2h", "3d", "PT2H", "P1D", "1d12h", "P1DT12H", "90m", "PT", "P", "7200"])
times = spoilt(st.one_of(days, days, moments, moments, moments, words, words, counts, st.text(max_size=12)))
ages = spoilt(st.one_of(ages, short_ages, ordered_ages, iso_ages, st.text(max_size=6)))
near_days = st.dates(date(2026, 11, 10), date(2026, 12, 1)).map(str)
sent = st.one_of(
    st.none(),
    st.fixed_dictionaries({"day": times}),
    st.fixed_dictionaries({"day": days | words}),
    st.fixed_dictionaries({"from": near_days, "to": near_days | words}),
    st.fixed_dictionaries({"from": near_days | words, "to": st.builds("{}T{}{}".format, near_days, clocks, offsets)}),
    st.fixed_dictionaries({"from": times}),
    st.fixed_dictionaries({"to": times}),
    st.fixed_dictionaries({"from": times, "to": times}),
    st.fixed_dictionaries({"from": words, "to": times}),
    st.fixed_dictionaries({"older_than": ages}),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("day", "from", "to", "older_than"), st.none() | times)),
)

SUFFIXES = {"amazonaws.com": "aws", "api.aws": "aws", "amazonaws.com.cn": "aws-cn", "c2s.ic.gov": "aws-iso"}


@st.composite
def references(draw, name):
    """A queue, written somehow; and whether it is here."""
    account = draw(st.sampled_from(["123456789012"] * 6 + ["12345"]))
    well = len(account) == 12
    region = draw(st.sampled_from(["us-east-1", "us-east-1", "us-east-1", "eu-west-1", "cn-north-1"]))
    kind = draw(st.sampled_from(["name"] * 24 + ["arn", "arn", "url", "url", "url", "local", "junk"]))
    if kind == "name":
        return name, True
    if kind == "junk":
        return draw(
            st.sampled_from([f"{name} ", f" {name}", f"{name}/", "", "a b", "\u0661", "x" * 81, "\ud800"])
        ), False
    if kind == "arn":
        partition = draw(st.sampled_from(["aws", "aws", "aws-cn", "aws-us-gov"]))
        here = (partition, region) == ("aws", "us-east-1")
        return f"arn:{partition}:sqs:{region}:{account}:{name}", here and well
    if kind == "local":
        return (
            f"http://{draw(st.sampled_from(['localhost:4566', '127.0.0.1', 'aws.example']))}/{account}/{name}",
            False,
        )
    suffix = draw(st.sampled_from(["amazonaws.com", *SUFFIXES]))
    form = draw(
        st.sampled_from(
            [
                "sqs.{}",
                "sqs.{}",
                "sqs-fips.{}",
                "{}.queue",
                "queue",
                "vpce-0a-1b.sqs.{}.vpce",
                "sns.{}",
                "sqs.x.{}",
                "sqs",
            ]
        )
    )
    host = f"{form.format(region)}.{suffix}"
    real = region if form != "queue" else "us-east-1"
    here = form not in {"sns.{}", "sqs.x.{}", "sqs"} and (SUFFIXES[suffix], real) == ("aws", "us-east-1")
    return f"https://{host}/{account}/{name}", here and well


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
MISSPELT = st.sampled_from(["quue", "filter.where", OF_AWS.lower(), "\n", "\ud800", "Limit", "a b", "", "x" * 300])


def is_count(value, least, most=10**12):
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most)


# A field's values, and which of them are right. `transform` has a grammar and tests of its own.
EXPRESSIONS = {"body.a = 1": True, "true": True, "a.b[0] in [1]": True, "(((": False, "": False, "a +": False}
EASY = {
    "limit": (st.sampled_from([1, 100, 10**12, None, 0, -1, 10**12 + 1, 10**400, 1.0, True]), lambda v: is_count(v, 1)),
    "rate": (st.sampled_from([1, 50, None, 0, 0.5, "1", float("nan")]), lambda v: is_count(v, 1)),
    "lanes": (st.sampled_from([1, 32, None, 0, 33, False]), lambda v: is_count(v, 1, 32)),
    "path": (st.sampled_from(["auto", "native", "custom", "Auto", None]), lambda v: v in ("auto", "native", "custom")),
    "preview": (st.sampled_from([True, False, "true", 1, None]), lambda v: isinstance(v, bool)),
    "record": (st.sampled_from([True, False, "true", 1, None]), lambda v: isinstance(v, bool)),
    "alone": (st.sampled_from([True, False, "true", 1, None]), lambda v: isinstance(v, bool)),
    "started_by": (
        st.sampled_from(["anna", "a" * 300, None, "", "a" * 301, 1]),
        lambda v: v is None or (isinstance(v, str) and 1 <= len(v) <= 300),
    ),
}


@st.composite
def requests(draw):
    """A document, and the names of the fields that are wrong in it."""
    document, wrong = {}, set()
    document["queue"], is_here = draw(references("orders-dlq"))
    if not is_here:
        wrong.add("queue")
    if not draw(st.integers(0, 5)):
        document["destination"], is_here = draw(references("orders"))
        if not is_here:
            wrong.add("destination")
    if not draw(st.integers(0, 4)):
        name = draw(st.sampled_from(list(EASY)))
        values, is_right = EASY[name]
        document[name] = draw(values)
        if not is_right(document[name]):
            wrong.add(name)
    zone = draw(st.sampled_from(ZONES * 4 + ["Mars", "", "right/UTC", "../etc", "\0"]))
    if draw(st.booleans()):
        document["timezone"] = zone
        if zone not in ZONES:
            wrong.add("timezone")
    if not draw(st.integers(0, 3)):
        document["as_of"] = draw(st.none() | moments | times)
    chosen = {}
    if draw(st.integers(0, 5)):
        chosen["sent"] = draw(sent)
    if not draw(st.integers(0, 7)):
        chosen["where"] = draw(st.sampled_from(list(EXPRESSIONS)))
        if not EXPRESSIONS[chosen["where"]]:
            wrong.add("filter.where")
    if not draw(st.integers(0, 7)):
        chosen["max_redrives"] = draw(st.sampled_from([0, 3, None, -1, "3", 2**64]))
        if not is_count(chosen["max_redrives"], 0):
            wrong.add("filter.max_redrives")
    if chosen or draw(st.booleans()):
        document["filter"] = chosen
    if not draw(st.integers(0, 9)):
        document[OF_AWS] = draw(st.text(max_size=5))
    if not draw(st.integers(0, 19)):
        document[draw(MISSPELT)] = draw(junk)
        wrong.add("any")
    if not draw(st.integers(0, 19)):
        document[draw(st.sampled_from(sorted(document)))] = draw(junk)
        wrong.add("perhaps")  # what was drawn may be right after all
    return document, wrong


starts = st.one_of(
    st.datetimes(datetime(2026, 11, 20), datetime(2026, 11, 25)),
    st.datetimes(datetime(2005, 1, 1), datetime(2090, 1, 1)),
    st.sampled_from(CLOCK_CHANGES).map(lambda day: datetime.fromisoformat(day) + timedelta(hours=1, minutes=30)),
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC))


def is_one_sentence(said):
    field, _, rest = said.partition(": ")
    assert said.isprintable()
    assert said[-1] in ".?"
    assert field
    assert "; " in rest or field == "filter.where"  # which has words, and a test of them, of its own
    assert len(said) < 1200
    return field


def knock(sqs, document, wrong, moment):
    """Ask for entry, and compare what comes of it with what is meant."""
    started = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        checked, said = check(sqs, document, started, lambda _: True), None
    except InvalidRequest as error:
        checked, said = None, str(error)
    except QueueNotFound:
        assert "perhaps" in wrong  # a name, and not the name of a queue
        return
    field = said and is_one_sentence(said)
    if wrong & {"any", "perhaps"}:
        event("a spoilt document: " + ("let in" if checked else "refused"))
        assert checked is None or "any" not in wrong
        return
    began = round(moment.timestamp() * 1000)
    if "timezone" not in wrong:
        zone = ZoneInfo(document.get("timezone", "UTC"))
        now = as_of_meant(document, began, zone)
        if now is NEVER:
            wrong = wrong | {"as_of"}
        else:
            span = span_meant(document.get("filter", {}).get("sent"), zone, now)
            wrong = wrong | span if isinstance(span, set) else wrong
    if wrong:
        event("refused")
        assert field in wrong or (field.startswith("filter.sent") and wrong & {"timezone", "as_of"}), (field, wrong)
    else:
        event("let in, and " + ("with a window" if span != (None, None) else "without one"))
        assert checked is not None, said
        criteria = checked.criteria
        assert (criteria.sent_from, criteria.sent_to, criteria.began) == (*span, began)
        assert criteria.today == "{}-{:02d}-{:02d}".format(*shown(now, zone)[:3])
        assert criteria.yesterday == "{}-{:02d}-{:02d}".format(*after(shown(now, zone)[:3], -1))
        assert round(datetime.fromisoformat(criteria.now).timestamp() * 1000) == now
        assert checked.queue.name == "orders-dlq"
        meant = {name: value for name, value in document.items() if name in EASY and value is not None}
        assert {name: getattr(checked.request, name) for name in meant} == meant


any_request = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(any_request, max_examples=300)
@given(requests(), starts)
def test_what_is_let_in_means_what_the_grammar_says_and_the_rest_gets_a_sentence(sqs, queues, drawn, moment):
    knock(sqs, *drawn, moment)


@pytest.mark.slow
@settings(any_request, max_examples=10_000)
@given(requests(), starts)
def test_of_ten_thousand_requests_none_means_something_else(sqs, queues, drawn, moment):
    knock(sqs, *drawn, moment)

"""Validate a request: what an operator typed, at the door. The only module that imports pydantic-core.

The same document starts a run from the command line, from the console's *Start execution* box and from the schedule.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pydantic_core import CoreConfig, SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from redrive.values.errors import InvalidRequest
from redrive.values.lane import MOST_LANES
from redrive.values.request import EXAMPLES, Filter, Request, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import CoreSchema, ErrorDetails


def _window(given: dict[str, str | None]) -> Window:
    window = Window(given.get("day"), given.get("from"), given.get("to"), given.get("older_than"))
    ways = [window.day, window.from_ if window.to is None else window.to, window.older_than]
    if sum(way is not None for way in ways) != 1:
        raise ValueError("exactly one of a day, a span and an age is needed")
    return window


def _transform(given: dict[str, str | None]) -> dict[str, str]:
    parts = {part: source for part, source in given.items() if source is not None}
    if not parts:
        raise ValueError("body or attributes is needed")
    return parts


def _object(make: Callable[[Any], Any], **schemas: CoreSchema) -> CoreSchema:
    """Give the schema of an object that `make` takes as a dictionary; of its fields only `queue` must be there."""
    given = {name: schema.typed_dict_field(of, required=name == "queue") for name, of in schemas.items()}
    return schema.no_info_after_validator_function(make, schema.typed_dict_schema(given, config=_STRICT))


_MOST = 10**12  # of whatever is counted; JSON has no limit, and what reads it on the way has
# What Step Functions puts into the input of an execution that another one starts (docs/facts.md I).
_OF_AWS = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"

# pydantic-core by itself: pydantic's models on top of it would double the time that `check` takes to start.
_STRICT = CoreConfig(strict=True, extra_fields_behavior="forbid", hide_input_in_errors=True)
_TEXT, _SOME_TEXT = schema.str_schema(), schema.str_schema(min_length=1)
_BOOL, _COUNT = schema.bool_schema(), schema.int_schema(ge=1, le=_MOST)
_OR_NONE = schema.nullable_schema
_WINDOW = _object(_window, **dict.fromkeys(("day", "from", "to", "older_than"), _OR_NONE(_TEXT)))
_FILTER = _object(
    lambda given: Filter(**given),
    sent=_OR_NONE(_WINDOW),
    where=_OR_NONE(_SOME_TEXT),
    max_redrives=_OR_NONE(schema.int_schema(ge=0, le=_MOST)),
)
_WHOLE, _LEAST = "the request", 'a JSON object, as in {"queue": "orders-dlq"}'
# A text is a text, and everything else has to be the object, so that an error is about one of the two.
_IS_TEXT, _IS_OBJECT = 0, 1  # numbers, since an error's place has them, and a field's name is none
_TRANSFORM = schema.tagged_union_schema(
    {_IS_TEXT: _SOME_TEXT, _IS_OBJECT: _object(_transform, body=_OR_NONE(_SOME_TEXT), attributes=_OR_NONE(_SOME_TEXT))},
    lambda given: _IS_TEXT if isinstance(given, str) else _IS_OBJECT,
)
_LONGEST_NAME = 40  # of a field that there is not
_LONGEST_WHO = 300
SCHEMA = _object(
    lambda given: Request(**given),
    queue=_SOME_TEXT,
    destination=_OR_NONE(_SOME_TEXT),
    filter=_FILTER,
    transform=_OR_NONE(_TRANSFORM),
    limit=_OR_NONE(_COUNT),
    rate=_OR_NONE(_COUNT),
    lanes=_OR_NONE(schema.int_schema(ge=1, le=MOST_LANES)),
    path=schema.literal_schema(["auto", "native", "custom"]),
    record=_BOOL,
    preview=_BOOL,
    alone=_BOOL,
    timezone=_TEXT,
    as_of=_OR_NONE(_TEXT),
    started_by=_OR_NONE(schema.str_schema(min_length=1, max_length=_LONGEST_WHO)),
)
_REQUEST = SchemaValidator(SCHEMA, _STRICT)


def parse(document: Any) -> Request:
    """Validate a request document. Raises InvalidRequest naming the field and what to write instead."""
    if not isinstance(document, dict):
        raise InvalidRequest(f"{_WHOLE}: it should be an object; write {_LEAST}.")
    try:
        request: Request = _REQUEST.validate_python(
            {name: value for name, value in document.items() if name != _OF_AWS}
        )
    except ValidationError as error:
        # A misspelt field is said before the one that is missing because of it.
        worst = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise InvalidRequest(_sentence(worst)) from error
    return request


def _sentence(error: ErrorDetails) -> str:
    names = [part for part in error["loc"] if isinstance(part, str)]
    field = ".".join(names) or _WHOLE
    example = EXAMPLES.get(field, _LEAST)
    if error["type"] == "extra_forbidden":
        return _unknown(".".join(names[:-1]), names[-1])
    if error["type"] == "dict_type":
        return f"{field}: it should be an object; write {example}."
    if error["type"] == "missing":
        return f"{field}: it is missing; write {example}."
    if error["type"] == "string_unicode":  # of a field's name, too
        return f"{field}: it has half a character in it, an unpaired surrogate; write {example}."
    what = error["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    what = f"it {what}" if what.startswith(("should", "must")) else what
    return f"{field}: {what}; write {example}."


def _unknown(parent: str, name: str) -> str:
    # Whatever stands in a key, and however long it is.
    shown = name if len(name) <= _LONGEST_NAME and name.replace(".", "").isidentifier() else repr(name[:_LONGEST_NAME])
    field = f"{parent}.{shown}" if parent else shown
    known = [path.rpartition(".")[2] for path in EXAMPLES if path.rpartition(".")[0] == parent]
    close = difflib.get_close_matches(name, known, n=1)
    if "." in name and name in EXAMPLES:
        outer, _, inner = name.rpartition(".")
        hint = f"write {inner!r} inside {outer!r}."
    elif close:
        hint = f"did you mean {close[0]!r}?"
    else:
        hint = f"the fields are {', '.join(known)}." if known else "leave it out."
    return f"{field}: there is no such field; {hint}"

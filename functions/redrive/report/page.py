"""The page: a document put into the file that shows it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

_PLACE = "{{document}}"
# In a script element only `<` can end it; the others are for whoever puts the page into another one.
_ESCAPES = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\x7f"})


def page(document: dict[str, Any]) -> bytes:
    """Put a document into the page. Whatever its texts are, they stay texts: ASCII, and nothing that HTML reads."""
    before, place, after = _page().partition(_PLACE)
    assert place, "the page has a place for the document"
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True).translate(_ESCAPES)
    return b"".join(part.encode() for part in (before, text, after))


def _page() -> str:
    return resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")

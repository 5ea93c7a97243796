"""What to type for a request: the words of `redrive run` that give a document."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]  # a request document

_NOT_TYPED = ("queue", "filter", "started_by")


def typed(document: Json) -> list[str] | None:
    """Give the options of `redrive run` that make this document, without its queue; None where there are none for it.

    What only a document can say is a transform of the attributes.
    """
    chosen = document.get("filter", {})
    fields = {"where": chosen.get("where"), "max_redrives": chosen.get("max_redrives"), **_sent(chosen.get("sent", {}))}
    fields |= {name: value for name, value in document.items() if name not in _NOT_TYPED}
    words: list[str] = []
    for name, value in fields.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, dict | list):
            return None
        if value is True:
            words.append(option)
        elif value is not None and value is not False:
            words += [f"{option}={value}"] if str(value).startswith("-") else [option, str(value)]
    return words


def _sent(window: Json) -> Json:
    if "from" in window or "to" in window:
        return {"sent": f"{window.get('from', '')}..{window.get('to', '')}"}
    return {"sent": window.get("day"), "older_than": window.get("older_than")}

"""A trial of a request on a sample, for people and for programs."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from redrive.values.message import UNCHANGED, attributes_to_json
from redrive_cli.sample.pointing import pointed
from redrive_cli.view.peek import body_lines
from redrive_cli.view.pointing import show_pointed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from redrive.values.message import Attributes, Message, Outgoing
    from redrive.values.verdict import Verdict
    from redrive_cli.sample.trial import Part, Trial
    from redrive_cli.view.console import Screen

SHOWN = 3  # messages, and as many that a transform changes
MOST_LINES = 60  # of the difference in one message
_MOST_COMPARED = 5_000  # lines; to compare takes the square of them
_LONGEST_SHOWN = 4_000  # characters that a line can need, however wide
_STYLES = {"-": "red", "+": "green", "…": "dim"}


def show_trial(out: Screen, trial: Trial, sources: Mapping[str, str], where_from: str) -> None:
    """Print a trial. `sources` are the request's expressions by their fields."""
    seen, chosen = len(trial.messages), trial.chosen
    if not seen:
        out.line(f"{where_from} gives no message: there is nothing to try it on.")
        return
    sign, number = (("✔ ", "green"), f"{len(chosen):,}") if chosen else (("○ ", "yellow"), "none")
    out.line(sign, (f"{number} of {_messages(seen)}", "bold"), f" of {where_from} would be sent")
    for message, _ in chosen[:SHOWN]:
        out.cut_line("    ", (message.body[:_LONGEST_SHOWN], "dim"))
    for (outcome, reason), count in trial.reasons.most_common():
        style = "red" if outcome == "failed" else ""
        out.line((f"{count:>6,} {outcome}: ", style), reason)
        place = pointed(reason, sources.get(reason.partition(":")[0], ""))
        show_pointed(out, place)
    if trial.parts:
        _show_parts(out, trial.parts)
    for missing, near in trial.unseen.items():
        out.line(("hint: ", "cyan"), f"no message has {missing}{f'; did you mean {near}?' if near else ''}")
    _show_changes(out, chosen)


def trial_json(trial: Trial) -> Iterator[dict[str, Any]]:
    """Give a document for each message, and one for all at the end."""
    for message, verdict in zip(trial.messages, trial.verdicts, strict=True):
        yield verdict.to_json(message)
    yield {
        "messages": len(trial.messages),
        "chosen": len(trial.chosen),
        "reasons": [{"outcome": outcome, "reason": why, "count": n} for (outcome, why), n in trial.reasons.items()],
        "parts": [vars(part) for part in trial.parts],
        "unseen": trial.unseen,
    }


def _show_parts(out: Screen, parts: list[Part]) -> None:
    out.line()
    out.line("How near those came that it does not match:")
    for part in parts:
        only = f", {part.alone:,} of them this alone" if len(parts) > 1 and part.alone else ""
        out.line((f"{part.failed:>6,} fail  ", "yellow"), (" ".join(part.condition.split()), "bold"), only)
        for field, values in part.found.items():
            said = ", ".join(f"{value[:_LONGEST_SHOWN]} ({count:,})" for value, count in values)
            if part.failed:
                out.cut_line(f"             {field}: ", (said, "dim"))


def _show_changes(out: Screen, chosen: list[tuple[Message, Verdict]]) -> None:
    changed = [(message, verdict.outgoing) for message, verdict in chosen if verdict.outgoing != UNCHANGED]
    if not changed:
        return
    out.line()
    different = [(message, outgoing) for message, outgoing in changed if _difference(message, outgoing)]
    out.line(f"The transform changes {len(different):,} of them:")
    for message, outgoing in different[:SHOWN]:
        out.line()
        out.line((f"  {message.id}", "bold"))
        lines = _difference(message, outgoing)
        for line in lines[:MOST_LINES]:
            out.cut_line("  ", (line[:_LONGEST_SHOWN], _STYLES.get(line[:1], "")))
        if len(lines) > MOST_LINES:
            out.line(f"  … and {len(lines) - MOST_LINES:,} lines more")


def _difference(message: Message, outgoing: Outgoing) -> list[str]:
    found: list[str] = []
    if outgoing.body is not None and outgoing.body != message.body:
        found += _compared(body_lines(message.body), body_lines(outgoing.body))
    if outgoing.attributes is not None and outgoing.attributes != message.attributes:
        found += _compared(_attribute_lines(message.attributes), _attribute_lines(outgoing.attributes))
    return found


def _compared(before: list[str], after: list[str]) -> list[str]:
    if len(before) + len(after) > _MOST_COMPARED:
        return [*(f"-{line}" for line in before), *(f"+{line}" for line in after)]
    lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    if not lines:  # the values are the same, and so they are written otherwise
        return [f"-{before[0]}", f"+{after[0]}"] if before and after else []
    return ["…" if line.startswith("@@") else line for line in lines[1:]]


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [
        f"attribute {name}: {value.get('StringValue', value.get('BinaryValue', ''))} ({value.get('DataType', '')})"
        for name, value in sorted(attributes_to_json(attributes).items())
    ]


def _messages(number: int) -> str:
    return f"{number:,} message{'s' if number != 1 else ''}"

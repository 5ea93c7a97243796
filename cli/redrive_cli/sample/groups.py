"""Groups: a sample's messages by what distinguishes their failures, each with the condition that selects just it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redrive_cli.sample.by import traits_by
from redrive_cli.sample.judging import flaw_of
from redrive_cli.sample.traits import DAY, KIND, RECEIVED, REDRIVES, SHAPE, SOURCE, Feature, Trait, traits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redrive.values.message import Message

MOST_GROUPS = 20  # more tell nobody anything
MOST_PROVED = 12  # groups, the largest: those that are shown
FEW = 5  # messages, of which each may have an error of its own
NOT_PROVED = "only the largest groups have their conditions proved"
_NO_TRAITS: dict[Feature, Trait] = {}

_FAULT = re.compile(r"err|exception|fault|fail|problem", re.IGNORECASE)
_SORT_OF_FAULT = re.compile(r"code|type|name|class|kind|status|error$|exception$|fault$", re.IGNORECASE)
_WHY = re.compile(r"reason|cause|condition|status|code|message|result", re.IGNORECASE)
_SORT = re.compile(r"type|kind|event|action|operation|topic|category", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """Messages that have the same traits. `where` was proved to select just them of the sample; else `why_not`."""

    label: str
    messages: list[Message]
    where: str | None
    why_not: str = ""


@dataclass(frozen=True)
class Grouping:
    """A sample in groups, the largest first. `by` says by what; `also` are expressions that split it too."""

    by: str
    groups: list[Group]
    more: list[Group]
    also: list[str]


def group(messages: Sequence[Message], by: str | None = None) -> Grouping:
    """Group messages by a JSONata expression, or by what splits them best. Raises InvalidRequest, ExpressionTooSlow."""
    if by is not None:
        parts = _parted(messages, traits_by(by, messages))
        return _proved(by, [([trait], members) for trait, members in parts], messages, [])
    features = {message.id: _traits_of(message) for message in messages}
    ranked = _ranked(messages, features)
    if not ranked:
        return _proved("", [([], list(messages))] if messages else [], messages, [])
    chosen = ranked[0]
    groups: list[tuple[list[Trait], list[Message]]] = []
    for trait, members in _split(messages, features, chosen):
        finer = _ranked(members, features) if trait == chosen.missing or trait.of_type else []
        if finer:
            groups += [([deeper, trait], few) for deeper, few in _split(members, features, finer[0])]
        else:
            groups.append(([trait], members))
    also = [feature.by for feature in ranked[1:] if feature.by]
    return _proved(chosen.name, groups, messages, also)


def _traits_of(message: Message) -> dict[Feature, Trait]:
    try:
        return traits_of(message)
    except Exception:  # noqa: BLE001 - whatever a message carries, it hides no other
        return _NO_TRAITS


def _split(
    messages: Sequence[Message], features: dict[str, dict[Feature, Trait]], feature: Feature
) -> list[tuple[Trait, list[Message]]]:
    return _parted(messages, [features[message.id].get(feature, feature.missing) for message in messages])


def _parted(messages: Sequence[Message], traits: Sequence[Trait]) -> list[tuple[Trait, list[Message]]]:
    parts: dict[Trait, list[Message]] = {}
    for message, trait in zip(messages, traits, strict=True):
        parts.setdefault(trait, []).append(message)
    return list(parts.items())


def _ranked(messages: Sequence[Message], features: dict[str, dict[Feature, Trait]]) -> list[Feature]:
    """Give the features that split these messages, the best first.

    A feature that splits gives more than one group, and not one for nearly every message. Better is what is named
    like an error; what fewer messages lack; what gives fewer groups.
    """
    known = {feature for message in messages for feature in features[message.id]}
    ranks: dict[Feature, tuple[int, int, int, int, str]] = {}
    for feature in known:
        sizes = Counter(features[message.id].get(feature, feature.missing) for message in messages)
        alone = sum(size == 1 for size in sizes.values())
        may_be_alone = len(messages) <= FEW and _tier(feature) == 0
        if not 1 < len(sizes) <= MOST_GROUPS or (alone > len(messages) / 2 and not may_be_alone):
            continue
        lacking = sizes[feature.missing]
        says_little = lacking > len(messages) / 2 or all(trait.of_type for trait in sizes if trait != feature.missing)
        tier = _tier(feature) + (4 if says_little else 0)
        ranks[feature] = (tier, lacking, len(sizes), len(feature.names), feature.name)
    exact = {feature.names for feature in ranks if feature.exact and feature.names}
    return sorted((each for each in ranks if each.exact or each.names not in exact), key=ranks.__getitem__)


_FIXED_TIERS = {KIND: 1, SOURCE: 3, SHAPE: 6, DAY: 7, RECEIVED: 9, REDRIVES: 8}


def _tier(feature: Feature) -> int:
    if feature.name in _FIXED_TIERS:
        return _FIXED_TIERS[feature.name]
    last = feature.names[-1]
    if any(map(_FAULT.search, feature.names)):
        return 0 if _SORT_OF_FAULT.search(last) else 2
    if _WHY.search(last):
        return 2
    return 4 if _SORT.search(last) else 5


def _proved(
    by: str, parts: list[tuple[list[Trait], list[Message]]], messages: Sequence[Message], also: list[str]
) -> Grouping:
    parts.sort(key=lambda part: -len(part[1]))
    groups = [
        _group(traits, members, messages, prove=place < MOST_PROVED) for place, (traits, members) in enumerate(parts)
    ]
    return Grouping(by, groups[:MOST_PROVED], groups[MOST_PROVED:], also)


def _group(traits: list[Trait], members: list[Message], messages: Sequence[Message], *, prove: bool) -> Group:
    label = ", ".join(trait.label for trait in traits)
    if not traits:
        return Group("all alike", members, None, "nothing that was looked at distinguishes them")
    for trait in traits:
        if trait.condition is None:
            return Group(label, members, None, trait.why_not)
    where = " and ".join(_joinable(trait.condition or "", len(traits)) for trait in traits)
    flaw = flaw_of(where, {message.id for message in members}, messages) if prove else NOT_PROVED
    return Group(label, members, None if flaw else where, flaw)


def _joinable(condition: str, number: int) -> str:
    return f"({condition})" if number > 1 and " or " in condition else condition

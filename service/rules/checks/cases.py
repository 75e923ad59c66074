"""Cases of a condition: it holds where all facts of one of them do."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, TypeAlias

from service.rules.checks.facts import Fact, elsewhere, facts_of, follows, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenhand.v1 import rules_pb2 as pb

    from service.rules.checks.facts import Subject

Case: TypeAlias = frozenset[Fact]
"""Facts that hold together; none: always."""

ALWAYS: Final[Case] = frozenset()
_MOST: Final = 64
"""Cases of one condition. What has more is taken as a whole, of which nothing more is known than whether it holds."""


def cases_of(condition: pb.Condition, *, holds: bool = True) -> list[Case]:
    """List the cases in which a condition holds, or does not; none if it never does.

    Args:
        condition: one that has passed the check; an empty one holds always.
        holds: false for the cases in which it does not hold.
    """
    kind = condition.WhichOneof("kind")
    if kind is None and not condition.ByteSize():
        return [ALWAYS] if holds else []
    if kind is None:  # one of a newer version
        return [_as_a_whole(condition, holds=holds)]
    if kind in {"all", "any", "none"}:
        inside = holds if kind != "none" else not holds
        parts = getattr(condition, kind).conditions
        if holds == (kind != "any"):
            return _product([(part, cases_of(part, holds=inside)) for part in parts], holds=inside)
        found = [case for part in parts for case in cases_of(part, holds=inside)]
    elif holds:
        case = together(ALWAYS, facts_of(condition))
        return [] if case is None else [case]
    else:
        found = [frozenset({fact.opposite()}) for fact in facts_of(condition)]
    return found if len(found) <= _MOST else [_as_a_whole(condition, holds=holds)]


def _product(parts: list[tuple[pb.Condition, list[Case]]], *, holds: bool) -> list[Case]:
    """List the cases in which all parts hold, or all do not."""
    found = [ALWAYS]
    for part, cases in sorted(parts, key=lambda each: len(each[1])):
        others = cases if len(found) * len(cases) <= _MOST else [_as_a_whole(part, holds=holds)]
        both = (together(one, other) for one in found for other in others)
        found = [case for case in both if case is not None]
    return found


def _as_a_whole(condition: pb.Condition, *, holds: bool) -> Case:
    fact = whole(condition)
    return frozenset({fact if holds else fact.opposite()})


def together(case: Case, facts: Iterable[Fact]) -> Case | None:
    """Add facts to a case; None if they contradict it or each other."""
    known = by_subject(case)
    found = set(case)
    for fact in facts:
        those = known[fact.subject]
        if follows(those, fact.opposite()):
            return None
        if not follows(those, fact):
            found.add(fact)
            for each in (fact, *elsewhere(fact)):
                known[each.subject].append(each)
    return frozenset(found)


def by_subject(case: Case) -> defaultdict[Subject, list[Fact]]:
    """Sort the facts of a case, and what they say elsewhere, by what they are about."""
    found: defaultdict[Subject, list[Fact]] = defaultdict(list)
    for fact in case:
        found[fact.subject].append(fact)
        for each in elsewhere(fact):
            found[each.subject].append(each)
    return found

"""What the rules that came before take, as cases; and whether a case lies within it.

Each case is filed under one of its facts. A case lies within another only if each fact of that other follows from its
own: so it is enough to look at those that are filed under what follows from its facts. All is bounded, so that a set of
rules takes time by their number and by what they share; where a bound is reached, a warning may be missed.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeAlias

from service.rules.checks.cases import ALWAYS, Case, by_subject, together
from service.rules.checks.facts import IN, follows, left_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from service.rules.checks.facts import Fact, Subject

Rules: TypeAlias = tuple[str, ...]
"""Ids of the rules that take a case together, in their order."""

_LOOKED_AT: Final = 32  # cases that are filed under what follows
_SPLIT: Final = 16  # values of which each may be taken by another rule
_SHORT: Final = 4  # facts of a case that is held against its neighbors


class Taken:
    """The cases that are taken.

    Args:
        given: what holds of every contact that is asked about.
    """

    def __init__(self, given: Case = ALWAYS) -> None:
        self._given = given
        self._always: Rules | None = None
        self._filed: defaultdict[Hashable, list[tuple[Case, Rules]]] = defaultdict(list)
        self._seen: set[tuple[Subject, bool]] = set()
        # The places of each subject that are no values.
        self._tests: defaultdict[Subject, dict[Hashable, None]] = defaultdict(dict)

    def takers(self, case: Case) -> Rules | None:
        """Return the rules that take all of a case together, none if it is impossible; None if some may be left."""
        whole = together(case, self._given)
        if whole is None:
            return ()
        return self._always or self._taker(whole) or self._takers_of_parts(whole)

    def add(self, case: Case, rules: Rules) -> None:
        """Take a case, and whatever then is taken whether or not one of its facts holds."""
        waiting = [(case, rules)]
        for _ in range(2 * _SHORT):
            if not waiting or self._always:
                return
            case, rules = waiting.pop()
            known = by_subject(self._given)
            if any(follows(known.get(fact.subject, ()), fact.opposite()) for fact in case):
                continue
            case = frozenset(fact for fact in case if not follows(known.get(fact.subject, ()), fact))
            if not case:
                self._always = rules
                return
            self._file(case, rules)
            if len(case) <= _SHORT:
                waiting.extend(self._wider(case, rules))

    def _wider(self, case: Case, rules: Rules) -> Iterator[tuple[Case, Rules]]:
        for fact in case:
            rest = case - {fact}
            if not self._may_meet(fact, rest):
                continue
            other = together(rest, [fact.opposite()])
            takers = () if other is None else self.takers(other)
            if takers is not None:
                yield rest, tuple(dict.fromkeys((*takers, *rules)))

    def _may_meet(self, fact: Fact, rest: Case) -> bool:
        """Whether a case that is filed may say something that follows from the opposite of a fact, and not without."""
        seen = (fact.subject, not fact.holds) in self._seen or (not fact.holds and (fact.subject, False) in self._seen)
        return seen or any(each.subject == fact.subject for each in rest)

    def _file(self, case: Case, rules: Rules) -> None:
        self._seen.update((fact.subject, fact.holds) for fact in case)
        fact = min(case, key=self._crowd)
        for place in _places(fact):
            self._filed[place].append((case, rules))
        if fact.test != IN or not fact.holds:
            self._tests[fact.subject].update(dict.fromkeys(_places(fact)))

    def _crowd(self, fact: Fact) -> int:
        """Count the cases that share a place with one filed under this fact, at most."""
        return max(len(self._filed.get(place, ())) for place in _places(fact))

    def _taker(self, case: Case) -> Rules | None:
        known = by_subject(case)
        places = [place for subject, facts in known.items() for place in self._places_that_follow(subject, facts)]
        shortest_first = sorted((self._filed[place] for place in places if place in self._filed), key=len)
        for taken, rules in islice(chain.from_iterable(shortest_first), _LOOKED_AT):
            if all(follows(known.get(each.subject, ()), each) for each in taken):
                return rules
        return None

    def _places_that_follow(self, subject: Subject, facts: list[Fact]) -> Iterator[Hashable]:
        """List the places of facts that may follow; of several values one is enough, as what follows has them all."""
        for fact in facts:
            if fact.test == IN and fact.holds and (left := left_of(facts, fact)):
                yield min(((subject, value) for value in left), key=lambda at: (len(self._filed.get(at, ())), str(at)))
        yield from self._tests.get(subject, {})

    def _takers_of_parts(self, case: Case) -> Rules | None:
        """Return the rules that take each value of a fact that is about several."""
        for fact in case:
            if fact.test != IN or not fact.holds or not 1 < len(fact.operand) <= _SPLIT:
                continue
            found: dict[str, None] = {}
            for value in sorted(fact.operand, key=str):
                part = together(case, [fact._replace(operand=frozenset({value}))])
                takers = () if part is None else self._taker(part)
                if takers is None:
                    break
                found.update(dict.fromkeys(takers))
            else:
                return tuple(found)
        return None


def _places(fact: Fact) -> list[Hashable]:
    """List where to file a case under a fact: for one of several values, at each."""
    if fact.test == IN and fact.holds:
        return [(fact.subject, value) for value in fact.operand]
    return [(fact.subject, fact.test, fact.holds)]

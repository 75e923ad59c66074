"""Whether one contact's history is linearizable: an order of its calls, each within its interval, explains all answers.

The search is that of Wing and Gong with Lowe's memory of configurations (Gavin Lowe, "Testing for linearizability",
2017): a contact has few calls, so every order is tried. A call of unknown fate may take its place at any time after it
was sent, or never. What the contact's agent is to be is left to the service: any is right where a rule matched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.chaos.history import Decided
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.history import Operation

UNASSIGNED, OPEN, CLOSED = "unassigned", "open", "closed"
EVALUATIONS = frozenset({"evaluate", "open", "update"})
_SOMEBODY = Decided(ASSIGNED, "?")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact by the plain model: its record, and what was decided for which request id."""

    owner: str = ""
    state: str = UNASSIGNED
    latest: Decided | None = None
    answers: frozenset[tuple[str, Decided]] = frozenset()
    recorded: bool = False


def is_linearizable(operations: Sequence[Operation], *, unassign_on_close: bool) -> bool:
    """Return whether the operations of one contact are what some order of them, one at a time, would have answered."""
    ordered = sorted(operations, key=lambda each: each.sent)
    known = sum(1 << at for at, each in enumerate(ordered) if each.known)
    guesses = _guesses(ordered)
    seen: set[tuple[int, Contact]] = set()
    waiting = [(0, Contact())]
    while waiting:
        configuration = waiting.pop()
        done, contact = configuration
        if done & known == known:
            return True
        if configuration in seen:
            continue
        seen.add(configuration)
        for at in _next(ordered, done):
            after = _after(contact, ordered[at], guesses, unassign_on_close=unassign_on_close)
            waiting += [(done | 1 << at, each) for each in after]
    return False


def _next(ordered: Sequence[Operation], done: int) -> Iterator[int]:
    """Yield what may be next: what was sent before anything else that is left was answered."""
    left = [at for at in range(len(ordered)) if not done & 1 << at]
    first = min(ordered[at].answered for at in left)
    return (at for at in left if ordered[at].sent <= first)


def _guesses(operations: Sequence[Operation]) -> list[Decided]:
    """Return what an evaluation whose answer is lost may have decided: one of each that somebody saw later, or else."""
    guesses = {_SOMEBODY}
    for each in operations:
        if isinstance(each.result, Decided):
            outcome = each.result.outcome if each.result.outcome != ALREADY_ASSIGNED else ASSIGNED
            guesses.add(Decided(outcome, each.result.agent))
        elif each.kind == "get" and each.result is not None:
            owner, _, outcome, agent, _ = each.result
            guesses |= {Decided(outcome, agent), Decided(ASSIGNED, owner)}
        elif each.result is not None:
            guesses.add(Decided(ASSIGNED, str(each.result[0])))
    return [each for each in guesses if each.outcome and (each.agent or each.outcome != ASSIGNED)]


def _after(
    contact: Contact, operation: Operation, guesses: Sequence[Decided], *, unassign_on_close: bool
) -> Iterator[Contact]:
    """Yield what the contact may be after an operation; nothing if its answer would have been another."""
    if operation.kind in EVALUATIONS:
        yield from _evaluated(contact, operation, guesses)
        return
    after, answer = _ANSWERS[operation.kind](contact, operation, unassign_on_close)
    if operation.kind == "get" and contact.latest is not None and operation.result is not None:
        after, answer = _told(after, contact.latest, operation.result)
    if not operation.known or answer == operation.result:
        yield after


def _told(contact: Contact, latest: Decided, result: tuple[object, ...]) -> tuple[Contact, tuple[object, ...]]:
    """Return a contact of which somebody reads the latest decision, and what is read; a sequence may be new to us."""
    sequence = result[4] if latest.sequence is None else latest.sequence
    read = replace(contact, latest=latest._replace(sequence=sequence))
    return read, (contact.owner, contact.state == OPEN, latest.outcome, latest.agent, sequence)


def _evaluated(contact: Contact, operation: Operation, guesses: Sequence[Decided]) -> Iterator[Contact]:
    asked = (operation.kind, operation.request_id)
    earlier = next((each for request, each in contact.answers if request == asked), None)
    said = operation.result
    if earlier is not None:
        if said is None or _is_replay(said, earlier):
            yield contact
        return
    if contact.owner:
        decided = Decided(ALREADY_ASSIGNED, contact.owner)
        opened = replace(contact, state=OPEN) if operation.kind == "open" else contact
        if said is None or (_may_say(said, operation) and said[:2] == decided[:2]):
            yield _noted(opened, operation, _seen(said, decided))
        return
    for decided in guesses if said is None else [_seen(said, said)]:
        if decided.outcome == ALREADY_ASSIGNED or not _may_say(said, operation):
            continue
        owned = bool(decided.agent)
        after = Contact(decided.agent, OPEN if owned else UNASSIGNED, decided, contact.answers, recorded=True)
        yield _noted(after, operation, decided)


def _is_replay(said: Decided, earlier: Decided) -> bool:
    same = earlier.sequence is None or said.sequence == earlier.sequence
    return said.replayed and same and (said.outcome, said.agent) == (earlier.outcome, earlier.agent)


def _may_say(said: Decided | None, operation: Operation) -> bool:
    """Whether a first answer is one: a replay only by a request id, where the service itself asked Redis again."""
    return said is None or not said.replayed or operation.request_id != ""


def _seen(said: Decided | None, decided: Decided) -> Decided:
    """Return what of a decision can be seen again later."""
    return Decided(decided.outcome, decided.agent, None if said is None else said.sequence)


def _noted(contact: Contact, operation: Operation, decided: Decided) -> Contact:
    if not operation.request_id:
        return contact
    return replace(contact, answers=contact.answers | {((operation.kind, operation.request_id), decided)})


def _closed(contact: Contact, _: Operation, unassign: bool) -> tuple[Contact, tuple[object, ...]]:
    if contact.state != OPEN:
        return contact, (contact.owner, False)
    after = replace(contact, state=UNASSIGNED, owner="") if unassign else replace(contact, state=CLOSED)
    return after, (after.owner, True)


def _unassigned(contact: Contact, _: Operation, __: bool) -> tuple[Contact, tuple[object, ...]]:
    after = replace(contact, state=UNASSIGNED, owner="") if contact.owner else contact
    return after, (contact.owner,)


def _assigned(contact: Contact, operation: Operation, _: bool) -> tuple[Contact, tuple[object, ...]]:
    return replace(contact, owner=operation.agent, state=OPEN, recorded=True), (contact.owner, True)


def _read(contact: Contact, _: Operation, __: bool) -> tuple[Contact, tuple[object, ...] | None]:
    """Return what is read of a contact about which only people decided, if anything."""
    return contact, (contact.owner, contact.state == OPEN, 0, "", 0) if contact.recorded else None


_ANSWERS = {"close": _closed, "unassign": _unassigned, "assign": _assigned, "get": _read}

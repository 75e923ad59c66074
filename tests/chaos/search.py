"""Whether one contact's history is linearizable: an order of its calls, each within its interval, explains all answers.

The search is that of Wing and Gong with Lowe's memory of configurations (Gavin Lowe, "Testing for linearizability",
2017): a contact has few calls, so every order is tried. A call of unknown fate may take its place at any time after it
was sent, or never. What the contact's agent is to be is left to the service: any is right where a rule matched.

Where changes are acknowledged only when a second Redis has them, README.md promises less of what is not acknowledged:

* Reads do not wait, so they may see what a promotion then loses. A promotion may set a contact back to what it was
  before calls that nobody was answered when it happened. Such a call may have an effect again afterwards, another one
  perhaps, since the service asks again where a connection broke.
* Who repeats an evaluation without a request id that was not confirmed may be told its decision as if it were new.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tests.chaos.history import FOREVER, Decided, Operation
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNASSIGNED, OPEN, CLOSED = "unassigned", "open", "closed"
EVALUATIONS = frozenset({"evaluate", "open", "update"})
_SOMEBODY = Decided(ASSIGNED, "?")
_PROMOTION = "promotion"


class Terms(NamedTuple):
    """What bears on the answers.

    Attributes:
        unassign_on_close: whether closing a contact takes its owner away.
        replicated: whether changes are acknowledged only when a second Redis has them.
        promotions: when that took the place of the first: since when, and until when.
    """

    unassign_on_close: bool
    replicated: bool = False
    promotions: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact by the plain model: its record, and what was decided for which request id.

    Attributes:
        untold: whether nobody may have been told the latest decision, so that the next one who asks is.
    """

    owner: str = ""
    state: str = UNASSIGNED
    latest: Decided | None = None
    answers: frozenset[tuple[str, Decided]] = frozenset()
    recorded: bool = False
    untold: bool = False


class Configuration(NamedTuple):
    """How far an order has come.

    Attributes:
        done: what has had its effect, a bit each.
        contact: what the contact is by that.
        kept: the same of when the next promotion sets the contact back to; None: it sets it back to nothing earlier.
    """

    done: int
    contact: Contact
    kept: tuple[int, Contact] | None = None


def is_linearizable(operations: Sequence[Operation], terms: Terms) -> bool:
    """Return whether the operations of one contact are what some order of them, one at a time, would have answered."""
    begin = min(each.sent for each in operations)
    # Only who reads can see what is lost then: without one before it a promotion is nothing that has to be explained.
    reads = [each.sent for each in operations if each.kind == "get" and each.known]
    promotions = [
        Operation(_PROMOTION, "", "", since, until)
        for since, until in terms.promotions
        if begin < until and any(read < until for read in reads)
    ]
    # Where no promotion is needed to explain it, none has to be looked at.
    return _is_explained(operations, terms) or bool(promotions and _is_explained([*operations, *promotions], terms))


def _is_explained(operations: Sequence[Operation], terms: Terms) -> bool:
    ordered = sorted(operations, key=lambda each: each.sent)
    known = sum(1 << at for at, each in enumerate(ordered) if each.known)
    guesses = _guesses([each for each in ordered if each.kind != _PROMOTION])
    seen: set[Configuration] = set()
    waiting = [Configuration(0, Contact())]
    while waiting:
        configuration = waiting.pop()
        done, contact, kept = configuration
        if done & known == known and kept is None:
            return True
        if configuration in seen:
            continue
        seen.add(configuration)
        promotion = next((each for _, each in _left(ordered, done) if each.kind == _PROMOTION), None)
        seen_before = promotion is not None and any(
            each.kind == "get" and each.sent < promotion.answered for _, each in _left(ordered, done)
        )
        for at in _next(ordered, done):
            operation, after = ordered[at], done | 1 << at
            if operation.kind == _PROMOTION:
                waiting.append(_promoted(ordered, configuration, after))
                continue
            if kept is None or operation.kind == "get":
                waiting += [Configuration(after, each, kept) for each in _after(contact, operation, guesses, terms)]
            if seen_before and operation.kind != "get" and promotion.sent <= operation.answered:
                # What it does now is lost; whatever it is answered then is what it does once more.
                lost = _after(contact, replace(operation, answered=FOREVER, result=None), guesses, terms)
                waiting += [Configuration(after, each, kept or (done, contact)) for each in lost]
    return False


def _promoted(ordered: Sequence[Operation], configuration: Configuration, after: int) -> Configuration:
    """Return what is left when the second Redis takes over: all, or what it had when it lost touch; reads were read."""
    if configuration.kept is None:
        return Configuration(after, configuration.contact)
    done, contact = configuration.kept
    read = sum(1 << at for at, each in enumerate(ordered) if each.kind in {_PROMOTION, "get"})
    return Configuration(done | after & read, contact)


def _left(ordered: Sequence[Operation], done: int) -> Iterator[tuple[int, Operation]]:
    return ((at, each) for at, each in enumerate(ordered) if not done >> at & 1)


def _next(ordered: Sequence[Operation], done: int) -> Iterator[int]:
    """Yield what may be next: what was sent before anything else that is left was answered."""
    left = list(_left(ordered, done))
    first = min(each.answered for _, each in left)
    return (at for at, each in left if each.sent <= first)


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


def _after(contact: Contact, operation: Operation, guesses: Sequence[Decided], terms: Terms) -> Iterator[Contact]:
    """Yield what the contact may be after an operation; nothing if its answer would have been another."""
    if operation.kind in EVALUATIONS:
        if contact.untold and not operation.request_id:
            yield from _told_late(contact, operation.result)
        yield from _evaluated(contact, operation, guesses, terms)
        return
    after, answer = _ANSWERS[operation.kind](contact, operation, terms.unassign_on_close)
    if operation.kind == "get" and contact.latest is not None and operation.result is not None:
        after, answer = _told(after, contact.latest, operation.result)
    if not operation.known or answer == operation.result:
        yield after


def _told(contact: Contact, latest: Decided, result: tuple[object, ...]) -> tuple[Contact, tuple[object, ...]]:
    """Return a contact of which somebody reads the latest decision, and what is read; a sequence may be new to us."""
    sequence = result[4] if latest.sequence is None else latest.sequence
    read = replace(contact, latest=latest._replace(sequence=sequence))
    return read, (contact.owner, contact.state == OPEN, latest.outcome, latest.agent, sequence)


def _told_late(contact: Contact, said: Decided | None) -> Iterator[Contact]:
    """Yield the contact whose latest decision is told now, if this is it, or nobody was told again."""
    latest = contact.latest
    if said is None:
        yield contact
    elif latest and not said.replayed and said[:2] == latest[:2] and latest.sequence in {None, said.sequence}:
        yield replace(contact, latest=_seen(said, latest), untold=False)


def _evaluated(contact: Contact, operation: Operation, guesses: Sequence[Decided], terms: Terms) -> Iterator[Contact]:
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
        untold = terms.replicated and said is None and owned and not operation.request_id
        state = OPEN if owned else UNASSIGNED
        after = Contact(decided.agent, state, decided, contact.answers, recorded=True, untold=untold)
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
    contact = replace(contact, untold=False)
    after = replace(contact, state=UNASSIGNED, owner="") if unassign else replace(contact, state=CLOSED)
    return after, (after.owner, True)


def _unassigned(contact: Contact, _: Operation, __: bool) -> tuple[Contact, tuple[object, ...]]:
    after = replace(contact, state=UNASSIGNED, owner="", untold=False) if contact.owner else contact
    return after, (contact.owner,)


def _assigned(contact: Contact, operation: Operation, _: bool) -> tuple[Contact, tuple[object, ...]]:
    untold = contact.untold and contact.owner == operation.agent and contact.state == OPEN
    return replace(contact, owner=operation.agent, state=OPEN, recorded=True, untold=untold), (contact.owner, True)


def _read(contact: Contact, _: Operation, __: bool) -> tuple[Contact, tuple[object, ...] | None]:
    """Return what is read of a contact about which only people decided, if anything."""
    return contact, (contact.owner, contact.state == OPEN, 0, "", 0) if contact.recorded else None


_ANSWERS = {"close": _closed, "unassign": _unassigned, "assign": _assigned, "get": _read}

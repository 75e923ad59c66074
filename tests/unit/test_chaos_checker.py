"""The judge of `make chaos` finds what is planted, and holds nothing against a history that is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos import checker, page
from tests.chaos.history import (
    FOREVER,
    Attack,
    Call,
    Decided,
    History,
    Operation,
    PresenceReport,
    RulesChange,
    Sample,
    Violation,
)
from tests.chaos.pair_attacks import LOST
from tests.chaos.run import Outcome
from tests.chaos.search import Terms, is_linearizable
from tests.chaos.workload import LIMITS, WORKSPACES
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, NO_AGENT_AVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

W = "keeps-owners"
A, B = "agent-0", "agent-1"


def op(kind: str, sent: float, answered: float, result: tuple[object, ...] | None = None, **fields: Any) -> Operation:
    """An operation on contact c, unless another is named."""
    return Operation(kind, W, fields.pop("contact", "c"), sent, answered, result=result, **fields)


def unknown(kind: str, sent: float, **fields: Any) -> Operation:
    """One whose answer nobody has."""
    return op(kind, sent, FOREVER, **fields)


def assigned(
    agent: str, sequence: int = 1, *, replayed: bool = False, rule: str = "new-1", revision: int = 1
) -> Decided:
    """The answer to an evaluation that assigned."""
    return Decided(ASSIGNED, agent, sequence, revision, rule, replayed)


def owned(agent: str, sequence: int = 2) -> Decided:
    """The answer to an evaluation of who has an owner."""
    return Decided(ALREADY_ASSIGNED, agent, sequence, 1)


def read(owner: str, *, is_open: bool = True, sequence: int = 1, agent: str = A) -> tuple[object, ...]:
    """What GetContact says of a contact that was once assigned."""
    return (owner, is_open, ASSIGNED, agent, sequence)


RIGHT: dict[str, list[Operation]] = {
    "decided, and read": [op("evaluate", 1, 2, assigned(A)), op("get", 3, 4, read(A))],
    "not known": [op("get", 1, 2)],
    "two at once, in either order": [op("evaluate", 1, 4, owned(A)), op("evaluate", 1, 4, assigned(A))],
    "an unknown one had its effect": [unknown("evaluate", 1), op("evaluate", 2, 3, owned(A))],
    "an unknown one had none": [unknown("evaluate", 1), op("evaluate", 2, 3, assigned(A))],
    "an unknown one has it late": [
        op("evaluate", 1, 2, assigned(A)),
        unknown("close", 3),
        op("get", 4, 5, read(A)),
        op("get", 6, 7, read(A, is_open=False)),
    ],
    "a replay of what was lost": [
        unknown("evaluate", 1, request_id="r"),
        op("evaluate", 2, 3, assigned(A, replayed=True), request_id="r"),
        op("get", 4, 5, read(A)),
    ],
    "a person decides": [
        op("assign", 1, 2, ("", True), agent=B),
        op("get", 3, 4, (B, True, 0, "", 0)),
        op("close", 5, 6, (B, True)),
        op("close", 7, 8, (B, False)),
        op("open", 9, 10, owned(B)),
        op("get", 11, 12, (B, True, 0, "", 0)),
        op("unassign", 13, 14, (B,)),
        op("evaluate", 15, 16, assigned(A, 9)),
        op("get", 17, 18, read(A, sequence=9)),
    ],
    "a person opens what was closed": [
        op("evaluate", 1, 2, assigned(A)),
        op("close", 3, 4, (A, True)),
        op("assign", 5, 6, (A, True), agent=A),
        op("get", 7, 8, read(A)),
    ],
    "nobody, then somebody": [
        op("evaluate", 1, 2, Decided(NO_AGENT_AVAILABLE, "", 1, 1)),
        op("evaluate", 3, 4, assigned(A, 2)),
    ],
}

WRONG: dict[str, list[Operation]] = {
    "an acknowledged decision is lost": [op("evaluate", 1, 2, assigned(A)), op("get", 3, 4)],
    "two owners": [op("evaluate", 1, 2, assigned(A)), op("evaluate", 1, 2, assigned(B, 2))],
    "two owners, one of a lost answer": [
        unknown("evaluate", 1),
        op("evaluate", 2, 3, owned(A)),
        op("evaluate", 4, 5, owned(B, 3)),
    ],
    "another owner is read": [op("evaluate", 1, 2, assigned(A)), op("get", 3, 4, read(B))],
    "a close is lost": [
        op("evaluate", 1, 2, assigned(A)),
        op("close", 3, 4, (A, True)),
        op("get", 5, 6, read(A)),
    ],
    "a close happens twice": [
        op("evaluate", 1, 2, assigned(A)),
        op("close", 3, 4, (A, True)),
        op("close", 5, 6, (A, True)),
    ],
    "what a person gives to somebody stays closed": [
        op("evaluate", 1, 2, assigned(A)),
        op("close", 3, 4, (A, True)),
        op("assign", 5, 6, (A, False), agent=B),
    ],
    "what was assigned by hand is lost": [op("assign", 1, 2, ("", True), agent=B), op("get", 3, 4, read(A))],
    "a repeat decides again": [
        op("evaluate", 1, 2, assigned(A), request_id="r"),
        op("unassign", 3, 4, (A,)),
        op("evaluate", 5, 6, assigned(B, 5), request_id="r"),
    ],
    "a replay is another decision": [
        op("evaluate", 1, 2, assigned(A), request_id="r"),
        op("evaluate", 3, 4, assigned(A, 7, replayed=True), request_id="r"),
    ],
    "a replay of nothing": [op("evaluate", 1, 2, assigned(A, replayed=True))],
    "an answer from before the call": [
        op("evaluate", 1, 2, assigned(A)),
        op("unassign", 3, 4, (A,)),
        op("evaluate", 5, 6, owned(A, 7)),
    ],
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_history_is_linearizable(name: str) -> None:
    """An order of the calls explains every answer, calls of unknown fate included."""
    assert is_linearizable(RIGHT[name], Terms(unassign_on_close=False))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_history_is_not(name: str) -> None:
    """No order does, where something is lost, owned twice, or decided twice."""
    assert not is_linearizable(WRONG[name], Terms(unassign_on_close=False))


def test_closing_takes_the_owner_away_where_the_rules_say_so() -> None:
    """The two kinds of workspaces differ in what closing leaves."""
    closed = [op("evaluate", 1, 2, assigned(A)), op("close", 3, 4, ("", True))]
    assert is_linearizable(closed, Terms(unassign_on_close=True))
    assert not is_linearizable(closed, Terms(unassign_on_close=False))


LOSABLE: dict[str, list[Operation]] = {
    "somebody read what is lost": [
        unknown("evaluate", 1),
        op("get", 2, 3, read(A)),
        op("get", 12, 13),
        op("evaluate", 14, 15, assigned(B, 2)),
    ],
    "its call is made again on the other": [
        op("evaluate", 1, 12, assigned(B, 2)),
        op("get", 2, 3, read(A)),
        op("get", 13, 14, read(B, sequence=2, agent=B)),
    ],
    "an unknown one of several": [
        op("evaluate", 1, 2, assigned(A)),
        unknown("close", 3),
        op("get", 4, 5, read(A, is_open=False)),
        op("get", 12, 13, read(A)),
    ],
}
"""Right only where a promotion, from 10 to 11, may set back what nobody was answered."""

LOST_ALL_THE_SAME: dict[str, list[Operation]] = {
    "an acknowledged one": [op("evaluate", 1, 2, assigned(A)), op("get", 12, 13)],
    "what an acknowledged one came after": [
        unknown("evaluate", 1),
        op("open", 3, 4, owned(A)),
        op("get", 12, 13),
    ],
    "what was read after the promotion": [unknown("evaluate", 1), op("get", 12, 13, read(A)), op("get", 14, 15)],
    "one that is answered late, and has no effect": [
        op("assign", 1, 12, ("", True), agent=A),
        op("get", 2, 3, (A, True, 0, "", 0)),
        op("get", 13, 14),
    ],
}


@pytest.mark.parametrize("name", LOSABLE)
def test_what_nobody_was_answered_may_be_lost_by_a_promotion(name: str) -> None:
    """Readers may have seen it. Without a promotion between, and where one is not needed to explain it, nothing is."""
    assert is_linearizable(LOSABLE[name], Terms(False, True, [(10, 11)]))
    assert not is_linearizable(LOSABLE[name], Terms(False, True))
    assert not is_linearizable(LOSABLE[name], Terms(False, True, [(20, 21)]))
    assert not is_linearizable(LOSABLE[name], Terms(False, True, [(0.1, 0.2)]))


@pytest.mark.parametrize("name", LOST_ALL_THE_SAME)
def test_what_was_acknowledged_is_lost_by_no_promotion(name: str) -> None:
    """Nor what the acknowledged came after, nor what the Redis has that was promoted."""
    assert not is_linearizable(LOST_ALL_THE_SAME[name], Terms(False, True, [(10, 11)]))


def test_a_decision_that_was_not_confirmed_is_told_to_who_repeats_the_call() -> None:
    """Without a request id it is told as if it were new, once, and by its own sequence; with one it is replayed."""
    first, seen = unknown("evaluate", 1), op("get", 3, 4, read(A))
    told = op("evaluate", 5, 6, assigned(A))
    assert is_linearizable([first, seen, told], Terms(False, True))
    assert is_linearizable([first, seen, told, op("evaluate", 7, 8, owned(A, 9))], Terms(False, True))
    assert not is_linearizable([first, seen, told], Terms(False))
    assert not is_linearizable([first, seen, told, op("evaluate", 7, 8, assigned(A))], Terms(False, True))
    assert not is_linearizable([first, seen, op("evaluate", 5, 6, assigned(A, 2))], Terms(False, True))
    assert not is_linearizable([first, seen, op("close", 4, 4.5, (A, True)), told], Terms(False, True))
    named = unknown("evaluate", 1, request_id="r")
    assert not is_linearizable([named, seen, told], Terms(False, True))


def test_a_decision_that_is_told_late_is_judged_by_when_it_was_made() -> None:
    """Its sequence, and its rules, may be older than what was answered since the call that was not confirmed."""
    first, told = unknown("evaluate", 1), op("evaluate", 5, 6, assigned(A, 10))
    other = op("evaluate", 3, 4, assigned(B, 11, revision=2, rule="new-2"), contact="other")
    rules = [RulesChange(W, 1, 0.1, 0.2, 1), RulesChange(W, 2, 2.1, 2.2, 2)]
    late = history(first, told, other, rules=rules, replicated=True)
    assert not promises(checker.check_sequences(late))
    assert not promises(checker.check_rules(late))
    for operations, replicated in (((told, other), True), ((first, told, other), False)):
        judged = history(*operations, rules=rules, replicated=replicated)
        assert promises(checker.check_sequences(judged)) == ["sequences"]
        assert promises(checker.check_rules(judged)) == ["rules in force"]


def test_a_sequence_that_was_read_is_not_given_again() -> None:
    """Also where only a reader was told of the decision, which then was lost."""
    reader = op("get", 2, 3, read(A, sequence=7), contact="lost")
    assert promises(checker.check_sequences(history(reader, op("evaluate", 12, 13, assigned(B, 7))))) == ["sequences"]
    assert not promises(checker.check_sequences(history(reader, op("evaluate", 12, 13, assigned(B, 8)))))


@pytest.mark.parametrize(
    ("method", "sent", "code", "reason", "violations"),
    [
        ("CloseContact", 12, "OK", "", 1),
        ("CloseContact", 9, "OK", "", 0),
        ("CloseContact", 19.5, "OK", "", 0),
        ("GetContact", 12, "OK", "", 0),
        ("CloseContact", 12, "UNAVAILABLE", "NOT_DURABLE", 0),
        ("CloseContact", 12, "UNAVAILABLE", "REDIS_UNAVAILABLE", 1),
        ("CloseContact", 12, "DEADLINE_EXCEEDED", "", 1),
    ],
)
def test_who_is_told_what_while_the_second_redis_is_gone(
    method: str, sent: float, code: str, reason: str, violations: int
) -> None:
    """No change is acknowledged from 10 to 20, and whoever asks for one is told why."""
    call = Call(1, method, sent, sent + 1, 2.5, code, reason)
    lost = Attack(LOST, 10, 20, well=21)
    judged = history(calls=[call], attacks=[lost], unconfirmed=[(10, 20)])
    assert promises(checker.check_confirmed(judged)) == ["confirmed"] * violations


def test_a_decision_that_nobody_confirmed() -> None:
    """An entry of a batch is judged by itself; one that nobody was answered breaks nothing."""
    entry = op("evaluate", 12, 13, assigned(A))
    assert promises(checker.check_confirmed(history(entry, unconfirmed=[(10, 20)]))) == ["confirmed"]
    assert not promises(checker.check_confirmed(history(unknown("evaluate", 12), unconfirmed=[(10, 20)])))


def test_rules_and_presence_that_were_lost() -> None:
    """What is in force at the end is what was acknowledged last, or what somebody asked for later."""
    calls = [Call(0, "GetRules", 50, 51, 2.5)]
    rules = [RulesChange(W, 1, 1, 2, 1), RulesChange(W, 2, 3, 4, 2), RulesChange(W, 3, 5, 6, None)]
    for found, kept in (((2, 2), True), ((3, 3), True), ((1, 1), False), ((2, 3), False), ((0, 0), False)):
        judged = checker.check_final(history(calls=calls, rules=rules, final_rules={W: found}))
        assert promises(judged) == ([] if kept else ["acknowledged is kept"])
    online, offline = PresenceReport(W, A, True, 1, 2), PresenceReport(W, A, False, 3, FOREVER)
    for reports, found, kept in (([online], False, False), ([online, offline], False, True), ([online], True, True)):
        judged = checker.check_final(history(calls=calls, presences=reports, final_presence={W: {A: found}}))
        assert promises(judged) == ([] if kept else ["acknowledged is kept"])


def history(*operations: Operation, **parts: Any) -> History:
    """A history of these operations."""
    return History(operations=list(operations), **parts)


def promises(found: Iterator[Violation]) -> list[str]:
    """Which promises are broken."""
    return [each.promise for each in found]


def test_what_is_lost_is_told_from_what_is_wrong() -> None:
    """Where all but the last reading is explained, something acknowledged is lost; the story of the contact is told."""
    (lost,) = checker.check_contacts(history(*WRONG["an acknowledged decision is lost"]))
    assert lost.promise == "acknowledged is kept"
    assert "evaluate" in lost.text
    assert promises(checker.check_contacts(history(*WRONG["two owners"]))) == ["linearizable"]


def full(agent: str) -> list[Operation]:
    """As many open contacts as the agent takes, each its own."""
    return [op("evaluate", at, at + 0.5, assigned(agent, at), contact=f"c{at}") for at in range(1, LIMITS[agent] + 1)]


def test_a_limit_that_is_passed() -> None:
    """One more than an agent takes is a violation; it is none where one of the others may have been closed before."""
    more = op("evaluate", 100, 101, assigned(A, 100), contact="more")
    assert promises(checker.check_limits(history(*full(A), more))) == ["limits"]
    assert not promises(checker.check_limits(history(*full(A)[1:], more)))
    assert not promises(checker.check_limits(history(*full(A), unknown("close", 50, contact="c1"), more)))
    assert not promises(checker.check_limits(history(*full(A), op("close", 100, 102, (A, True), contact="c1"), more)))
    late = op("close", 102, 103, (A, True), contact="c1")
    assert promises(checker.check_limits(history(*full(A), late, more))) == ["limits"]


def test_sequences_in_another_order_than_time() -> None:
    """A sequence that is given twice, or is not above that of what was answered before, is a violation."""
    first = op("evaluate", 1, 2, assigned(A, 10), contact="a")
    assert not promises(checker.check_sequences(history(first, op("evaluate", 3, 4, assigned(A, 11), contact="b"))))
    assert not promises(checker.check_sequences(history(first, op("evaluate", 1, 4, assigned(A, 9), contact="b"))))
    assert promises(checker.check_sequences(history(first, op("evaluate", 3, 4, assigned(A, 9), contact="b"))))
    assert promises(checker.check_sequences(history(first, op("evaluate", 1, 4, assigned(A, 10), contact="b"))))


def test_rules_that_are_not_in_force() -> None:
    """Rules older than those acknowledged before, or others of the same revision, are a violation."""
    rules = [RulesChange(W, 1, 1, 2, 1), RulesChange(W, 2, 3, 4, 2)]

    def judged(sent: float, decided: Decided) -> list[str]:
        return promises(checker.check_rules(history(op("evaluate", sent, 9, decided), rules=rules)))

    assert not judged(5, assigned(A, revision=2, rule="new-2"))
    assert not judged(3.5, assigned(A, revision=1, rule="new-1"))
    assert judged(5, assigned(A, revision=1, rule="new-1")) == ["rules in force"]
    assert judged(5, assigned(A, revision=2, rule="new-1")) == ["rules in force"]


def test_somebody_who_is_offline() -> None:
    """A rule for people who are online takes nobody whose last report, surely, was that he is not."""
    taken = op("open", 5, 6, assigned(A, rule="opened-1"))
    online, offline = PresenceReport(W, A, True, 1, 2), PresenceReport(W, A, False, 3, 4)
    assert not promises(checker.check_presence(history(taken, presences=[online])))
    assert promises(checker.check_presence(history(taken, presences=[online, offline]))) == ["presence"]
    late = PresenceReport(W, A, False, 3, FOREVER)
    assert not promises(checker.check_presence(history(taken, presences=[online, late])))


def test_calls_that_break_a_promise() -> None:
    """An internal error, and a call that outlives its deadline, are violations; a plain refusal is none."""
    calls = [
        Call(0, "GetRules", 1, 2, 2.5, "UNAVAILABLE", "REDIS_UNAVAILABLE"),
        Call(0, "GetRules", 1, 2, 2.5, "INTERNAL", "INTERNAL"),
        Call(0, "GetRules", 1, 6, 2.5, "DEADLINE_EXCEEDED"),
    ]
    assert promises(checker.check_codes(history(calls=calls))) == ["no internal error"]
    assert promises(checker.check_deadlines(history(calls=calls))) == ["deadlines"]


@pytest.mark.parametrize(
    ("sent", "reason", "violations"),
    [
        (5, "REDIS_UNAVAILABLE", 1),
        (15, "REDIS_UNAVAILABLE", 0),
        (21.5, "REDIS_UNAVAILABLE", 1),
        (21.5, "", 0),
        (25, "", 1),
    ],
)
def test_a_call_that_fails_while_nothing_is_attacked(sent: float, reason: str, violations: int) -> None:
    """Calls fail while an attack or what it left lasts, and else only those of callers who are not connected yet."""
    calls = [Call(0, "GetRules", sent, sent + 0.1, 2.5, "UNAVAILABLE", reason), Call(0, "GetRules", 5, 6, 2.5)]
    assert len(promises(checker.check_calm(history(calls=calls, attacks=[hang()])))) == violations


def hang() -> Attack:
    """An attack that takes Redis away from 10 to 20, and all is well at 21."""
    everybody = frozenset({0, 1, 2})
    return Attack("Redis hangs", 10, 20, everybody, everybody, healed=20, alone=20, serving=21, well=21)


@pytest.mark.parametrize(
    ("sent", "status", "violations"),
    [
        (5, "SERVING", 0),
        (5, "NOT_SERVING", 1),
        (11, "SERVING", 0),  # nobody can know it yet
        (15, "SERVING", 1),
        (15, "NOT_SERVING", 0),
        (20.5, "NOT_SERVING", 0),
        (25, "NOT_SERVING", 1),
        (5, "NOT_FOUND", 1),
        (15, "", 0),
    ],
)
def test_health_that_lies(sent: float, status: str, violations: int) -> None:
    """SERVING while Redis is gone, later than is promised, and anything else while nothing is wrong, are violations."""
    samples = [Sample(1, sent, sent + 0.1, status), Sample(1, 99, 99.1, "SERVING")]
    assert len(promises(checker.check_health(history(samples=samples, attacks=[hang()])))) == violations


def test_a_replica_that_does_not_serve_at_the_end() -> None:
    """The last word of every replica has to be SERVING."""
    found = checker.check_health(history(samples=[Sample(2, 1, 2, "SERVING"), Sample(2, 3, 4, "")]))
    assert promises(found) == ["health"]


def test_counts_that_drifted() -> None:
    """An open count other than that of the contacts read at the end is a violation; so is what an audit finds."""
    zero = {workspace: dict.fromkeys(LIMITS, 0) for workspace in WORKSPACES}
    reading = op("get", 3, 4, read(A))
    assert promises(checker.check_counts(history(reading, final_counts=zero))) == ["counts"]
    zero[W][A] = 1
    assert not promises(checker.check_counts(history(reading, final_counts=zero)))
    assert promises(checker.check_counts(history(audits={W: "agent-0: 2, not 1"}))) == ["counts"]


JUDGES: list[Callable[[History], Iterator[Violation]]] = [
    each for name, each in vars(checker).items() if name.startswith("check_")
]


def test_every_judge_is_asked() -> None:
    """`check` tells what any of the judges finds, in the order of time, beside what the run itself found."""
    problem = Violation("well again", "replica 1 is not", 50, 51)
    planted = history(
        *WRONG["two owners"],
        *(op("evaluate", each.sent, each.answered, each.result, contact=f"full-{each.contact}") for each in full(B)),
        op("evaluate", 100, 101, assigned(B, 100), contact="more"),
        op("open", 100, 101, assigned(A, 3, rule="opened-9"), contact="other"),
        rules=[RulesChange(W, 2, 3, 4, 2)],
        calls=[Call(0, "GetRules", 1, 9, 2.5, "UNKNOWN")],
        samples=[Sample(0, 1, 2, "NOT_SERVING")],
        audits={W: "drift"},
        unconfirmed=[(0, 200)],
        final_rules={W: (1, 1)},
        problems=[problem],
    )
    found = checker.check(planted)
    assert found == sorted(found, key=lambda each: each.sent)
    assert problem in found
    for judge in JUDGES:
        assert set(judge(planted)) <= set(found), judge
        assert list(judge(planted)), judge


def outcome(*violations: Violation) -> Outcome:
    """A run of a minute with one attack and two calls."""
    calls = [Call(0, "GetRules", 1, 2, 2.5), Call(0, "GetRules", 12, 13.5, 2.5, "UNAVAILABLE", "REDIS_UNAVAILABLE")]
    return Outcome(7, 60, history(calls=calls, attacks=[hang()]), list(violations))


def test_the_table_says_what_held_and_what_did_not() -> None:
    """A row a kind of attack, within 80 columns; a line a seed, which says how to run again what broke a promise."""
    text = page.table([outcome()])
    assert max(map(len, text.splitlines())) <= page.WIDTH
    assert "Redis hangs" in text
    assert "unavailable 1" in text
    assert "BROKEN" not in text
    broken = page.table([outcome(Violation("acknowledged is kept", "c", 12, 13))])
    assert "1 BROKEN" in broken
    assert 'make chaos CHAOS="--seed 7 --minutes 1"' in broken


def test_the_page_has_the_same_rows() -> None:
    """The page has the table, the line of each seed, and what it ran on."""
    text = page.render([outcome()], {"commit": "abc1234"})
    assert "| Redis hangs | 1 | 1 | unavailable 1 | 0 | 1.0 | 1.5 | held |" in text
    assert "* seed 7, one Redis, 60 s: 2 calls" in text
    assert "* commit: abc1234" in text

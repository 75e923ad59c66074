"""Stored rules that look otherwise, or mean something else, have another number of their format."""

from __future__ import annotations

import hashlib

import pytest
from evenhand.v1 import rules_pb2

from service.rules import prepare
from service.rules.conditions.folding import fold
from service.rules.conditions.kinds import KINDS
from service.rules.conditions.operators import OPERATORS
from service.rules.matching.prepared import FORMAT
from service.rules.triggers import TRIGGERS
from tests.support import builders as make

FORMATS = {
    1: "fe1ddf718105d5cd",
    2: "06cfcfcb1b3fb499",
    3: "f78508da713e5431",
    4: "a6b05fff161a28a1",
    5: "6733db5e408745b8",
    6: "caf78c4d20c259b1",
}
"""The digest of each format, by its number; a line here is never changed, only added."""

# Letters, spaces, quotes, dashes and digits of many scripts, known to every Python that this runs on.
TEXTS = [chr(code) for block in ((0x20, 0x600), (0x2000, 0x2070), (0xFF01, 0xFF5F)) for code in range(*block)]
TEXTS += ["İstanbul", "STRASSE", "Straße", " two  spaces ", "e\u0301", "\u00e9", "Women\u2019s", "ﬁ", "½", "Ǆ", "Σς"]
VALUES = [" Five ", 5, 0.1, -1e300, True, "5,000", "2026-01-31"]


def digest() -> str:
    """Return the digest of all that stored rules are made by.

    These are the rows of the tables; the forms in which texts are folded; and a line for each trigger, for each
    operator and for each kind, with each target. Of an expression only the kind counts, for its form is the library's.
    """
    rules = [make.rule("r", on=number) for number in TRIGGERS]
    rules += [make.rule("r", when=condition) for condition in conditions()]
    rules += [make.rule("r", to=to, reply="Hi") for to in (make.team("sales"), make.agents("ann", "bob"))]
    rules += [make.rule("r", strategy=make.LEAST_OPEN_CONTACTS, online_only=True, max_open_contacts=3)]
    lines = [f"{number} {TRIGGERS[number]}" for number in sorted(TRIGGERS)]
    lines += [f"{number} {OPERATORS[number].negative}" for number in sorted(OPERATORS)]
    lines += sorted(KINDS)
    lines += map(fold, TEXTS)
    lines += prepare(rules_pb2.RuleSet(rules=rules, fallback=make.fallback()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def conditions() -> list[rules_pb2.Condition]:
    """Return a condition of each operator and of each kind but expressions."""
    operators = [name.removeprefix("TRAIT_OPERATOR_") for name in map(rules_pb2.TraitOperator.Name, sorted(OPERATORS))]
    leaves = [make.trait("Key", operator, *VALUES) for operator in operators]
    leaves += [
        make.tag(any_of=["A"], all_of=["B"], none_of=["C"], changed_any_of=["D"]),
        make.source("A", "B"),
        make.channel("A", "B"),
    ]
    return [*leaves, make.all_of(*leaves), make.any_of(*leaves), make.none_of(*leaves)]


def test_another_look_or_meaning_is_another_format():
    """The format of this number is the one it always was."""
    found, unused = digest(), max(FORMATS) + 1
    if FORMATS.get(FORMAT) != found:
        pytest.fail(
            f"Stored rules look or mean otherwise than in format {max(FORMATS)}. Raise FORMAT in "
            f'service/rules/matching/prepared.py to {unused}, and put {unused}: "{found}" into FORMATS here.'
        )
    assert max(FORMATS) == FORMAT


def test_the_digest_knows_every_kind():
    """A new kind of condition is in the digest only with an example here."""
    assert {condition.WhichOneof("kind") for condition in conditions()} | {"expression"} == KINDS.keys()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (TRIGGERS, lambda table: {**table, 9: table[make.ON_OPENED]}),
        (OPERATORS, lambda table: dict(list(table.items())[:-1])),
        (KINDS, lambda table: {**table, "another": table["tag"]}),
    ],
    ids=["a trigger", "an operator", "a kind"],
)
def test_the_digest_sees_every_change_of_a_table(monkeypatch, table, change):
    """A row more, or one less, of triggers, operators or kinds makes another digest."""
    before, after = digest(), change(table)
    for key in table.keys() - after.keys():
        monkeypatch.delitem(table, key)
    for key in after.keys() - table.keys():
        monkeypatch.setitem(table, key, after[key])
    assert digest() != before

"""What rules ask for, as it goes to Redis."""

from __future__ import annotations

import json

from evenhand.v1 import rules_pb2

from service.rules import choices_of
from tests.support import builders as make


def choice(rule_set: rules_pb2.RuleSet, at: int = 0) -> dict:
    """One of its choices, as scripts read it."""
    return json.loads(list(choices_of(rule_set))[at].text)


def test_a_choice_says_all_that_choosing_needs_by_name():
    """Pool, view, rule and team; in the view every field that narrows who is eligible, if it is set."""
    rule = make.rule(
        "r", to=make.team("sales"), strategy=make.LEAST_OPEN_CONTACTS, online_only=True, max_open_contacts=3
    )
    rule_set = rules_pb2.RuleSet(rules=[rule], fallback=make.fallback())
    assert choice(rule_set) == {
        "pool": "t:sales",
        "view": {
            "name": 't:sales\x1f2{"max_open_contacts":3,"online_only":true}',
            "strategy": 2,
            "max_open_contacts": 3,
            "online_only": True,
        },
        "rule_id": "r",
        "team_id": "sales",
        "fallback": False,
    }
    fallback = {
        "pool": "*",
        "view": {"name": "*\x1f1{}", "strategy": 1},
        "rule_id": "",
        "team_id": "",
        "fallback": True,
    }
    assert choice(rule_set, 1) == fallback, "an unspecified strategy is round robin, and no target is everyone"


def test_nobody_is_a_choice_without_a_pool():
    """A rule for nobody asks for no view; where decisions are read its strategy is none."""
    rule_set = rules_pb2.RuleSet(rules=[make.rule("r", to=make.NOBODY)])
    expected = {"nobody": True, "view": {"strategy": 0}, "rule_id": "r", "team_id": "", "fallback": False}
    assert choice(rule_set) == expected


def test_equal_choices_have_one_name_and_others_another():
    """What does not bear on the choice (trigger, condition, reply) leaves its name as it is; all else changes it."""
    same = [make.rule("r"), make.rule("r", on=make.ON_OPENED, when=make.source("api"), reply="Hi", name="R")]
    other = [
        make.rule("s"),
        make.rule("r", online_only=True),
        make.rule("r", max_open_contacts=1),
        make.rule("r", to=make.team("sales")),
        make.rule("r", strategy=make.LEAST_OPEN_CONTACTS),
    ]
    refs = [next(choices_of(rules_pb2.RuleSet(rules=[rule]))).ref for rule in same + other]
    assert refs[0] == refs[1]
    assert len(set(refs[1:])) == len(refs[1:])

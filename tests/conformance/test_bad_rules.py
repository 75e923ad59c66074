"""Bad rules: every fault of a rule set is named by its path, all at once; at the limits it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import rules_pb2

from tests.support.builders import (
    ASSIGNED,
    agents,
    all_of,
    any_of,
    channel,
    fallback,
    none_of,
    rule,
    source,
    tag,
    team,
    trait,
    value,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from tests.support.client import Workspace

VIP = tag(any_of=["vip"])


def nested(depth: int) -> rules_pb2.Condition:
    """A condition with this many levels."""
    condition = VIP
    for _ in range(depth - 1):
        condition = all_of(condition)
    return condition


def faults(workspace: Workspace, *rules: rules_pb2.Rule, **settings: Any) -> dict[str, str]:
    """Configure these rules, which must be refused; return what was said about each field."""
    with refused("INVALID_ARGUMENT") as said:
        workspace.rules(*rules, **settings)
    assert said.reason == "INVALID_FIELDS"
    return said.violations


def fault_of(workspace: Workspace, condition: rules_pb2.Condition) -> str:
    """The path, within the condition, of its only fault."""
    paths = list(faults(workspace, rule("r", when=condition)))
    assert len(paths) == 1, paths
    return paths[0].removeprefix("rule_set.rules[0].condition").removeprefix(".")


def test_every_violation_of_a_rule_set_is_named(workspace: Workspace):
    """A rule set with many faults is refused once, with every field by its path; the one in force stays."""
    workspace.roster("ann")
    workspace.rules(rule("before"))
    said = faults(
        workspace,
        rule("r", when=trait("", "UNSPECIFIED")),
        rule("r", on=0, to=None, name="x" * 257, max_open_contacts=-1),
        rule("s", on=99, strategy=99, reply="x" * 4097),
        rule("t", when=all_of(VIP, any_of(trait("k", "EQUALS")))),
        fallback=fallback(to=team("nobody"), strategy=99),
    )
    assert set(said) == {
        "rule_set.rules[0].condition.trait.key",
        "rule_set.rules[0].condition.trait.operator",
        "rule_set.rules[1].id",
        "rule_set.rules[1].trigger",
        "rule_set.rules[1].target",
        "rule_set.rules[1].name",
        "rule_set.rules[1].max_open_contacts",
        "rule_set.rules[2].trigger",
        "rule_set.rules[2].strategy",
        "rule_set.rules[2].reply",
        "rule_set.rules[3].condition.all.conditions[1].any.conditions[0].trait.values",
        "rule_set.fallback.target.team_id",
        "rule_set.fallback.strategy",
    }
    assert [one.id for one in workspace.get_rules().rule_set.rules] == ["before"]
    assert workspace.created("c").rule_id == "before"


def test_unknown_agents_and_teams_are_refused_by_name(workspace: Workspace):
    """Rules that name an agent or team who is not in the roster are refused, naming each."""
    workspace.roster("ann", sales=["ann"])
    said = faults(
        workspace,
        rule("list", to=agents("ann", "zoe", "yan")),
        rule("team", to=team("support"), disabled=True),
        fallback=fallback(enabled=False, to=agents("xi")),
    )
    named = {
        "rule_set.rules[0].target.agents.agent_ids[1]": "zoe",
        "rule_set.rules[0].target.agents.agent_ids[2]": "yan",
        "rule_set.rules[1].target.team_id": "support",
        "rule_set.fallback.target.agents.agent_ids[0]": "xi",
    }
    assert set(said) == set(named)
    assert all(name in said[path] for path, name in named.items())


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (rules_pb2.Target(), "target"),
        (rules_pb2.Target(everyone=False), "target.everyone"),
        (agents(), "target.agents.agent_ids"),
        (agents("ann", "ann"), "target.agents.agent_ids[1]"),
        (team(""), "target.team_id"),
    ],
)
def test_bad_targets(workspace: Workspace, target: rules_pb2.Target, path: str):
    """A target must be something, name somebody, and name each once."""
    workspace.roster("ann")
    assert set(faults(workspace, rule("r", to=target))) == {f"rule_set.rules[0].{path}"}


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        (all_of(), "all.conditions"),
        (any_of(), "any.conditions"),
        (none_of(), "none.conditions"),
        (all_of(rules_pb2.Condition()), "all.conditions[0]"),
        (any_of(*[VIP] * 101), "any.conditions"),
        (tag(), "tag"),
        (tag(any_of=[""]), "tag.any_of[0]"),
        (tag(all_of=["x" * 129]), "tag.all_of[0]"),
        (tag(none_of=[f"t{number}" for number in range(101)]), "tag.none_of"),
        (source(), "source.any_of"),
        (channel(), "channel.any_of"),
        (channel("x" * 129), "channel.any_of[0]"),
        (source(*(f"s{number}" for number in range(101))), "source.any_of"),
        (trait("x" * 129, "EXISTS"), "trait.key"),
        (trait("k", "EXISTS", 1), "trait.values"),
        (trait("k", "CHANGED", 1), "trait.values"),
        (trait("k", "EQUALS"), "trait.values"),
        (trait("k", "LESS", 1, 2), "trait.values"),
        (trait("k", "IN"), "trait.values"),
        (trait("k", "NOT_IN", *range(101)), "trait.values"),
        (trait("k", "EQUALS", None), "trait.values[0]"),
        (trait("k", "IN", "ok", ["list"]), "trait.values[1]"),
        (trait("k", "EQUALS", {"a": 1}), "trait.values[0]"),
        (trait("k", "EQUALS", "x" * 4097), "trait.values[0]"),
        (trait("k", "EQUALS", 17841444523369053), "trait.values[0]"),
        (all_of(VIP, trait("k", "NOT_IN", 1, -(2.0**53) - 2)), "all.conditions[1].trait.values[1]"),
        (trait("k", "LESS", 1e300), "trait.values[0]"),
        *((trait("k", name, " "), "trait.values[0]") for name in ("CONTAINS", "STARTS_WITH", "ENDS_WITH")),
        *(
            (trait("k", "GREATER_OR_EQUAL", wrong), "trait.values[0]")
            for wrong in ("", "lots", "5k", "15/01/2026", "2026-02-30", True, "1e999")
        ),
    ],
)
def test_bad_conditions(workspace: Workspace, condition: rules_pb2.Condition, path: str):
    """Each fault of a condition is named by its path."""
    workspace.roster("ann")
    assert fault_of(workspace, condition) == path


def test_numbers_as_large_as_they_may_be(workspace: Workspace):
    """A number of 2^53, either sign, is taken; a longer one is refused with its remedy, and as text it is exact."""
    workspace.roster("ann")
    workspace.rules(rule("r", when=trait("k", "IN", 2.0**53, -(2.0**53))))
    said = faults(workspace, rule("r", when=trait("k", "EQUALS", 2.0**53 + 2)))
    assert "text" in said["rule_set.rules[0].condition.trait.values[0]"]
    said = faults(workspace, rule("r", when=trait("k", "EQUALS", 1e300)))
    assert said["rule_set.rules[0].condition.trait.values[0]"].startswith("is 1e+300, which")
    assert said["rule_set.rules[0].condition.trait.values[0]"].endswith("give it as text")
    workspace.rules(rule("r", when=trait("k", "EQUALS", "17841444523369053")))
    assert workspace.created("c", traits={"k": "17841444523369053"}).rule_id == "r"
    assert workspace.created("d", traits={"k": "17841444523369052"}).rule_id == ""


def test_an_operator_must_be_one(workspace: Workspace):
    """An operator that the contract does not know is refused by its path."""
    workspace.roster("ann")
    for number in (0, 77):
        condition = rules_pb2.Condition(trait=rules_pb2.TraitCondition(key="k", operator=number, values=[value(1)]))
        assert fault_of(workspace, condition) == "trait.operator"


def test_an_empty_condition_is_none(workspace: Workspace):
    """A rule with an empty condition is one without: always."""
    workspace.roster("ann")
    workspace.rules(rule("r", when=rules_pb2.Condition()))
    assert workspace.created("c").outcome == ASSIGNED


def test_depth(workspace: Workspace):
    """Conditions nest 8 levels deep and no deeper."""
    workspace.roster("ann")
    workspace.rules(rule("r", when=nested(8)))
    assert workspace.created("c", tags=["vip"]).outcome == ASSIGNED
    assert len(faults(workspace, rule("r", when=nested(9)))) == 1
    assert len(faults(workspace, rule("r", when=nested(40)))) == 1


def test_placeholders(workspace: Workspace):
    """A reply has at most 20 placeholders, with and without braces."""
    workspace.roster("ann")
    twenty = "$agent.name${contact.full name}" * 10
    workspace.rules(rule("r", reply=twenty))
    for one in ("$agent.name", "${agent.name}", "$contact.a", "${contact.a}"):
        assert set(faults(workspace, rule("r", reply=twenty + one))) == {"rule_set.rules[0].reply"}


@pytest.mark.parametrize("extra", [0, 1])
def test_ten_thousand_rules(workspace: Workspace, extra: int):
    """A set of 10,000 rules is taken and decides by its last one; one more is refused."""
    workspace.roster("ann", sales=["ann"])
    rules = [rule(f"r{number}", when=tag(any_of=[f"t{number}"]), to=team("sales")) for number in range(10_000 + extra)]
    if extra:
        assert set(faults(workspace, *rules)) == {"rule_set.rules"}
        assert workspace.get_rules().revision == 0
    else:
        workspace.rules(*rules)
        assert workspace.created("c", tags=["t9999"]).rule_id == "r9999"


def test_ten_thousand_agents_and_a_thousand_teams(workspace: Workspace):
    """A roster of 10,000 agents and 1,000 teams with 100,000 places is taken; one more of any is refused."""
    people = [f"a{number}" for number in range(10_001)]
    teams = {f"t{number}": people[number * 10 : number * 10 + 100] for number in range(900)} | {
        f"t{number}": people[:100] for number in range(900, 1000)
    }
    workspace.roster(*people[:10_000], **teams)
    workspace.rules(rule("team", when=VIP, to=team("t7")), rule("all"))
    assert workspace.created("v", tags=["vip"]).agent_id == "a70"
    got = [one.agent_id for one in workspace.created_in_batch(f"c{number}" for number in range(1000))]
    assert got == people[:1000]
    for count, some, path in (
        (10_001, {}, "roster.agents"),
        (10_000, teams | {"one more": []}, "roster.teams"),
        (10_000, teams | {"t0": people[:101]}, "roster.teams[999].agent_ids"),
    ):
        with refused("INVALID_ARGUMENT") as said:
            workspace.roster(*people[:count], **some)
        assert said.fields == {path}
    assert len(workspace.get_roster().roster.agents) == 10_000


def test_lists_of_ten_thousand(workspace: Workspace):
    """A rule's own list takes 10,000 agents, and all lists together 100,000 places; one more is refused."""
    people = [f"a{number}" for number in range(10_000)]
    workspace.roster(*people)
    rules = [rule(f"r{number}", to=agents(*people[number:], *people[:number])) for number in range(10)]
    assert len(faults(workspace, *rules, rule("one", to=agents("a0")))) == 1
    workspace.rules(*rules)
    assert workspace.created("c").agent_id == "a0"

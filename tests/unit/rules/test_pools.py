"""Names of pools."""

from __future__ import annotations

from evenhand.v1.rules_pb2 import AgentList, Fallback, Rule, RuleSet, Target

from service.rules import list_names, pool_of


def listed(*agent_ids):
    """The pool of a list."""
    return pool_of(Target(agents=AgentList(agent_ids=agent_ids)))


def test_everyone_and_teams():
    """Everyone is one pool, also for no target, and each team is its own."""
    assert pool_of(Target(everyone=True)) == pool_of(Target()) == "*"
    assert pool_of(Target(team_id="sales")) == "t:sales"


def test_lists():
    """The same agents in the same order are the same pool; others are not, however their ids run together."""
    assert listed("a", "b") == listed("a", "b")
    assert listed("a", "b").startswith("l:")
    assert len(listed("a", "b")) == len("l:") + 16
    different = [listed("a", "b"), listed("b", "a"), listed("ab"), listed("a"), listed("1:a"), listed("a1:b"), listed()]
    assert len(set(different)) == len(different)


def test_lists_are_named_after_those_who_use_them():
    """A list is called after the rules that have it as target, by name or else by id, and after the fallback."""
    target = Target(agents=AgentList(agent_ids=["a", "b"]))
    rules = [Rule(id="r1", name="First", target=target), Rule(id="r2", target=target), Rule(id="r3")]
    other = Target(agents=AgentList(agent_ids=["b"]))
    rule_set = RuleSet(rules=rules, fallback=Fallback(enabled=True, target=other))
    assert list_names(rule_set) == {listed("a", "b"): "First, r2", listed("b"): "fallback"}

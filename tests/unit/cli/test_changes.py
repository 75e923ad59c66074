"""What `evenhand apply` says would change."""

from __future__ import annotations

from evenhand.v1.roster_service_pb2 import Agent, Presence, Roster, Team
from evenhand.v1.rules_pb2 import AgentList, Fallback, Rule, RuleSet, Strategy, Target

from service.cli.changes import roster_changes, rule_set_changes


def test_added_removed_and_changed_rules_are_named():
    """Each rule that comes, goes or differs has its line, with the field and both values."""
    old = RuleSet(rules=[Rule(id="a", name="A", online_only=True), Rule(id="b")])
    new = RuleSet(rules=[Rule(id="a", name="A!", target=Target(team_id="t")), Rule(id="c", name="New")])
    assert rule_set_changes(old, new) == [
        "  - rule b",
        '  ~ rule a: name: "A" -> "A!"',
        '  ~ rule a: target: none -> {"teamId": "t"}',
        "  ~ rule a: onlineOnly: true -> false",
        "  + rule c (New)",
    ]


def test_a_changed_order_is_shown_where_it_differs():
    """Only the part of the order that is different is shown."""
    old = RuleSet(rules=[Rule(id=name) for name in "abcde"])
    new = RuleSet(rules=[Rule(id=name) for name in "acbde"])
    assert rule_set_changes(old, new) == ["  ~ order of rules: b, c -> c, b"]


def test_added_and_removed_rules_are_no_change_of_order():
    """A rule put in between leaves the order of the others as it was."""
    old = RuleSet(rules=[Rule(id=name) for name in "abc"])
    new = RuleSet(rules=[Rule(id=name) for name in "xac"])
    assert rule_set_changes(old, new) == ["  - rule b", "  + rule x"]


def test_fallback_and_closing_are_compared():
    """Settings beside the rules have lines of their own."""
    new = RuleSet(
        fallback=Fallback(enabled=True, target=Target(agents=AgentList(agent_ids=["a"]))), unassign_on_close=True
    )
    assert rule_set_changes(RuleSet(), new) == [
        "  ~ fallback: enabled: false -> true",
        '  ~ fallback: target: {"everyone": true} -> {"agents": {"agentIds": ["a"]}}',
        "  ~ unassignOnClose: false -> true",
    ]


def test_a_default_written_down_is_no_change():
    """Round robin, weight 1 and everyone are the same whether spelled out or not."""
    spelled = RuleSet(
        rules=[Rule(id="a", strategy=Strategy.STRATEGY_ROUND_ROBIN)],
        fallback=Fallback(strategy=Strategy.STRATEGY_ROUND_ROBIN, target=Target(everyone=True)),
    )
    assert rule_set_changes(RuleSet(rules=[Rule(id="a")]), spelled) == []
    assert roster_changes(Roster(agents=[Agent(id="a")]), Roster(agents=[Agent(id="a", weight=1)])) == []


def test_presence_and_open_contacts_are_no_change():
    """What the service fills in itself is not compared."""
    old = Roster(agents=[Agent(id="a", presence=Presence.PRESENCE_ONLINE, open_contact_count=3)])
    assert roster_changes(old, Roster(agents=[Agent(id="a")])) == []


def test_agents_and_teams_are_compared():
    """Members of a team and an agent's settings are shown with both values."""
    old = Roster(agents=[Agent(id="a"), Agent(id="b", weight=2)], teams=[Team(id="t", agent_ids=["a"])])
    new = Roster(agents=[Agent(id="b"), Agent(id="a", max_open_contacts=5)], teams=[Team(id="t", agent_ids=["a", "b"])])
    assert roster_changes(old, new) == [
        "  ~ agent b: weight: 2 -> 1",
        "  ~ agent a: maxOpenContacts: 0 -> 5",
        "  ~ order of agents: a, b -> b, a",
        "  ~ team t: agentIds: [a] -> [a, b]",
    ]


def test_long_values_are_cut():
    """A value of a kilobyte does not fill the screen."""
    (line,) = rule_set_changes(RuleSet(rules=[Rule(id="a")]), RuleSet(rules=[Rule(id="a", reply="x" * 4000)]))
    assert len(line) < 120
    assert line.endswith("xxx...")

"""deploy/adr/0006, "The order of a decision", 2 to 4: triggers, rules, what a decision says, the fallback."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ASSIGNED,
    CREATED,
    EVERYONE,
    LEAST_OPEN_CONTACTS,
    NO_AGENT_AVAILABLE,
    NO_RULE_MATCHED,
    ON_CREATED,
    ON_NEW_WHATSAPP,
    ON_OPENED,
    ON_UPDATE,
    OPENED,
    ROUND_ROBIN,
    UPDATED,
    agents,
    contact,
    fallback,
    rule,
    source,
    tag,
    team,
)

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


# Triggers.

FITS = {
    ON_NEW_WHATSAPP: {(CREATED, "whatsapp_dm")},
    ON_UPDATE: {(UPDATED, "whatsapp_dm"), (UPDATED, "upload"), (UPDATED, "manual"), (UPDATED, "api"), (UPDATED, "")},
    ON_OPENED: {(OPENED, "whatsapp_dm"), (OPENED, "upload"), (OPENED, "manual"), (OPENED, "api"), (OPENED, "")},
    ON_CREATED: {(CREATED, "whatsapp_dm"), (CREATED, "upload"), (CREATED, "manual"), (CREATED, "api"), (CREATED, "")},
}


@pytest.mark.parametrize("trigger", FITS)
def test_triggers_fit_their_events_and_no_others(workspace: Workspace, trigger: int):
    """Each trigger fits exactly the events and sources of the table in deploy/adr/0006."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=trigger))
    fitting = {
        (event, origin)
        for event in (CREATED, UPDATED, OPENED)
        for origin in ("whatsapp_dm", "upload", "manual", "api", "")
        if workspace.evaluate(event, contact(f"{event}{origin}", source=origin)).outcome == ASSIGNED
    }
    assert fitting == FITS[trigger]


def test_the_source_is_read_without_regard_to_case(workspace: Workspace):
    """A source of " WhatsApp_DM " is whatsapp_dm; "whatsapp" is not."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    assert workspace.created("c", source=" WhatsApp_DM ").outcome == ASSIGNED
    assert workspace.created("d", source="whatsapp").outcome == NO_RULE_MATCHED


# Rules in order.


def test_the_first_rule_that_matches_decides(workspace: Workspace):
    """Rules are tried in the order in which they stand; the first match decides, also if nobody is eligible there."""
    workspace.roster("ann", "bob")
    workspace.rules(
        rule("vip", when=tag(any_of=["vip"]), to=agents("ann"), online_only=True),
        rule("first", to=agents("bob")),
        rule("second", to=agents("ann")),
    )
    assert workspace.created("plain").rule_id == "first"
    vip = workspace.created("vip", tags=["vip"])
    assert (vip.outcome, vip.rule_id, vip.agent_id) == (NO_AGENT_AVAILABLE, "vip", "")


def test_order_is_what_counts(workspace: Workspace):
    """The same rules in another order decide otherwise."""
    workspace.roster("ann", "bob")
    one, other = rule("one", to=agents("ann")), rule("other", to=agents("bob"))
    workspace.rules(one, other)
    assert workspace.created("c").agent_id == "ann"
    workspace.rules(other, one)
    assert workspace.created("d").agent_id == "bob"


def test_a_disabled_rule_is_skipped(workspace: Workspace):
    """A disabled rule decides nothing; enabled again it does."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("off", to=agents("ann"), disabled=True), rule("on", to=agents("bob")))
    assert workspace.created("c").rule_id == "on"
    workspace.rules(rule("off", to=agents("ann")), rule("on", to=agents("bob")))
    assert workspace.created("d").rule_id == "off"


def test_a_condition_must_hold(workspace: Workspace):
    """A rule whose condition does not hold is passed over."""
    workspace.roster("ann")
    workspace.rules(rule("api", on=ON_CREATED, when=source("api")))
    assert workspace.created("c", source="api").outcome == ASSIGNED
    assert workspace.created("d", source="manual").outcome == NO_RULE_MATCHED


def test_no_rule_matched(workspace: Workspace):
    """A contact that no rule matches stays unassigned, and the decision names the revision and nothing else."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_OPENED))
    decision = workspace.created("c", source="api")
    assert decision.outcome == NO_RULE_MATCHED
    assert (decision.agent_id, decision.rule_id, decision.team_id, decision.strategy) == ("", "", "", 0)
    assert decision.rules_revision == 1
    record = workspace.contact("c")
    assert (record.owner_id, record.open, record.decision) == ("", False, decision)


def test_an_unconfigured_workspace(workspace: Workspace):
    """Where nothing was ever configured, nothing matches, under revision 0."""
    decision = workspace.created("c")
    assert (decision.outcome, decision.rules_revision) == (NO_RULE_MATCHED, 0)


# What a decision says.


def test_an_assignment_says_why(workspace: Workspace):
    """ASSIGNED names agent, rule, team, strategy, revision, place in the order, and time; it is on record."""
    workspace.roster("ann", sales=["ann"])
    workspace.rules(rule("r", to=team("sales"), strategy=LEAST_OPEN_CONTACTS))
    before = time.time()
    decision = workspace.created("c")
    assert (decision.outcome, decision.agent_id, decision.rule_id) == (ASSIGNED, "ann", "r")
    assert (decision.team_id, decision.strategy, decision.fallback) == ("sales", LEAST_OPEN_CONTACTS, False)
    assert (decision.rules_revision, decision.replayed) == (1, False)
    assert decision.sequence > 0
    assert before - 0.01 <= decision.decide_time.ToNanoseconds() / 1e9 <= time.time() + 0.01
    assert decision.decide_time.nanos % 1_000_000 == 0
    record = workspace.contact("c")
    assert (record.contact_id, record.owner_id, record.open, record.decision) == ("c", "ann", True, decision)


def test_an_unspecified_strategy_is_round_robin(workspace: Workspace):
    """A rule or fallback that names no strategy says ROUND_ROBIN in its decisions."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_OPENED), fallback=fallback())
    assert workspace.opened("c").strategy == ROUND_ROBIN
    assert workspace.created("d").strategy == ROUND_ROBIN


def test_the_sequence_goes_up(workspace: Workspace):
    """Each later decision has a larger sequence, whatever its outcome."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    decisions = [workspace.created("a"), workspace.created("a"), workspace.created("b", source="api")]
    workspace.close("a")
    decisions += workspace.created_in_batch(["c", "a", "d"])
    numbers = [decision.sequence for decision in decisions]
    assert numbers == sorted(set(numbers))


def test_the_revision_in_force_is_named(workspace: Workspace):
    """A decision names the revision of the rules under which it was made, and keeps naming it on record."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    workspace.created("old")
    assert workspace.rules(rule("s")).revision == 2
    assert workspace.created("new").rules_revision == 2
    assert workspace.contact("old").decision.rules_revision == 1


# Nobody there.


def test_no_agent_available(workspace: Workspace):
    """With nobody eligible the contact stays unassigned, the rule is named, and a later event tries again."""
    workspace.roster("ann", sales=["ann"])
    workspace.rules(rule("r", to=team("sales"), online_only=True))
    decision = workspace.created("c")
    assert decision.outcome == NO_AGENT_AVAILABLE
    assert (decision.agent_id, decision.rule_id, decision.team_id) == ("", "r", "sales")
    assert decision.strategy == ROUND_ROBIN
    record = workspace.contact("c")
    assert (record.owner_id, record.open, record.decision) == ("", False, decision)
    workspace.online("ann")
    assert workspace.created("c").outcome == ASSIGNED


def test_an_empty_team(workspace: Workspace):
    """A team without members is an empty pool, not an error."""
    workspace.roster("ann", sales=[])
    workspace.rules(rule("r", to=team("sales")))
    assert workspace.created("c").outcome == NO_AGENT_AVAILABLE


def test_a_team_that_went_away(workspace: Workspace):
    """A rule whose team or agents have left the roster finds nobody."""
    workspace.roster("ann", "bob", sales=["ann"])
    workspace.rules(rule("team", to=team("sales")), rule("list", on=ON_OPENED, to=agents("ann", "bob")))
    answer = workspace.roster("bob")
    assert answer.warnings
    gone = workspace.created("c")
    assert (gone.outcome, gone.team_id) == (NO_AGENT_AVAILABLE, "sales")
    assert [workspace.opened(one).agent_id for one in "xy"] == ["bob", "bob"]


# Fallback.


def test_the_fallback_takes_a_new_whatsapp_contact(workspace: Workspace):
    """Enabled, beside a rule that does not match, for a new WhatsApp contact: the fallback decides and says so."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", when=tag(any_of=["vip"])), fallback=fallback())
    decisions = [workspace.created(one) for one in "abcd"]
    assert [one.agent_id for one in decisions] == ["ann", "bob", "ann", "bob"]
    assert {(one.outcome, one.fallback, one.rule_id, one.team_id) for one in decisions} == {(ASSIGNED, True, "", "")}


def test_a_matching_rule_comes_before_the_fallback(workspace: Workspace):
    """The fallback does not decide where a rule matched."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", to=agents("bob")), fallback=fallback())
    decision = workspace.created("c")
    assert (decision.rule_id, decision.fallback) == ("r", False)


def test_the_fallback_needs_a_rule(workspace: Workspace):
    """Without a single rule the fallback does nothing; one that could never match is enough, even disabled."""
    workspace.roster("ann")
    workspace.rules(fallback=fallback())
    assert workspace.created("c").outcome == NO_RULE_MATCHED
    workspace.rules(rule("r", on=ON_OPENED, disabled=True), fallback=fallback())
    assert workspace.created("c").outcome == ASSIGNED


def test_a_disabled_fallback_does_nothing(workspace: Workspace):
    """Turned off, the contact stays unassigned."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_OPENED), fallback=fallback(enabled=False))
    assert workspace.created("c").outcome == NO_RULE_MATCHED


@pytest.mark.parametrize(
    ("event", "origin"), [(UPDATED, "whatsapp_dm"), (OPENED, "whatsapp_dm"), (CREATED, "api"), (CREATED, "")]
)
def test_the_fallback_is_for_nothing_else(workspace: Workspace, event: int, origin: str):
    """Never for a trait or tag update, an opened conversation, or a contact from elsewhere."""
    workspace.roster("ann")
    workspace.rules(rule("r", when=tag(any_of=["vip"])), fallback=fallback(to=EVERYONE))
    assert workspace.evaluate(event, contact("c", source=origin)).outcome == NO_RULE_MATCHED


def test_the_fallback_has_settings_of_its_own(workspace: Workspace):
    """Its target, strategy and online_only hold, and nobody eligible is NO_AGENT_AVAILABLE by the fallback."""
    workspace.roster("ann", "bob", sales=["bob"])
    workspace.rules(
        rule("r", on=ON_OPENED),
        fallback=fallback(to=team("sales"), strategy=LEAST_OPEN_CONTACTS, online_only=True),
    )
    nobody = workspace.created("c")
    assert (nobody.outcome, nobody.fallback, nobody.rule_id) == (NO_AGENT_AVAILABLE, True, "")
    workspace.online("bob", "ann")
    decision = workspace.created("c")
    assert (decision.agent_id, decision.team_id) == ("bob", "sales")
    assert (decision.strategy, decision.fallback) == (LEAST_OPEN_CONTACTS, True)

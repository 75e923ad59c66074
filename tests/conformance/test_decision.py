"""Section 2 of the design: every rule of a decision, and its opposite."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ALREADY_ASSIGNED,
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
    from collections.abc import Callable

    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


# Owned already.


def test_a_recorded_owner_stays(workspace: Workspace):
    """A contact with an owner on record gets ALREADY_ASSIGNED with that owner, and nothing else happens."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    first = workspace.created("c")
    again = workspace.created("c")
    assert (first.outcome, first.agent_id) == (ASSIGNED, "ann")
    assert (again.outcome, again.agent_id) == (ALREADY_ASSIGNED, "ann")
    assert (again.rule_id, again.team_id, again.fallback, again.strategy, again.replayed) == ("", "", False, 0, False)
    assert workspace.open_counts() == {"ann": 1, "bob": 0}
    assert workspace.created("d").agent_id == "bob", "the repeated call took no turn"


def test_an_owner_named_by_the_caller_is_right(workspace: Workspace):
    """A caller who names an owner other than the recorded one is followed, and the place moves with it."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    workspace.created("c")
    told = workspace.updated("c", owner="bob")
    assert (told.outcome, told.agent_id) == (ALREADY_ASSIGNED, "bob")
    assert workspace.owner("c") == "bob"
    assert workspace.open_counts() == {"ann": 0, "bob": 1}


def test_an_owner_named_for_an_unknown_contact_is_recorded(workspace: Workspace):
    """A new contact whose caller names an owner is open, counted for that owner, and decided by no rule."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    assert workspace.created("c", owner="bob").outcome == ALREADY_ASSIGNED
    record = workspace.contact("c")
    assert (record.owner_id, record.open, record.HasField("decision")) == ("bob", True, False)
    assert workspace.open_counts() == {"ann": 0, "bob": 1}


def test_an_owner_outside_the_roster_is_respected(workspace: Workspace):
    """An owner whom the roster does not know keeps the contact too, and is counted on joining."""
    workspace.roster("ann")
    workspace.rules(rule("all"))
    assert workspace.created("c", owner="zoe").agent_id == "zoe"
    assert workspace.created("c").agent_id == "zoe"
    workspace.roster("ann", "zoe")
    assert workspace.open_counts() == {"ann": 0, "zoe": 1}


def test_an_owner_without_rules(workspace: Workspace):
    """A workspace in which nothing is configured still says ALREADY_ASSIGNED of an owned contact."""
    decision = workspace.created("c", owner="zoe")
    assert (decision.outcome, decision.agent_id, decision.rules_revision) == (ALREADY_ASSIGNED, "zoe", 0)


def test_an_opened_conversation_reopens_a_closed_contact(workspace: Workspace):
    """CONVERSATION_OPENED makes a closed contact open again and counts it for its owner, even past a limit."""
    workspace.roster("ann")
    workspace.rules(rule("all", max_open_contacts=1))
    workspace.created("c")
    workspace.close("c")
    workspace.created("d")
    assert workspace.open_counts() == {"ann": 1}
    assert workspace.opened("c").outcome == ALREADY_ASSIGNED
    assert workspace.contact("c").open
    assert workspace.open_counts() == {"ann": 2}
    workspace.opened("c")
    assert workspace.open_counts() == {"ann": 2}, "opening what is open counts nothing"


@pytest.mark.parametrize("event", [CREATED, UPDATED])
def test_other_events_leave_a_closed_contact_closed(workspace: Workspace, event: int):
    """Any event but CONVERSATION_OPENED leaves a closed contact closed and uncounted."""
    workspace.roster("ann")
    workspace.rules(rule("all"))
    workspace.created("c")
    workspace.close("c")
    assert workspace.evaluate(event, contact("c")).outcome == ALREADY_ASSIGNED
    assert not workspace.contact("c").open
    assert workspace.open_counts() == {"ann": 0}


def test_a_new_owner_of_a_closed_contact(workspace: Workspace):
    """A closed contact that the caller gives to another owner stays closed; opened, it counts for the new one."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    workspace.created("c")
    workspace.close("c")
    workspace.updated("c", owner="bob")
    record = workspace.contact("c")
    assert (record.owner_id, record.open) == ("bob", False)
    workspace.opened("c")
    assert workspace.open_counts() == {"ann": 0, "bob": 1}


# Triggers.

FITS = {
    ON_NEW_WHATSAPP: {(CREATED, "whatsapp_dm")},
    ON_UPDATE: {(UPDATED, "whatsapp_dm"), (UPDATED, "upload"), (UPDATED, "manual"), (UPDATED, "api"), (UPDATED, "")},
    ON_OPENED: {(OPENED, "whatsapp_dm"), (OPENED, "upload"), (OPENED, "manual"), (OPENED, "api"), (OPENED, "")},
    ON_CREATED: {(CREATED, "whatsapp_dm"), (CREATED, "upload"), (CREATED, "manual"), (CREATED, "api"), (CREATED, "")},
}


@pytest.mark.parametrize("trigger", FITS)
def test_triggers_fit_their_events_and_no_others(workspace: Workspace, trigger: int):
    """Each trigger fits exactly the events and sources of the design's table."""
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


# Replays.


def test_a_repeated_request_gets_the_same_decision(workspace: Workspace):
    """The same contact and request id give the same decision, marked, and change nothing."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", reply="Hello from $agent.name"))
    first = workspace.created("c", request_id="one")
    again = workspace.created("c", request_id="one")
    assert again.replayed
    again.replayed = False
    assert again == first
    assert workspace.open_counts() == {"ann": 1, "bob": 0}
    assert workspace.created("d").agent_id == "bob"


def test_another_request_is_another(workspace: Workspace):
    """A new request id of the same contact, or the same request id of another contact, is decided anew."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    workspace.created("c", request_id="one")
    assert workspace.created("c", request_id="two").outcome == ALREADY_ASSIGNED
    other = workspace.created("d", request_id="one")
    assert (other.outcome, other.replayed) == (ASSIGNED, False)


def test_a_late_retry_changes_nothing(workspace: Workspace):
    """A retry that comes after close, unassignment or another owner gets the old answer and reopens nothing."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", on=ON_OPENED))
    first = workspace.opened("c", request_id="one")
    workspace.assign("c", "bob")
    workspace.close("c")
    reopened = workspace.opened("c", request_id="two")
    workspace.close("c")
    for request_id, earlier in (("one", first), ("two", reopened)):
        late = workspace.opened("c", request_id=request_id)
        assert late.replayed
        assert (late.sequence, late.agent_id, late.outcome) == (earlier.sequence, earlier.agent_id, earlier.outcome)
    assert not workspace.contact("c").open
    workspace.unassign("c")
    assert workspace.opened("c", request_id="one").agent_id == "ann"
    assert workspace.owner("c") == ""
    assert workspace.open_counts() == {"ann": 0, "bob": 0}


def test_unassigned_answers_are_replayed_too(workspace: Workspace):
    """A NO_RULE_MATCHED or NO_AGENT_AVAILABLE is given again for its request id, though somebody is there by now."""
    workspace.roster("ann")
    workspace.rules(rule("r", online_only=True))
    nobody = workspace.created("c", request_id="one")
    nothing = workspace.created("d", source="api", request_id="one")
    workspace.online("ann")
    workspace.rules(rule("r", on=ON_CREATED))
    for contact_id, earlier in (("c", nobody), ("d", nothing)):
        again = workspace.created(contact_id, request_id="one")
        assert (again.replayed, again.outcome, again.sequence) == (True, earlier.outcome, earlier.sequence)
        assert workspace.created(contact_id, request_id="two").outcome == ASSIGNED
        assert workspace.created(contact_id, request_id="one").outcome == earlier.outcome


def test_without_a_request_id_a_repeat_is_already_assigned(workspace: Workspace):
    """A repeated call without request id is no replay: it gets ALREADY_ASSIGNED."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    workspace.created("c")
    again = workspace.created("c")
    assert (again.outcome, again.replayed) == (ALREADY_ASSIGNED, False)


# People.


def test_what_a_person_decides_holds(workspace: Workspace):
    """A hand assignment wins over the owner on record, may pass limits, and takes disabled and absent agents too."""
    workspace.roster("ann", "bob", "off")
    workspace.rules(rule("r", max_open_contacts=1, online_only=True))
    workspace.online("ann")
    workspace.created("c")
    moved = workspace.assign("c", "bob")
    assert (moved.owner_id, moved.previous_owner_id, moved.open) == ("bob", "ann", True)
    assert workspace.created("c").agent_id == "bob"
    for one in "def":
        assert workspace.assign(one, "ann").previous_owner_id == ""
    assert workspace.open_counts() == {"ann": 3, "bob": 1, "off": 0}
    assert workspace.created("g").outcome == NO_AGENT_AVAILABLE
    assert workspace.contact("c").decision.agent_id == "ann", "Evenhand's own latest decision stays on record"


def test_unassigning(workspace: Workspace):
    """An unassigned contact has no owner, gives its place back, and can be decided about again; twice is no error."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    workspace.created("c")
    assert workspace.unassign("c").previous_owner_id == "ann"
    assert workspace.unassign("c").previous_owner_id == ""
    assert workspace.unassign("never seen").previous_owner_id == ""
    assert (workspace.owner("c"), workspace.open_counts()) == ("", {"ann": 0, "bob": 0})
    assert workspace.created("c").agent_id == "bob"


def test_closing(workspace: Workspace):
    """Closing gives the place back and keeps the owner; twice is no error and changes nothing."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    workspace.created("c")
    first, again, unknown = workspace.close("c"), workspace.close("c"), workspace.close("never seen")
    assert (first.owner_id, first.closed) == ("ann", True)
    assert (again.owner_id, again.closed) == ("ann", False)
    assert (unknown.owner_id, unknown.closed) == ("", False)
    record = workspace.contact("c")
    assert (record.owner_id, record.open, workspace.open_counts()) == ("ann", False, {"ann": 0})
    assert workspace.contact("never seen") is None


def test_unassign_on_close(workspace: Workspace):
    """With unassign_on_close the owner goes too, so the next event assigns anew."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", on=ON_OPENED), unassign_on_close=True)
    workspace.opened("c")
    closed = workspace.close("c")
    assert (closed.owner_id, closed.closed) == ("", True)
    again = workspace.opened("c")
    assert (again.outcome, again.agent_id) == (ASSIGNED, "bob")


# In batches.


def test_a_batch_decides_one_after_another(new_workspace: Callable[[], Workspace]):
    """A batch gives the answers, in the order asked, that single calls would give."""
    single, batched = new_workspace(), new_workspace()
    for one in (single, batched):
        one.roster("ann", "bob", "cy")
        one.rules(rule("r", to=agents("cy", "ann", "bob"), max_open_contacts=2))
    ids = ["a", "b", "a", "c", "d", "e", "f", "b", "g"]
    one_by_one = [(one.outcome, one.agent_id) for one in map(single.created, ids)]
    assert [(one.outcome, one.agent_id) for one in batched.created_in_batch(ids)] == one_by_one
    assert [agent for _, agent in one_by_one] == ["cy", "ann", "cy", "bob", "cy", "ann", "bob", "ann", ""]

"""One customer, two ids: what becomes of two contacts that are merged, and of calls that name the old id."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    NO_AGENT_AVAILABLE,
    NO_RULE_MATCHED,
    ON_CREATED,
    ON_OPENED,
    agent,
    agents,
    rule,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


def state(workspace: Workspace, contact_id: str) -> tuple[str, str, bool] | None:
    """The id that holds, the owner, and whether the contact is open; None if nothing is on record."""
    found = workspace.contact(contact_id)
    return (found.contact_id, found.owner_id, found.open) if found else None


@pytest.fixture
def team(workspace: Workspace) -> Workspace:
    """Ann and bob take new contacts in turn."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", on=ON_CREATED, reply="Hello from $agent.name"))
    return workspace


def test_two_open_contacts_become_one(team: Workspace):
    """The one that holds keeps its owner, the other's place is given back, and both ids are answered for it."""
    assert team.takes("old", "new") == ["ann", "bob"]
    merged = team.merge("old", "new")
    assert (merged.contact_id, merged.owner_id, merged.open, merged.merged) == ("new", "bob", True, True)
    assert team.open_counts() == {"ann": 0, "bob": 1}
    assert state(team, "old") == state(team, "new") == ("new", "bob", True)


def test_two_open_contacts_of_one_owner_count_once(team: Workspace):
    """Two open contacts with the same owner take one place."""
    team.takes("old", "other", "new")
    assert team.open_counts() == {"ann": 2, "bob": 1}
    assert team.merge("old", "new").owner_id == "ann"
    assert team.open_counts() == {"ann": 1, "bob": 1}


def test_a_contact_without_owner_takes_that_of_the_other(team: Workspace):
    """Owner, open conversation and decision of the old id go to an unknown one; the count stays."""
    first = team.created("old")
    assert team.merge("old", "new").owner_id == "ann"
    assert team.open_counts() == {"ann": 1, "bob": 0}
    found = team.contact("new")
    assert (found.owner_id, found.open) == ("ann", True)
    assert found.decision.contact_id == "new"
    assert (found.decision.sequence, found.decision.rule_id, found.decision.reply) == (
        first.sequence,
        "r",
        "Hello from ann",
    )


def test_the_decision_goes_with_the_owner(team: Workspace):
    """Where the id that holds was left without an owner, the record says why the other's owner is the owner now."""
    team.roster("ann")
    team.created("old", request_id="one")
    team.rules()
    assert team.created("new", request_id="one").outcome == NO_RULE_MATCHED
    team.merge("old", "new")
    assert team.contact("new").decision.outcome == ASSIGNED
    assert team.created("old", request_id="one").outcome == ASSIGNED
    assert team.created("new", request_id="one").outcome == NO_RULE_MATCHED


def test_the_decision_stays_where_the_owner_stays(team: Workspace):
    """An id that holds and keeps its owner keeps the decision that explains the owner, too."""
    team.takes("old", "new")
    team.merge("old", "new")
    assert team.contact("new").decision.agent_id == team.owner("new") == "bob"


@pytest.mark.parametrize("closed", ["old", "new"])
def test_the_contact_is_open_if_either_was(team: Workspace, closed: str):
    """A closed and an open contact become an open one, of the owner who holds, counted once."""
    team.takes("old", "new")
    team.close(closed)
    merged = team.merge("old", "new")
    assert (merged.owner_id, merged.open) == ("bob", True)
    assert team.open_counts() == {"ann": 0, "bob": 1}


def test_closed_contacts_become_a_closed_one(team: Workspace):
    """Nothing becomes open by being merged."""
    team.takes("old", "new")
    team.close("old")
    team.close("new")
    assert not team.merge("old", "new").open
    assert team.open_counts() == {"ann": 0, "bob": 0}
    assert team.opened("old").outcome == ALREADY_ASSIGNED
    assert team.open_counts() == {"ann": 0, "bob": 1}


def test_a_place_given_back_is_there_for_the_next(workspace: Workspace):
    """An agent who was at the limit is assigned a contact again once two of hers became one."""
    workspace.roster(agent("ann", max_open_contacts=2))
    workspace.rules(rule("r"))
    workspace.takes("old", "new")
    assert workspace.created("next").outcome == NO_AGENT_AVAILABLE
    workspace.merge("old", "new")
    assert workspace.created("next").agent_id == "ann"


def test_every_call_with_the_old_id_is_about_the_new_one(team: Workspace):
    """EvaluateContact, AssignContact, CloseContact and UnassignContact act on the contact that holds."""
    team.takes("old", "new")
    team.merge("old", "new")
    decision = team.updated("old", traits={"name": "x"})
    assert (decision.outcome, decision.agent_id, decision.contact_id) == (ALREADY_ASSIGNED, "bob", "new")
    assert team.updated("new", traits={"name": "x"}).contact_id == "new"
    assert team.assign("old", "ann").previous_owner_id == "bob"
    assert state(team, "new") == ("new", "ann", True)
    assert team.close("old").closed
    assert not team.close("new").closed
    assert team.unassign("old").previous_owner_id == "ann"
    assert state(team, "old") == ("new", "", False)
    again = team.created("old")
    assert (again.outcome, again.contact_id) == (ASSIGNED, "new")
    assert state(team, "new") == ("new", again.agent_id, True)
    assert sum(team.open_counts().values()) == 1


def test_in_a_batch_too(team: Workspace):
    """A batch answers each request with the id that holds, whatever stands beside it."""
    team.takes("old", "new", "other")
    team.merge("old", "new")
    answers = team.created_in_batch(["old", "other", "new", "fresh"])
    assert [one.contact_id for one in answers] == ["new", "other", "new", "fresh"]


def test_a_retry_under_the_old_id_gets_its_own_decision(team: Workspace):
    """What was decided under each id is replayed under it through all merges, for the same request id, too."""
    made = {name: team.created(name, request_id="one") for name in ("a", "b", "c")}
    team.merge("a", "b")
    late = team.updated("a", request_id="two", traits={"name": "x"})
    team.merge("b", "c")
    for name, first in made.items():
        again = team.created(name, request_id="one")
        assert (again.replayed, again.contact_id) == (True, "c")
        assert (again.agent_id, again.sequence, again.reply) == (first.agent_id, first.sequence, first.reply)
    again = team.updated("a", request_id="two", traits={"name": "x"})
    assert (again.replayed, again.sequence, again.agent_id) == (True, late.sequence, late.agent_id)


def test_a_chain_of_merges_ends_at_the_last(team: Workspace):
    """Each of hundreds of ids, merged one into the next, is answered for the last one, in one look."""
    names = [f"c-{number}" for number in range(300)]
    team.created(names[0])
    for old, new in pairwise(names):
        assert team.merge(old, new).contact_id == new
    assert {state(team, each) for each in names} == {(names[-1], "ann", True)}
    assert team.open_counts() == {"ann": 1, "bob": 0}


def test_old_ids_may_be_merged_again(team: Workspace):
    """An old id stands for its contact in a merge, too: whether it is the one given up or the one that holds."""
    team.takes("a", "b", "c", "d")
    team.merge("a", "b")
    team.merge("c", "a")
    assert state(team, "c") == ("b", "bob", True)
    assert team.merge("a", "d").contact_id == "d"
    assert {state(team, each) for each in "abcd"} == {("d", "bob", True)}
    assert team.open_counts() == {"ann": 0, "bob": 1}


def test_what_is_one_already_stays(team: Workspace):
    """A merge that is repeated, or of two old ids of one contact, changes nothing and says so."""
    team.takes("a", "b", "c")
    team.merge("a", "c")
    team.merge("b", "c")
    for pair in (("a", "c"), ("b", "c"), ("a", "b"), ("b", "a")):
        again = team.merge(*pair)
        assert (again.contact_id, again.owner_id, again.open, again.merged) == ("c", "ann", True, False)
    assert team.open_counts() == {"ann": 1, "bob": 0}


@pytest.mark.parametrize("chain", [["a", "b"], ["a", "b", "c"]])
def test_circles_are_refused(team: Workspace, chain: list[str]):
    """The contact that holds cannot be merged into one of its old ids; nothing changes, and why is said."""
    team.takes(*chain)
    for old, new in pairwise(chain):
        team.merge(old, new)
    before = team.open_counts()
    with refused("FAILED_PRECONDITION") as said:
        team.merge(chain[-1], "a")
    assert said.reason == "MERGE_CIRCLE"
    assert "they are one contact already: into_contact_id is an old id of from_contact_id" in said.message
    assert team.open_counts() == before
    assert state(team, "a") == state(team, chain[-1])


def test_a_contact_is_not_merged_into_itself(team: Workspace):
    """One id twice is a mistake of the caller, named by its field; so is every other wrong id, all at once."""
    with refused("INVALID_ARGUMENT") as said:
        team.merge("a", "a")
    assert said.fields == {"into_contact_id"}
    with refused("INVALID_ARGUMENT") as said:
        team.merge("", "x" * 129)
    assert said.fields == {"from_contact_id", "into_contact_id"}


def test_contacts_that_nobody_knows_may_be_merged(team: Workspace):
    """Two ids without a record are one contact from then on."""
    merged = team.merge("old", "new")
    assert (merged.contact_id, merged.owner_id, merged.open, merged.merged) == ("new", "", False, True)
    assert state(team, "old") == ("new", "", False)
    first = team.created("old")
    assert (first.outcome, first.contact_id) == (ASSIGNED, "new")
    assert team.created("new").outcome == ALREADY_ASSIGNED


def test_a_contact_has_a_thousand_old_ids_at_most(team: Workspace):
    """A merge that would give a contact more old ids is refused, and changes nothing."""
    for number in range(1000):
        team.merge(f"old-{number}", "new")
    team.created("one more")
    with refused("FAILED_PRECONDITION") as said:
        team.merge("one more", "new")
    assert said.reason == "TOO_MANY_IDS"
    assert state(team, "one more") == ("one more", "ann", True)
    assert state(team, "old-0") == ("new", "", False)


def test_who_waits_without_owner_goes_on_waiting(workspace: Workspace):
    """The decision that left a contact unassigned goes to an id of which none is known, and is answered there."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_OPENED, to=agents("ann")))
    assert workspace.created("old").outcome == NO_RULE_MATCHED
    workspace.merge("old", "new")
    assert workspace.contact("new").decision.outcome == NO_RULE_MATCHED
    assert workspace.opened("old").agent_id == "ann"
    assert state(workspace, "old") == ("new", "ann", True)


def test_an_unknown_owner_is_kept(team: Workspace):
    """An owner whom the roster does not know is taken over, too, and counted on joining."""
    team.opened("old", owner="zoe")
    team.merge("old", "new")
    assert state(team, "new") == ("new", "zoe", True)
    team.roster("ann", "zoe")
    assert team.open_counts() == {"ann": 0, "zoe": 1}


def test_workspaces_know_nothing_of_each_other(team: Workspace, new_workspace):
    """A merge in one workspace leaves the same ids of another as they are."""
    other = new_workspace()
    other.roster("ann")
    other.rules(rule("r"))
    team.takes("old", "new")
    other.takes("old", "new")
    team.merge("old", "new")
    assert state(other, "old") == ("old", "ann", True)
    assert other.open_counts() == {"ann": 2}


def test_space_around_ids_makes_no_difference(team: Workspace):
    """White space around ids is taken off, as in every call; two ids that differ by it alone are one."""
    team.takes("old", "new")
    assert team.merge(" old\u3000", "\u00a0new ").contact_id == "new"
    assert team.contact("old").contact_id == "new"
    with refused("INVALID_ARGUMENT") as said:
        team.merge("new", " new ")
    assert said.fields == {"into_contact_id"}
    assert [one.contact_id for page in team.pages(owner=" bob ") for one in page] == ["new"]
    assert team.forget(" old ")
    assert team.contact("new") is None

"""deploy/adr/0006, "Owners whom nobody knows": the caller stays right, and is told; case alone makes no stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    UPDATED,
    agent,
    contact,
    rule,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


@pytest.mark.parametrize("stranger", ["null", "None", "Asha@Shop.com ltd", "0"])
def test_an_owner_of_no_roster_is_said_to_be_unknown(workspace: Workspace, stranger: str):
    """The decision names the owner, as do later ones and replays, and says that the roster does not know it."""
    workspace.roster("asha@shop.com")
    workspace.rules(rule("r"))
    told = [
        workspace.created("c", owner=stranger, request_id="one"),
        workspace.created("c", owner=stranger, request_id="one"),
        workspace.opened("c"),
        workspace.updated("c", owner=stranger),
    ]
    assert [one.replayed for one in told] == [False, True, False, False]
    for one in told:
        assert (one.outcome, one.agent_id, one.owner_unknown) == (ALREADY_ASSIGNED, stranger, True)
    assert workspace.open_counts() == {"asha@shop.com": 0}


def test_owners_of_the_roster_are_known(workspace: Workspace):
    """No decision of an agent of the roster says so, nor one that found nobody."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    told = [
        workspace.updated("nobody"),
        workspace.created("c", request_id="one"),
        workspace.created("c", request_id="one"),
        workspace.created("c"),
        workspace.updated("c", owner="ann", request_id="two"),
        workspace.updated("c", owner="ann", request_id="two"),
    ]
    assert not any(one.owner_unknown for one in told)


def test_who_left_the_roster_is_unknown_until_back(workspace: Workspace):
    """An agent who left is unknown as an owner, named or on record, and so in replays; on return no longer."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    assert workspace.created("c").agent_id == "ann"
    workspace.updated("c", owner="ann", request_id="one")
    for known in (False, True):
        workspace.roster("bob", *["ann"] * known)
        told = [
            workspace.created("c"),
            workspace.created("c", owner="ann"),
            workspace.updated("c", owner="ann", request_id="one"),
        ]
        assert [(one.agent_id, one.owner_unknown) for one in told] == [("ann", not known)] * 3
    assert workspace.open_counts() == {"bob": 0, "ann": 1}


@pytest.mark.parametrize(
    ("known", "named"),
    [
        ("asha@shop.com", "Asha@Shop.com"),
        ("Asha@Shop.com", "asha@shop.com"),
        ("Asha@Shop.com", "ASHA@SHOP.COM"),
        ("Straße", "STRASSE"),
        ("ΝΙΚΟΣ", "νικος"),
        ("Đà Nẵng", "đà nẵng"),
        ("a|b", "A|B"),
    ],
)
def test_case_alone_makes_no_stranger(workspace: Workspace, known: str, named: str):
    """An owner who is one agent but for case is that agent: in the decision, the record and the count."""
    workspace.roster(known, "bob", "asha", "Asha@Shop.comm", "A|Bc")
    workspace.rules(rule("r"))
    told = workspace.created("c", owner=named, request_id="one")
    assert (told.outcome, told.agent_id, told.owner_unknown) == (ALREADY_ASSIGNED, known, False)
    again = workspace.created("c", owner=named, request_id="one")
    assert (again.agent_id, again.owner_unknown, again.replayed) == (known, False, True)
    assert workspace.contact("c").owner_id == known
    assert workspace.open_counts()[known] == 1
    workspace.opened("c", owner=known)
    assert workspace.open_counts()[known] == 1


def test_an_agent_of_that_very_id_comes_first(workspace: Workspace):
    """Of agents whose ids differ by case alone the one that is named is meant."""
    workspace.roster("ann", "Ann", "ANN")
    for name in ("ann", "Ann", "ANN"):
        assert workspace.created(f"of {name}", owner=name).agent_id == name
    assert workspace.open_counts() == {"ann": 1, "Ann": 1, "ANN": 1}


@pytest.mark.parametrize("agents", [("ann", "Ann"), ("Ann", "ANN")])
def test_two_agents_who_differ_by_case_are_no_guess(workspace: Workspace, agents: tuple[str, str]):
    """Where an owner could be two agents, it is nobody: until one of them leaves, and again when one comes."""
    workspace.roster(*agents)
    told = workspace.created("c", owner="aNN")
    assert (told.agent_id, told.owner_unknown) == ("aNN", True)
    workspace.call("RemoveAgents", roster_api.RemoveAgentsRequest(agent_ids=agents[:1]))
    told = workspace.created("c", owner="aNN")
    assert (told.agent_id, told.owner_unknown) == (agents[1], False)
    assert workspace.open_counts() == {agents[1]: 1}, "the open contact moved to the agent"
    workspace.call("UpdateAgents", roster_api.UpdateAgentsRequest(agents=[agent("AnN")]))
    told = workspace.created("d", owner="aNN")
    assert (told.agent_id, told.owner_unknown) == ("aNN", True)


def test_whoever_left_is_meant_by_no_case(workspace: Workspace):
    """An agent who left is not guessed from another case; one who left is found as the agent who came instead."""
    workspace.roster("Ann", "bob")
    workspace.created("of Ann", owner="Ann")
    workspace.roster("bob")
    assert workspace.created("c", owner="ANN").owner_unknown
    workspace.roster("bob", "ann")
    for told in (workspace.created("c", owner="ANN"), workspace.created("of Ann", owner="Ann")):
        assert (told.agent_id, told.owner_unknown) == ("ann", False)
    assert workspace.open_counts() == {"bob": 0, "ann": 2}


def test_many_contacts_of_one_call(workspace: Workspace):
    """A batch finds agents and strangers alike, each by itself."""
    workspace.roster("Ann", "bob")
    workspace.rules(rule("r"))
    owners = ["ann", "", "BOB", "nobody", "Ann", "aNN", "bob"]
    told = workspace.batch(
        api.EvaluateContactRequest(event_type=event, contact=contact(f"c{number}", owner=owner))
        for event in (CREATED, UPDATED)
        for number, owner in enumerate(owners)
    )
    assert [one.agent_id for one in told] == ["Ann", "Ann", "bob", "nobody", "Ann", "Ann", "bob"] * 2
    assert [one.owner_unknown for one in told] == [owner == "nobody" for owner in owners * 2]
    assert told[1].outcome == ASSIGNED


def test_people_name_agents_exactly(workspace: Workspace):
    """AssignContact takes an agent's id as the roster writes it, and no other."""
    workspace.roster("Ann")
    with refused("NOT_FOUND"):
        workspace.assign("c", "ann")

"""Ids as callers and files have them: blank, or with space around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    ONLINE,
    agent,
    agents,
    contact,
    rule,
    team,
)
from tests.support.client import Workspace, refused

if TYPE_CHECKING:
    from tests.support.client import Service

SPACES = [" ", "\u00a0", "\u3000", " \u2003\u202f"]
OF_FILES = ["\t", "\r\n", " \n\x0b", "\u2028\u2029\x85"]


@pytest.mark.parametrize("blank", [*SPACES, "\u200b", "\u200f ", "\u3164", "\ufe0f"])
def test_ids_are_not_blank(service: Service, workspace: Workspace, blank: str):
    """An id of nothing but space is as good as none, in every call that takes one."""
    calls: list[tuple[str, Any, str]] = [
        ("EvaluateContact", api.EvaluateContactRequest(event_type=CREATED, contact=contact(blank)), "contact.id"),
        (
            "EvaluateContact",
            api.EvaluateContactRequest(event_type=CREATED, contact=contact("c"), request_id=blank),
            "request_id",
        ),
        ("GetContact", api.GetContactRequest(contact_id=blank), "contact_id"),
        ("AssignContact", api.AssignContactRequest(contact_id=blank, agent_id="ann"), "contact_id"),
        ("AssignContact", api.AssignContactRequest(contact_id="c", agent_id=blank), "agent_id"),
        ("UnassignContact", api.UnassignContactRequest(contact_id=blank), "contact_id"),
        ("CloseContact", api.CloseContactRequest(contact_id=blank), "contact_id"),
        (
            "SetPresence",
            roster_service_pb2.SetPresenceRequest(
                presences=[roster_service_pb2.AgentPresence(agent_id=blank, presence=ONLINE)]
            ),
            "presences[0].agent_id",
        ),
    ]
    for method, request, path in calls:
        with refused("INVALID_ARGUMENT") as said:
            workspace.call(method, request)
        assert said.fields == {path}
        assert said.violations[path].endswith(" is blank; an id is seen")
    with refused("INVALID_ARGUMENT") as said:
        Workspace(blank, service).created("c")
    assert said.fields == {"workspace_id"}


@pytest.mark.parametrize("space", SPACES)
def test_ids_of_workspaces_have_no_space_around_them(service: Service, workspace: Workspace, space: str):
    """A workspace with space before or after its id is refused in every kind of call, and so is never a second one."""
    for name in (f"{space}{workspace.id}", f"{workspace.id}{space}"):
        other = Workspace(name, service)
        for call in (other.created, other.close, other.contact):
            with refused("INVALID_ARGUMENT") as said:
                call("c")
            assert said.fields == {"workspace_id"}
            assert "space" in said.violations["workspace_id"]
        for look in (other.get_rules, other.get_roster):
            with refused("INVALID_ARGUMENT") as said:
                look()
            assert said.fields == {"workspace_id"}


@pytest.mark.parametrize("space", [*SPACES, ""])
def test_ids_that_are_configured_have_no_space_around_them(workspace: Workspace, space: str):
    """Blank ids of agents, teams and rules, and those with space around them, are refused with the reason, by path."""
    workspace.roster("ann", "bob", sales=["ann"])
    with refused("INVALID_ARGUMENT") as said:
        workspace.roster("ann", f"{space}bob ", agent(" "), **{f"sales{space} ": ["ann", f" ann{space}"]})
    assert said.fields == {
        "roster.agents[1].id",
        "roster.agents[2].id",
        "roster.teams[0].id",
        "roster.teams[0].agent_ids[1]",
    }
    assert 'begins or ends with space; write "bob"' in said.violations["roster.agents[1].id"]
    assert "blank" in said.violations["roster.agents[2].id"]
    with refused("INVALID_ARGUMENT") as said:
        workspace.rules(
            rule(f"r{space} ", to=agents("ann", f"{space}bob ")),
            rule("\u3000", to=team(f" sales{space}")),
        )
    assert said.fields == {
        "rule_set.rules[0].id",
        "rule_set.rules[0].target.agents.agent_ids[1]",
        "rule_set.rules[1].id",
        "rule_set.rules[1].target.team_id",
    }
    assert 'write "sales"' in said.violations["rule_set.rules[1].target.team_id"]
    assert [one.id for one in workspace.get_roster().roster.agents] == ["ann", "bob"]
    assert not workspace.get_rules().rule_set.rules


@pytest.mark.parametrize("space", [*SPACES, *OF_FILES])
def test_space_around_a_contact_is_taken_off(workspace: Workspace, space: str):
    """With white space around it, a tab or a line end too, an id means the same customer, or owner, in every call."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    first = workspace.created(f"{space}c 1{space}", owner=space, request_id="one")
    assert (first.outcome, first.agent_id) == (ASSIGNED, "ann")
    assert workspace.created("c 1", request_id="one").replayed
    (again,) = workspace.created_in_batch([f"c 1{space}"])
    assert (again.outcome, again.agent_id) == (ALREADY_ASSIGNED, "ann")
    assert workspace.contact(f" c 1{space}").contact_id == "c 1"
    assert workspace.created("c 1", owner=f"bob{space}").agent_id == "bob"
    assert workspace.owner("c 1") == "bob"
    pages = workspace.pages(owner=f"{space}bob{space}")
    assert [one.contact_id for page in pages for one in page] == ["c 1"]
    assert workspace.assign(f"{space}c 1", "ann").previous_owner_id == "bob"
    assert workspace.close(f"c 1{space}").closed
    assert workspace.unassign(f"{space}c 1").previous_owner_id == "ann"
    assert workspace.owner("c 1") == ""
    assert workspace.open_counts() == {"ann": 0, "bob": 0}
    assert workspace.merge(f"{space}c 0", f"c 1{space}").contact_id == "c 1"
    assert workspace.forget(f"c 0{space}")
    assert workspace.contact("c 1") is None


def test_space_does_not_make_an_id_too_long(workspace: Workspace):
    """The limit of 128 characters holds for what is left of an id without the space around it."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    assert workspace.created(f"  {'x' * 128}  ").agent_id == "ann"
    assert workspace.owner("x" * 128) == "ann"
    with refused("INVALID_ARGUMENT") as said:
        workspace.created(f" {'x' * 129}")
    assert said.fields == {"contact.id"}

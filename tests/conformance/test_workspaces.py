"""Tenants: nothing is shared between two workspaces, whatever they and their people are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ASSIGNED,
    agents,
    rule,
    tag,
    team,
)
from tests.support.client import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Service


NASTY = [
    "a",
    "a}b",
    "{",
    "}",
    "}x",
    "a:b",
    "a{b}c",
    "{}",
    "a*",
    "a?",
    "[a]",
    "a%7Db",
    "%",
    "a b",
    "a\u3000\u200fc",
    "日本",
    "é" * 128,
]


@pytest.mark.every_redis
def test_nothing_is_shared_between_workspaces(service: Service, new_workspace: Callable[[], Workspace]):
    """Workspaces with alike and odd names, the same agents and the same contacts know nothing of each other."""
    prefix = new_workspace().id[:16]
    tenants = [Workspace((prefix + name)[:128], service) for name in NASTY]
    tenants += [Workspace((name + prefix)[-128:], service) for name in NASTY]
    assert len({one.id for one in tenants}) == len(tenants)
    for number, one in enumerate(tenants):
        one.roster("ann", f"only {number}", sales=["ann"])
        one.rules(rule(f"r{number}", to=agents(f"only {number}")))
        one.online("ann")
        decision = one.created("c", request_id="same")
        assert (decision.outcome, decision.rule_id, decision.rules_revision) == (ASSIGNED, f"r{number}", 1)
    for number, one in enumerate(tenants):
        assert one.owner("c") == f"only {number}"
        assert one.open_counts() == {"ann": 0, f"only {number}": 1}
        assert one.created("c", request_id="same").rule_id == f"r{number}"
        assert one.close("c").closed
        assert [rule_.id for rule_ in one.get_rules().rule_set.rules] == [f"r{number}"]


@pytest.mark.every_redis
def test_odd_ids_do_no_harm(workspace: Workspace):
    """Contacts, agents, teams, rules and request ids with every odd sign keep apart and come back as they are."""
    people = [f"agent {name}" for name in NASTY if len(name) < 100]
    workspace.roster(*people, **dict.fromkeys(NASTY, people))
    workspace.rules(*(rule(name, to=team(name), when=tag(any_of=[name])) for name in NASTY))
    for name in NASTY:
        decision = workspace.created(name, tags=[name], request_id=name)
        assert (decision.outcome, decision.rule_id, decision.team_id) == (ASSIGNED, name, name)
        assert workspace.owner(name) == decision.agent_id
        assert workspace.created(name, request_id=name).replayed
    assert sum(workspace.open_counts().values()) == len(NASTY)

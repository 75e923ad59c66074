"""What users of such systems complain about: one class of complaint, one test that would have caught it.

Source: deploy/adr/0006, "What users of such systems complain about". More about each class:
test_concurrency.py (the first two), test_fairness.py (the next two).
"""

# ruff: noqa: D205  # a docstring is the class of complaint as it stands there

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    BUSY,
    LEAST_OPEN_CONTACTS,
    NO_AGENT_AVAILABLE,
    agent,
    agents,
    fallback,
    rule,
    team,
)
from tests.support.client import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.backends import Backend

WRITERS = 8


def all_at_once(*calls: Callable[[], object]) -> list:
    """The results of these calls, made at the same time."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_double_assignment_and_overwrites(backend: Backend, workspace: Workspace):
    """Double assignment, overwrites: two writers race, a conversation bounces between agents, a manual choice is
    overridden (chatwoot PR 14495, 15275, 15524; libredesk PR 385; Rocket.Chat 22206; OpenACD 5): a contact has one
    owner, and a person's choice always wins.
    """
    replicas = [Workspace(workspace.id, backend.service(number % 2)) for number in range(WRITERS)]
    workspace.roster("ann", "bob", "boss")
    workspace.rules(rule("r", to=agents("ann", "bob")))
    for number in range(25):
        contact_id = f"c{number}"
        decisions = all_at_once(*(partial(one.created, contact_id) for one in replicas))
        assert [one.outcome for one in decisions].count(ASSIGNED) == 1
        assert {one.agent_id for one in decisions} == {workspace.owner(contact_id)}
        by_hand = partial(replicas[0].assign, contact_id, "boss")
        all_at_once(by_hand, *(partial(one.created, contact_id) for one in replicas[1:]))
        assert workspace.owner(contact_id) == "boss"
        later = workspace.opened(contact_id)
        assert (later.outcome, later.agent_id) == (ALREADY_ASSIGNED, "boss")
    assert workspace.open_counts() == {"ann": 0, "bob": 0, "boss": 25}


def test_capacity_passed_and_counts_drift(backend: Backend, workspace: Workspace):
    """Capacity passed under concurrency; counts drift; counted twice (Rocket.Chat PR 37776: limit 3, got 4, 18217;
    chatwoot 11034, PR 15694; asterisk 1736): a limit is never passed by an automatic decision; counts follow records.
    """
    replicas = [Workspace(workspace.id, backend.service(number % 2)) for number in range(WRITERS)]
    workspace.roster(agent("ann", max_open_contacts=3), agent("bob", max_open_contacts=3))
    workspace.rules(rule("r"))
    for turn in range(10):
        calls = [partial(one.created, f"{turn}-{number}") for number, one in enumerate(replicas)]
        got = [one.agent_id for one in all_at_once(*calls)]
        assert sorted(got) == ["", "", "ann", "ann", "ann", "bob", "bob", "bob"]
        assert workspace.open_counts() == {"ann": 3, "bob": 3}
        for number, one in enumerate(replicas):
            all_at_once(*[partial(one.close, f"{turn}-{number}")] * 3)
        assert workspace.open_counts() == {"ann": 0, "bob": 0}


def test_flood_on_return(workspace: Workspace):
    """Flood on return: who was away gets everything (Rocket.Chat 13134; LiveHelperChat discussion 1921; odoo PR
    68475): returning or joining starts level with the others.
    """
    workspace.roster("ann", "bob", "away")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    workspace.created_in_batch(f"before-{number}" for number in range(200))
    workspace.online("away")
    after = [one.agent_id for one in workspace.created_in_batch(f"after-{number}" for number in range(30))]
    for end in range(0, 31, 3):
        assert {after[:end].count(one) for one in ("ann", "bob", "away")} == {end // 3}
    workspace.roster("ann", "bob", "away", "joined")
    workspace.online("joined")
    joined = [one.agent_id for one in workspace.created_in_batch(f"joined-{number}" for number in range(40))]
    assert {joined[:20].count(one) for one in ("ann", "bob", "away", "joined")} == {5}
    assert {joined.count(one) for one in ("ann", "bob", "away", "joined")} == {10}


def test_unfair_order(workspace: Workspace):
    """Unfair order: ties always to the same one; bulk goes to one agent; an unavailable last agent stops the rotation;
    weights ignored (odoo PR 259775: 30 of 30 to one; salesforce-round-robin 21; freeswitch 1216; libredesk 29): the
    bound holds at every prefix, single or in batches.
    """
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS), unassign_on_close=True)
    ties = []
    for number in range(9):
        ties.append(workspace.created(f"tie-{number}").agent_id)
        workspace.close(f"tie-{number}")
    assert ties == ["ann", "bob", "cy"] * 3, "ties do not always go to the same one"

    workspace.rules(rule("r", to=agents("ann", "bob", "cy")))
    bulk = [one.agent_id for one in workspace.created_in_batch(f"bulk-{number}" for number in range(30))]
    assert bulk == ["ann", "bob", "cy"] * 10, "bulk does not go to one agent"

    workspace.roster("ann", "bob", agent("cy", disabled=True))
    rest = [workspace.created(f"rest-{number}").agent_id for number in range(6)]
    assert rest == ["ann", "bob"] * 3, "an unavailable last agent does not stop the rotation"

    workspace.roster(agent("ann", weight=7), agent("bob", weight=2), agent("cy", weight=1), team=["ann", "bob", "cy"])
    workspace.rules(rule("weights", to=team("team")))
    for batch in range(5):
        got = [one.agent_id for one in workspace.created_in_batch(f"weight-{batch}-{number}" for number in range(10))]
        assert (got.count("ann"), got.count("bob"), got.count("cy")) == (7, 2, 1), "weights are not ignored"


def test_the_wrong_person(workspace: Workspace):
    """The wrong person: offline, disabled, not a member (chatwoot 4158, 9587; SuiteCRM 8935; frappe/helpdesk 1528):
    only eligible agents, judged at the moment of the decision.
    """
    people = ["right", "offline", "busy", "unreported", "lapsed", "removed", "outsider", "full", "disabled"]

    def roster(*members: str) -> None:
        workspace.roster(
            *(agent(one, max_open_contacts=int(one == "full"), disabled=one == "disabled") for one in people),
            desk=[one for one in people if one not in members],
        )

    roster("outsider")
    workspace.rules(rule("r", to=team("desk"), online_only=True), fallback=fallback())
    workspace.online("right", "offline", "busy", "removed", "outsider", "full", "disabled")
    workspace.online("lapsed", lease_ms=1)
    workspace.offline("offline")
    workspace.presence(BUSY, "busy")
    workspace.assign("hand", "full")
    roster("outsider", "removed")
    time.sleep(0.01)
    assert [workspace.created(f"c{number}").agent_id for number in range(9)] == ["right"] * 9
    workspace.offline("right")
    nobody = workspace.created("d")
    assert (nobody.outcome, nobody.rule_id, nobody.agent_id) == (NO_AGENT_AVAILABLE, "r", "")


def test_tenants_mixed_up(new_workspace: Callable[[], Workspace]):
    """Tenants mixed up (chatwoot 9893): nothing is shared between workspaces."""
    one, other = new_workspace(), new_workspace()
    one.roster("ann", "bob")
    one.rules(rule("r"))
    other.roster("bob", "cy")
    other.rules(rule("s", online_only=True))
    other.online("bob")
    assert [one.created(contact_id).agent_id for contact_id in "abc"] == ["ann", "bob", "ann"]
    assert other.owner("a") == ""
    assert [other.created(contact_id).agent_id for contact_id in "abc"] == ["bob"] * 3
    assert (one.open_counts(), other.open_counts()) == ({"ann": 2, "bob": 1}, {"bob": 3, "cy": 0})
    other.close("a")
    assert one.contact("a").open
    assert one.presences()["bob"] != other.presences()["bob"]
    assert one.created("d").rule_id == "r"

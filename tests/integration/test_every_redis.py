"""Each kind of Redis that Evenhand promises to work on: whether it is to be had, and where keys lie on it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
import redis

from tests.support.backends import NAMES
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, ON_OPENED, agents, fallback, rule, team
from tests.support.client import Workspace

if TYPE_CHECKING:
    from tests.support.backends import Backend


@pytest.mark.parametrize("backend", NAMES, indirect=True, scope="session")
def test_the_service_works_on(backend: Backend):
    """The service decides on this kind of Redis; where it is not to be had, the test is skipped and says why."""
    workspace = Workspace(uuid.uuid4().hex, backend.service())
    workspace.roster("ann")
    workspace.rules(rule("r"))
    assert workspace.created("c").outcome == ASSIGNED


@pytest.mark.parametrize("backend", ["cluster"], indirect=True)
@pytest.mark.parametrize("name", ["plain", "a}b", "{", "}", "{}", "}{", "{a}{b}", "{{a}}", "%7B", "a:b", "日本"])
def test_all_keys_of_a_workspace_are_in_one_slot(backend: Backend, name: str):
    """Every call works on a cluster, and every key that it leaves lies in the workspace's one slot, whatever its id."""
    before = backend.all_keys()
    workspace = Workspace(uuid.uuid4().hex[:8] + name, backend.service())
    use_every_call(workspace)
    keys = backend.all_keys() - before
    assert len(keys) >= 10
    with redis.Redis.from_url(backend.url) as client:
        assert len({client.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}) == 1, keys


@pytest.mark.parametrize("backend", ["cluster"], indirect=True)
def test_workspaces_lie_all_over_a_cluster(backend: Backend):
    """Workspaces are spread over the masters, so that a cluster carries more than one Redis could."""
    before = backend.all_keys()
    for _ in range(30):  # that one of three masters gets none is then a matter of one run in 60,000
        use_every_call(Workspace(uuid.uuid4().hex, backend.service()))
    new = backend.all_keys() - before
    for url in backend.node_urls:
        with redis.Redis.from_url(url) as node:
            assert new & set(node.scan_iter(count=10_000))


def use_every_call(workspace: Workspace) -> None:
    """Make all the calls of the contract, so that each kind of key comes into being."""
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob"])
    workspace.rules(
        rule("team", to=team("sales"), online_only=True, reply="Hello from $agent.name"),
        rule("list", on=ON_OPENED, to=agents("cy", "bob"), max_open_contacts=5),
        fallback=fallback(),
    )
    workspace.online("ann", "cy", lease_ms=60_000)
    assert workspace.created("a", request_id="one").agent_id == "ann"
    assert workspace.opened("a", request_id="two").outcome == ALREADY_ASSIGNED
    assert workspace.created("a", request_id="one").replayed
    assert [one.outcome for one in workspace.created_in_batch(["b", "c", "b"])] == [
        ASSIGNED,
        ASSIGNED,
        ALREADY_ASSIGNED,
    ]
    assert workspace.opened("d").agent_id == "cy"
    workspace.assign("e", "bob")
    workspace.unassign("b")
    workspace.close("c")
    workspace.created("f", owner="zoe")
    assert workspace.contact("a").open
    assert workspace.open_counts() == {"ann": 1, "bob": 1, "cy": 1}
    assert workspace.get_rules().revision == 1

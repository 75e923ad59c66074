"""The contract besides decisions: what is configured comes back, etags, dry runs, warnings, batches, not found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import rules_pb2

from tests.support.builders import (
    ASSIGNED,
    CREATED,
    LEAST_OPEN_CONTACTS,
    NO_RULE_MATCHED,
    OFFLINE,
    ON_OPENED,
    ONLINE,
    agent,
    agents,
    contact,
    fallback,
    roster,
    rule,
    tag,
    team,
)
from tests.support.client import Workspace, read_status, refused

if TYPE_CHECKING:
    from collections.abc import Callable


def test_who_leaves_with_open_contacts_is_told(workspace: Workspace):
    """A roster without somebody who owns open contacts is taken, with a warning that names who and how many."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r"))
    for one in ("c1", "c2", "c3", "c4"):
        workspace.created(one)
    workspace.close("c3")
    (warning,) = workspace.roster("bob").warnings
    assert (warning.field, warning.reason) == ("roster.agents", "OPEN_CONTACTS_LEFT_BEHIND")
    assert "ann (2)" in warning.message
    assert "cy" not in warning.message
    assert workspace.owner("c1") == "ann"


# Etags and dry runs.


@pytest.mark.every_redis
def test_rules_are_given_back_as_configured(workspace: Workspace):
    """ConfigureRules and GetRules answer with the whole rule set, its revision and its etag."""
    workspace.roster("ann", sales=["ann"])
    empty = workspace.get_rules()
    assert (empty.revision, empty.rule_set) == (0, rules_pb2.RuleSet())
    one = rule("r", name="All", to=team("sales"), strategy=LEAST_OPEN_CONTACTS, online_only=True, reply="Hi")
    configured = workspace.rules(one, fallback=fallback(to=agents("ann")), unassign_on_close=True)
    assert configured.rule_set == rules_pb2.RuleSet(
        rules=[one], fallback=fallback(to=agents("ann")), unassign_on_close=True
    )
    read = workspace.get_rules()
    assert (read.rule_set, read.revision, read.etag) == (configured.rule_set, 1, configured.etag)
    assert read.etag


@pytest.mark.every_redis
def test_a_roster_is_given_back_as_configured(workspace: Workspace):
    """ConfigureRoster and GetRoster answer with agents and teams in order, presence and open counts filled in."""
    assert workspace.get_roster().roster == roster()
    ann = agent("ann", name="Ann", weight=3, max_open_contacts=7, presence=ONLINE, open_contact_count=99)
    configured = workspace.roster(ann, agent("bob", disabled=True), "cy", sales=["cy", "ann"], empty=[])
    ann.presence, ann.open_contact_count = OFFLINE, 0
    read = workspace.get_roster()
    expected = roster(
        ann, agent("bob", disabled=True, presence=OFFLINE), agent("cy", presence=OFFLINE), sales=["cy", "ann"], empty=[]
    )
    assert read.roster == configured.roster == expected
    assert read.etag == configured.etag
    assert read.etag


@pytest.mark.every_redis
@pytest.mark.parametrize("configure", ["rules", "roster"])
def test_a_lost_etag_is_aborted(workspace: Workspace, configure: str):
    """An etag that is no longer the one in force is ABORTED and changes nothing; the one in force is taken."""
    workspace.roster("ann")
    put: Callable[..., Any] = workspace.rules if configure == "rules" else workspace.roster
    get: Callable[[], Any] = workspace.get_rules if configure == "rules" else workspace.get_roster
    first, second = (rule("one"), rule("two")) if configure == "rules" else ("ann", "bob")
    etag = put(first).etag
    newer = put(second, etag=etag)
    assert newer.etag != etag
    for old in (etag, "never"):
        with refused("ABORTED") as said:
            put(first, etag=old)
        assert said.reason == "ETAG_MISMATCH"
    assert get().etag == newer.etag
    assert put(first).etag != newer.etag, "no etag: whatever is in force"


@pytest.mark.every_redis
def test_validate_only_changes_nothing(workspace: Workspace):
    """A dry run answers as the real thing would, also with refusals and warnings, and changes nothing."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", to=agents("ann")))
    rules, people = workspace.get_rules(), workspace.get_roster()
    answer = workspace.rules(rule("one"), rule("two"), validate_only=True)
    assert [one.id for one in answer.rule_set.rules] == ["one", "two"]
    assert answer.revision == 1
    assert [one.reason for one in answer.warnings] == ["UNREACHABLE_RULE"]
    assert workspace.roster("bob", validate_only=True).warnings
    with refused("INVALID_ARGUMENT"):
        workspace.rules(rule(""), validate_only=True)
    with refused("ABORTED"):
        workspace.rules(rule("one"), validate_only=True, etag="old")
    assert (workspace.get_rules(), workspace.get_roster()) == (rules, people)
    assert workspace.created("c").rule_id == "r"


def test_an_unreachable_rule_is_a_warning(workspace: Workspace):
    """A rule that can never match because an earlier one always does is a warning that names it by its path."""
    workspace.roster("ann")
    vip = tag(any_of=["vip"])
    answer = workspace.rules(rule("some", when=vip), rule("all"), rule("never", when=vip), rule("other", on=ON_OPENED))
    assert [(one.field, one.reason) for one in answer.warnings] == [("rule_set.rules[2]", "UNREACHABLE_RULE")]
    assert answer.warnings[0].message
    assert not workspace.rules(rule("off", disabled=True), rule("all")).warnings


def test_a_roster_without_those_whom_rules_name_is_a_warning(workspace: Workspace):
    """A roster that drops agents or teams that rules name is taken, with a warning for each."""
    workspace.roster("ann", "bob", sales=["ann"])
    workspace.rules(rule("list", to=agents("ann", "bob")), rule("team", on=ON_OPENED, to=team("sales")))
    warnings = workspace.roster("ann").warnings
    assert {one.reason for one in warnings} == {"UNKNOWN_AGENT", "UNKNOWN_TEAM"}
    assert any("bob" in one.message for one in warnings)
    assert any("sales" in one.message for one in warnings)


# Batches.


@pytest.mark.every_redis
def test_a_batch_answers_each_in_order(workspace: Workspace):
    """Results come in the order asked; a bad request gets its own error and holds up no other."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    asked = [
        api.EvaluateContactRequest(event_type=CREATED, contact=contact("a")),
        api.EvaluateContactRequest(contact=contact("")),
        api.EvaluateContactRequest(event_type=CREATED, contact=contact("b"), workspace_id=workspace.id),
        api.EvaluateContactRequest(event_type=CREATED, contact=contact("c"), workspace_id="another"),
        api.EvaluateContactRequest(event_type=CREATED, contact=contact("d", source="api")),
    ]
    response = workspace.call("BatchEvaluateContacts", api.BatchEvaluateContactsRequest(requests=asked))
    kinds = [result.WhichOneof("result") for result in response.results]
    assert kinds == ["decision", "error", "decision", "error", "decision"]
    outcomes = [response.results[at].decision.outcome for at in (0, 2, 4)]
    assert outcomes == [ASSIGNED, ASSIGNED, NO_RULE_MATCHED]
    bad = read_status(response.results[1].error)
    assert (bad.code, bad.reason, bad.fields) == ("INVALID_ARGUMENT", "INVALID_FIELDS", {"contact.id", "event_type"})
    assert read_status(response.results[3].error).fields == {"workspace_id"}
    assert workspace.contact("c") is None


@pytest.mark.every_redis
def test_a_batch_of_a_thousand(workspace: Workspace):
    """1,000 requests are one call; none, or 1,001, are refused."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    decisions = workspace.created_in_batch(f"c{number}" for number in range(1000))
    assert [one.agent_id for one in decisions] == ["ann", "bob"] * 500
    for count in (0, 1001):
        with refused("INVALID_ARGUMENT") as said:
            workspace.created_in_batch(f"d{number}" for number in range(count))
        assert said.fields == {"requests"}
    assert workspace.contact("d0") is None


# Not found.


@pytest.mark.every_redis
def test_what_is_not_there_is_not_found(workspace: Workspace):
    """An unknown contact to get, and an agent to assign to, are NOT_FOUND by name, and nothing changes."""
    workspace.roster("ann")
    with refused("NOT_FOUND") as said:
        workspace.call("GetContact", api.GetContactRequest(contact_id="c"))
    assert said.resources == [("contact", "c")]
    with refused("NOT_FOUND") as said:
        workspace.assign("c", "zoe")
    assert said.resources == [("agent", "zoe")]
    assert workspace.contact("c") is None

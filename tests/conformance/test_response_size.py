"""No response needs more than the 4 MiB that a client takes by default, whatever is configured and asked.

The stubs of these tests have default settings, so a larger response would be refused by gRPC itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as pb
from evenhand.v1 import rules_pb2

from tests.support.builders import CREATED, agents, contact, fallback, roster, rule, source
from tests.support.client import Workspace, read_status, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 4 * 1024 * 1024
PAGE = 2 * 1024 * 1024


def people(ids: list[str], teams: int, places: int) -> pb.Roster:
    """Everyone, and teams of equal size, each of other agents."""
    size = places // teams
    members = [[ids[(number * size + at) % len(ids)] for at in range(size)] for number in range(teams)]
    return roster(*ids, **{f"team-{number}": each for number, each in enumerate(members)})


def pages(workspace: Workspace, page_size: int, **fields: Any) -> Iterator[pb.GetRosterResponse]:
    """Read the roster page by page."""
    token = ""
    while True:
        page = workspace.call("GetRoster", pb.GetRosterRequest(page_size=page_size, page_token=token, **fields))
        yield page
        token = page.next_page_token
        if not token:
            return


def joined(parts: list[pb.Roster]) -> pb.Roster:
    """Put pages together as the contract says: a team goes on where it stands again."""
    whole = pb.Roster()
    for part in parts:
        whole.agents.extend(part.agents)
        for each in part.teams:
            if whole.teams and whole.teams[-1].id == each.id:
                whole.teams[-1].agent_ids.extend(each.agent_ids)
            else:
                whole.teams.append(each)
    for each in whole.agents:
        each.ClearField("presence")
    return whole


@pytest.mark.parametrize(
    "ids",
    [[f"{number:036}" for number in range(10_000)], [f"{number:0128}" for number in range(10_000)]],
    ids=["36", "128"],
)
def test_a_roster_at_the_limits_is_configured_and_read(workspace: Workspace, ids: list[str]):
    """With 10,000 agents and 100,000 places all calls are answered: all at once if it fits, else in pages."""
    whole = people(ids, 1000, 100_000)
    response = workspace.call("ConfigureRoster", pb.ConfigureRosterRequest(roster=whole))
    assert [warning.reason for warning in response.warnings] == ["RESPONSE_TOO_LARGE"]
    assert not response.HasField("roster")
    with refused("INVALID_ARGUMENT") as refusal:
        workspace.get_roster()
    assert refusal.fields == {"page_size"}
    found = list(pages(workspace, 20_000))
    assert max(page.ByteSize() for page in found) <= PAGE
    assert {page.etag for page in found} == {response.etag}
    assert joined([page.roster for page in found]) == whole
    updated = workspace.call("UpdateAgents", pb.UpdateAgentsRequest(agents=[pb.Agent(id=each) for each in ids[:5000]]))
    assert [one.id for one in updated.agents] == ids[:5000]


def test_what_takes_most_bytes_fits_into_pages(workspace: Workspace):
    """Of names and ids in characters of four bytes, a page holds fewer; a team that fits into none goes on."""
    ids = [f"{'😀' * 123}{number:05}" for number in range(5500)]
    one = "🦄" * 256
    people = [pb.Agent(id=each, name=one, weight=1000, max_open_contacts=2**31 - 1) for each in ids]
    for at in range(0, len(people), 2500):
        answer = workspace.call("UpdateAgents", pb.UpdateAgentsRequest(agents=people[at : at + 2500]))
        assert answer.ByteSize() <= LIMIT
    answer = workspace.call(
        "UpdateTeams", pb.UpdateTeamsRequest(teams=[pb.Team(id="🐘" * 128, name=one, agent_ids=ids)])
    )
    assert answer.ByteSize() <= LIMIT
    found = list(pages(workspace, 20_000))
    assert max(page.ByteSize() for page in found) <= PAGE
    assert sum(len(page.roster.teams) for page in found) > 1
    assert joined([page.roster for page in found]) == pb.Roster(
        agents=people, teams=[pb.Team(id="🐘" * 128, name=one, agent_ids=ids)]
    )


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 100])
def test_pages_of_any_size_make_up_the_roster(workspace: Workspace, page_size: int):
    """Agents, then teams, empty ones too, each once and in order, and no page with more than was asked for."""
    whole = roster(*"abcde", **{"x": ["c", "a"], "none": [], "y": ["e"], "none-either": []})
    workspace.call("ConfigureRoster", pb.ConfigureRosterRequest(roster=whole))
    found = [page.roster for page in pages(workspace, page_size)]
    assert all(0 < len(page.agents) + len(page.teams) <= page_size for page in found)
    assert joined(found) == whole


def test_pages_survive_changes_between_them(workspace: Workspace):
    """Who is there throughout is given once, whoever comes and goes; with an etag, another roster is refused."""
    etag = workspace.roster(*"abcdef", x=["a"], y=["b"]).etag
    found = []
    for number, page in enumerate(pages(workspace, 2)):
        found += [one.id for one in (*page.roster.agents, *page.roster.teams)]
        if number == 0:
            workspace.call("RemoveAgents", pb.RemoveAgentsRequest(agent_ids=["b", "c"]))
            workspace.call(
                "UpdateAgents", pb.UpdateAgentsRequest(agents=[pb.Agent(id="b"), pb.Agent(id="a", weight=2)])
            )
    assert found == ["a", "b", "d", "e", "f", "b", "x", "y"]
    with refused("ABORTED"):
        workspace.call("GetRoster", pb.GetRosterRequest(page_size=2, etag=etag))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_size": 1, "page_token": "?"}, "page_token"),
        ({"page_size": 1, "page_token": "MTox"}, "page_token"),
        ({"page_token": "MDowOjA="}, "page_size"),
    ],
)
def test_a_page_that_does_not_exist_is_refused(workspace: Workspace, fields: dict[str, Any], wrong: str):
    """A negative size, a token of something else, or one without a size is named."""
    for call, request in (("GetRoster", pb.GetRosterRequest), ("GetRules", api.GetRulesRequest)):
        with refused("INVALID_ARGUMENT") as refusal:
            workspace.call(call, request(**fields))
        assert refusal.fields == {wrong}


def rules_pages(workspace: Workspace, page_size: int) -> Iterator[api.GetRulesResponse]:
    """Read the rules page by page."""
    token = ""
    while True:
        page = workspace.call("GetRules", api.GetRulesRequest(page_size=page_size, page_token=token))
        yield page
        token = page.next_page_token
        if not token:
            return


def together(found: list[api.GetRulesResponse]) -> rules_pb2.RuleSet:
    """Put pages together: the first has all but the rules, too."""
    whole = found[0].rule_set
    for page in found[1:]:
        assert not page.rule_set.HasField("fallback")
        whole.MergeFrom(page.rule_set)
    return whole


def test_a_rule_set_larger_than_a_response_is_configured_and_read(workspace: Workspace):
    """It comes back empty with a warning, and in pages."""
    rules = [rule(f"{number:0128}", when=source(*(f"{at:0120}" for at in range(20)))) for number in range(4000)]
    rule_set = rules_pb2.RuleSet(rules=rules, fallback=fallback(), unassign_on_close=True)
    assert rule_set.ByteSize() > 2 * LIMIT
    response = workspace.call("ConfigureRules", api.ConfigureRulesRequest(rule_set=rule_set))
    assert not response.HasField("rule_set")
    assert (response.warnings[-1].field, response.warnings[-1].reason) == ("rule_set", "RESPONSE_TOO_LARGE")
    with refused("INVALID_ARGUMENT") as refusal:
        workspace.get_rules()
    assert refusal.fields == {"page_size"}
    found = list(rules_pages(workspace, 10_000))
    assert {(page.revision, page.etag) for page in found} == {(1, response.etag)}
    assert max(page.ByteSize() for page in found) <= 3 * 1024 * 1024
    assert together(found) == rule_set


def test_pages_of_rules_are_of_one_revision(workspace: Workspace):
    """Pages have as many rules as asked; when other rules are in force, a token of the former is refused."""
    workspace.roster("a")
    ids = [f"rule-{number}" for number in range(5)]
    workspace.rules(*map(rule, ids), fallback=fallback())
    assert [[one.id for one in page.rule_set.rules] for page in rules_pages(workspace, 2)] == [
        ids[:2],
        ids[2:4],
        ids[4:],
    ]
    found = rules_pages(workspace, 2)
    next(found)
    workspace.rules(*map(rule, ids))
    with refused("ABORTED") as refusal:
        next(found)
    assert refusal.reason == "ETAG_MISMATCH"


def test_a_rule_that_no_page_has_room_for_is_refused(workspace: Workspace):
    """A rule, or the fallback, takes at most 1.5 MiB: 10,000 ids of 128 characters, but not of four bytes each."""
    ids = [f"{'ä' * 100}{number:028}" for number in range(10_000)]
    for at in range(0, len(ids), 5000):
        workspace.call(
            "UpdateAgents", pb.UpdateAgentsRequest(agents=[pb.Agent(id=each) for each in ids[at : at + 5000]])
        )
    with refused("INVALID_ARGUMENT") as refusal:
        workspace.rules(rule("large", to=agents(*ids)), fallback=fallback(to=agents(*ids)))
    assert refusal.fields == {"rule_set.rules[0]", "rule_set.fallback"}
    workspace.rules(rule("large", to=agents(*ids[:6000])), fallback=fallback(to=agents(*ids[:6000])))
    (page,) = rules_pages(workspace, 1)
    assert page.ByteSize() <= LIMIT
    assert len(page.rule_set.fallback.target.agents.agent_ids) == 6000


def test_a_batch_of_the_longest_replies_leaves_some_out(new_workspace: Callable[[], Workspace]):
    """What does not fit is marked, and GetContact has it; all that a batch decides is in its response."""
    workspace = new_workspace()
    workspace.roster(pb.Agent(id="😀" * 128, name="😀" * 256))
    reply = "$contact.t " * 10 + "$agent.name " * 10
    workspace.rules(rule("🦄" * 128, reply=reply))
    trait = {"t": "x" * 4000}
    requests = [
        api.EvaluateContactRequest(event_type=CREATED, contact=contact(f"c{number}", traits=trait))
        for number in range(1000)
    ]
    decisions = workspace.batch(requests)
    assert {one.agent_id for one in decisions} == {"😀" * 128}
    whole = [bool(one.reply) for one in decisions]
    assert [one.reply_left_out for one in decisions] == [not each for each in whole]
    assert whole == sorted(whole, reverse=True)
    assert 20 < sum(whole) < 200
    record = workspace.contact("c999")
    assert record is not None
    assert record.decision.reply == decisions[0].reply


def test_a_batch_of_the_longest_errors_fits(workspace: Workspace):
    """Each of a thousand errors keeps its code, its message, its reason and its list of wrong fields."""
    wrong = api.EvaluateContactRequest(contact=contact("\n", tags=["\n"] * 100), updated_keys=["\n"] * 300)
    request = api.BatchEvaluateContactsRequest(requests=[wrong] * 1000)
    errors = [result.error for result in workspace.call("BatchEvaluateContacts", request).results]
    refusals = [read_status(error) for error in errors]
    assert {(one.code, one.reason, one.message) for one in refusals} == {
        ("INVALID_ARGUMENT", "INVALID_FIELDS", refusals[0].message)
    }
    assert len(refusals[0].violations) > 10
    assert all(one.violations == refusals[0].violations for one in refusals)

"""Bad input: every fault of a request is named by its path, all at once, and nothing is stored from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import contact_pb2, roster_service_pb2
from google.protobuf.struct_pb2 import Value

from tests.support.builders import (
    ASSIGNED,
    CREATED,
    OFFLINE,
    ON_UPDATE,
    ONLINE,
    UPDATED,
    agent,
    contact,
    rule,
    tag,
    team,
)
from tests.support.client import Workspace, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.backends import Backend
    from tests.support.client import Service


def bad_contact() -> contact_pb2.Contact:
    """A contact that breaks every limit of a contact at once."""
    return contact_pb2.Contact(
        id="x" * 129,
        owner_id="new\nline",
        source="x" * 129,
        channel="x" * 129,
        tags=["ok", "", "x" * 129],
        traits={"big": Value(string_value="x" * 4097), "": Value(bool_value=True)},
    )


def test_every_violation_of_an_evaluation_is_named(workspace: Workspace):
    """An evaluation with many faults is refused once, with every field by its path, and leaves no trace."""
    with refused("INVALID_ARGUMENT") as said:
        workspace.evaluate(0, bad_contact(), ["ok", "", "x" * 129], "x" * 129)
    assert said.reason == "INVALID_FIELDS"
    assert len(said.json_fields) == len(said.fields)
    assert {"eventType", "requestId", "updatedKeys[1]", "contact.ownerId", "contact.traits['big']"} <= set(
        said.json_fields
    )
    assert said.fields >= {
        "event_type",
        "request_id",
        "updated_keys[1]",
        "updated_keys[2]",
        "contact.id",
        "contact.owner_id",
        "contact.source",
        "contact.channel",
        "contact.tags[1]",
        "contact.tags[2]",
    }
    assert sum(one.startswith("contact.traits") for one in said.fields) == 2


def test_a_contact_must_be_there(workspace: Workspace):
    """An evaluation without contact, or with an unknown event type, is refused by path."""
    with refused("INVALID_ARGUMENT") as said:
        workspace.call("EvaluateContact", api.EvaluateContactRequest(event_type=CREATED))
    assert any(one.startswith("contact") for one in said.fields)
    with refused("INVALID_ARGUMENT") as said:
        workspace.evaluate(77, contact("c"))
    assert said.fields == {"event_type"}


def test_what_is_to_be_configured_must_be_there(workspace: Workspace):
    """Rules or a roster that were left out are refused, since they would remove everything; empty ones are taken."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    for method, request, field in (
        ("ConfigureRules", api.ConfigureRulesRequest(), "rule_set"),
        ("ConfigureRoster", roster_service_pb2.ConfigureRosterRequest(), "roster"),
    ):
        with refused("INVALID_ARGUMENT") as said:
            workspace.call(method, request)
        assert said.fields == {field}
    assert workspace.created("c").agent_id == "ann"
    workspace.rules()
    workspace.roster()
    assert len(workspace.get_rules().rule_set.rules) + len(workspace.get_roster().roster.agents) == 0


def field(number: int, content: bytes) -> bytes:
    """A field of bytes on the wire, since protobuf does not even make what it cannot read."""
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([length % 128 + 128, length // 128])
    return bytes([number * 8 + 2]) + size + content


def test_what_protobuf_cannot_read_is_refused(service: Service):
    """Damaged bytes, and traits nested beyond protobuf's own limit, are the caller's mistake and not ours."""
    nested = field(3, b"deep")
    for _ in range(60):
        nested = field(6, field(1, nested))  # a Value that is a list of one Value
    contact_with_it = field(1, b"c") + field(6, field(1, b"trait") + field(2, nested))
    deep = field(1, b"w") + b"\x10\x01" + field(3, contact_with_it)
    for serialized in (deep, b"\xff\xff\xff", field(1, b"\xc3\x28")):
        call = service.channel.unary_unary("/evenhand.v1.AssignmentService/EvaluateContact")
        with refused("INVALID_ARGUMENT") as said:
            call(serialized, timeout=10)
        assert said.fields == {""}


FULL = {
    "tags": [f"t{number}" for number in range(100)],
    "traits": {f"k{number}": "x" for number in range(199)} | {"k" * 128: "x" * 4096},
    "source": "s" * 128,
    "channel": "c" * 128,
    "owner": "",
}


def test_contacts_at_their_limits_are_taken(workspace: Workspace):
    """128 characters, 100 tags, 200 traits, 4 KiB values, 300 updated keys: all fine; one more of any is refused."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_UPDATE))
    full = contact("é" * 128, **FULL)
    assert workspace.evaluate(UPDATED, full, [f"k{number}" for number in range(300)], "r" * 128).outcome == ASSIGNED
    for field, more in {
        "tags": FULL | {"tags": [*FULL["tags"], "one"]},
        "traits": FULL | {"traits": FULL["traits"] | {"one": 1}},
    }.items():
        with refused("INVALID_ARGUMENT") as said:
            workspace.updated("c", "k", **more)
        assert said.fields == {f"contact.{field}"}
    with refused("INVALID_ARGUMENT") as said:
        workspace.evaluate(UPDATED, contact("c"), [f"k{number}" for number in range(301)])
    assert said.fields == {"updated_keys"}
    assert workspace.contact("c") is None


def test_traits_hold_no_more_values_than_promised(workspace: Workspace):
    """10,000 values in all traits together are taken, those within lists and objects counted, and one more is not."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_UPDATE))
    full = {f"l{number}": [None] * 1000 for number in range(9)}  # with the lists themselves 9,009 values
    full |= {"objects": [{"a": [None]}] * 200, "rest": [None] * 389}  # 601 and 390
    assert workspace.updated("full", "l1", traits=full).outcome == ASSIGNED
    with refused("INVALID_ARGUMENT") as said:
        workspace.updated("overfull", "l1", traits=full | {"one": "x"})
    assert said.fields == {"contact.traits"}
    with refused("INVALID_ARGUMENT") as said:
        workspace.updated("overfull", "l1", traits=full | {"l0": [None] * 1001})
    assert said.fields == {"contact.traits"}


@pytest.mark.parametrize("value", ["", "x" * 129, "a\nb", "a\x00b", "a\x1fb", "\x7f", "a\u2028b", "a\u0085b"])
def test_ids_are_printable_and_short(service: Service, workspace: Workspace, value: str):
    """Every id is 1 to 128 printable characters, in every call that takes one."""
    calls: list[tuple[str, Any, str]] = [
        ("EvaluateContact", api.EvaluateContactRequest(event_type=CREATED, contact=contact(value)), "contact.id"),
        ("GetContact", api.GetContactRequest(contact_id=value), "contact_id"),
        ("AssignContact", api.AssignContactRequest(contact_id=value, agent_id="ann"), "contact_id"),
        ("AssignContact", api.AssignContactRequest(contact_id="c", agent_id=value), "agent_id"),
        ("UnassignContact", api.UnassignContactRequest(contact_id=value), "contact_id"),
        ("CloseContact", api.CloseContactRequest(contact_id=value), "contact_id"),
        ("MergeContacts", api.MergeContactsRequest(from_contact_id=value, into_contact_id="c"), "from_contact_id"),
        ("MergeContacts", api.MergeContactsRequest(from_contact_id="c", into_contact_id=value), "into_contact_id"),
        ("ForgetContact", api.ForgetContactRequest(contact_id=value), "contact_id"),
    ]
    for method, request, path in calls:
        with refused("INVALID_ARGUMENT") as said:
            workspace.call(method, request)
        assert said.fields == {path}
    with refused("INVALID_ARGUMENT") as said:
        workspace.roster(agent(value))
    assert said.fields == {"roster.agents[0].id"}
    with refused("INVALID_ARGUMENT") as said:
        workspace.rules(rule(value))
    assert said.fields == {"rule_set.rules[0].id"}
    with refused("INVALID_ARGUMENT") as said:
        Workspace(value, service).get_rules()
    assert said.fields == {"workspace_id"}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("x" * 129, "has 129 characters; at most 128 are allowed"),
        ("a\nb", '"a\\u000ab" contains a control character or a line separator; remove it'),
        ("", "is missing; it needs 1 to 128 printable characters"),
        ("\t ", '"\\u0009 " is blank; an id is seen'),
    ],
)
def test_what_is_wrong_with_an_id_is_said(workspace: Workspace, value: str, fault: str):
    """Too long, a control character within, missing, blank: a request is told which of them it is, as a roster is."""
    calls: list[tuple[str, Any, str]] = [
        ("EvaluateContact", api.EvaluateContactRequest(event_type=CREATED, contact=contact(value)), "contact.id"),
        ("AssignContact", api.AssignContactRequest(contact_id="c", agent_id=value), "agent_id"),
        ("CloseContact", api.CloseContactRequest(contact_id=value), "contact_id"),
        (
            "SetPresence",
            roster_service_pb2.SetPresenceRequest(
                presences=[roster_service_pb2.AgentPresence(agent_id=value, presence=ONLINE)]
            ),
            "presences[0].agent_id",
        ),
    ]
    for method, request, path in calls:
        with refused("INVALID_ARGUMENT") as said:
            workspace.call(method, request)
        assert said.violations[path].endswith(fault)


def test_what_is_wrong_with_a_tag_or_key_is_said(workspace: Workspace):
    """Of tags, keys, sources, channels and request ids, too, a request is told what is wrong with each."""
    asked = contact("c", source="a\tb", channel="x" * 129, tags=["", "a\tb"], traits={"a\tb": 1})
    with refused("INVALID_ARGUMENT") as said:
        workspace.evaluate(UPDATED, asked, ["x" * 129], "a\tb")
    within = '"a\\u0009b" contains a control character or a line separator; remove it'
    long = f'"{"x" * 39}…" has 129 characters; at most 128 are allowed'
    assert said.violations == {
        "request_id": within,
        "updated_keys[0]": long,
        "contact.source": within,
        "contact.channel": long,
        "contact.tags[0]": "is missing; it needs 1 to 128 printable characters",
        "contact.tags[1]": within,
        "contact.traits['a\\tb']": f"the key {within}",
    }


@pytest.mark.parametrize(
    "name",
    [
        "\u5c71\u7530\u3000\u592a\u90ce",
        "Jean\u00a0Dupont",
        "\u200f\u05d3\u05e0\u05d4",
        "\U0001fae8",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ],
    ids=["wide space", "no-break space", "mark of direction", "new emoji", "flag of Scotland"],
)
def test_nobody_s_name_is_refused(workspace: Workspace, name: str):
    """Ids, names, tags, keys and sources may have spaces of every script, marks of direction, and any emoji."""
    workspace.roster(agent(name, name=name))
    workspace.rules(rule(name, on=ON_UPDATE, when=tag(any_of=[name])))
    asked = contact(name, source=name, channel=name, tags=[name], traits={name: name})
    decision = workspace.evaluate(UPDATED, asked, [name], request_id=name)
    assert (decision.outcome, decision.agent_id, decision.rule_id) == (ASSIGNED, name, name)
    assert workspace.contact(name).contact_id == name


NO_WORKSPACE = [
    ("EvaluateContact", api.EvaluateContactRequest(event_type=CREATED, contact=contact("c"))),
    ("BatchEvaluateContacts", api.BatchEvaluateContactsRequest(requests=[api.EvaluateContactRequest()])),
    ("ConfigureRules", api.ConfigureRulesRequest()),
    ("GetRules", api.GetRulesRequest()),
    ("GetContact", api.GetContactRequest(contact_id="c")),
    ("AssignContact", api.AssignContactRequest(contact_id="c", agent_id="ann")),
    ("UnassignContact", api.UnassignContactRequest(contact_id="c")),
    ("CloseContact", api.CloseContactRequest(contact_id="c")),
    ("MergeContacts", api.MergeContactsRequest(from_contact_id="b", into_contact_id="c")),
    ("ForgetContact", api.ForgetContactRequest(contact_id="c")),
    ("ListContacts", api.ListContactsRequest()),
    ("ConfigureRoster", roster_service_pb2.ConfigureRosterRequest()),
    ("UpdateAgents", roster_service_pb2.UpdateAgentsRequest()),
    ("RemoveAgents", roster_service_pb2.RemoveAgentsRequest()),
    ("UpdateTeams", roster_service_pb2.UpdateTeamsRequest()),
    ("GetRoster", roster_service_pb2.GetRosterRequest()),
    (
        "SetPresence",
        roster_service_pb2.SetPresenceRequest(
            presences=[roster_service_pb2.AgentPresence(agent_id="ann", presence=ONLINE)]
        ),
    ),
]


@pytest.mark.parametrize(("method", "request_"), NO_WORKSPACE, ids=[method for method, _ in NO_WORKSPACE])
def test_every_call_needs_a_workspace(service: Service, method: str, request_: Any):
    """A call without a workspace is refused, naming that field."""
    with refused("INVALID_ARGUMENT") as said:
        service.call(method, request_)
    assert "workspace_id" in said.fields


def test_every_violation_of_a_roster_is_named(workspace: Workspace):
    """A roster with many faults is refused once, with every field by its path; the one in force stays."""
    workspace.roster("ann")
    people = [
        agent("ann", weight=-1),
        agent("ann", max_open_contacts=-1),
        agent("bob", weight=1001, name="x" * 257),
    ]
    request = roster_service_pb2.ConfigureRosterRequest(
        roster=roster_service_pb2.Roster(
            agents=people,
            teams=[
                roster_service_pb2.Team(id="sales", agent_ids=["bob", "zoe", "bob"]),
                roster_service_pb2.Team(id="sales", name="x" * 257),
            ],
        )
    )
    with refused("INVALID_ARGUMENT") as said:
        workspace.call("ConfigureRoster", request)
    assert said.fields == {
        "roster.agents[0].weight",
        "roster.agents[1].id",
        "roster.agents[1].max_open_contacts",
        "roster.agents[2].weight",
        "roster.agents[2].name",
        "roster.teams[0].agent_ids[1]",
        "roster.teams[0].agent_ids[2]",
        "roster.teams[1].id",
        "roster.teams[1].name",
    }
    assert "zoe" in said.violations["roster.teams[0].agent_ids[1]"]
    assert [one.id for one in workspace.get_roster().roster.agents] == ["ann"]


def test_every_violation_of_presences_is_named(workspace: Workspace):
    """Presence reports with many faults are refused once, with every field by its path."""
    workspace.roster("ann", "bob")
    reports = [
        roster_service_pb2.AgentPresence(agent_id="ann"),
        roster_service_pb2.AgentPresence(agent_id="", presence=ONLINE),
        roster_service_pb2.AgentPresence(agent_id="ann", presence=ONLINE),
        roster_service_pb2.AgentPresence(agent_id="bob", presence=9),
    ]
    reports[2].lease_duration.FromSeconds(-5)
    with refused("INVALID_ARGUMENT") as said:
        workspace.call("SetPresence", roster_service_pb2.SetPresenceRequest(presences=reports))
    assert said.fields == {
        "presences[0].presence",
        "presences[1].agent_id",
        "presences[2].agent_id",
        "presences[2].lease_duration",
        "presences[3].presence",
    }
    assert workspace.presences() == {"ann": OFFLINE, "bob": OFFLINE}


@pytest.mark.parametrize("lease_ms", [0, 7 * 24 * 3600 * 1000 + 1])
def test_leases_have_bounds(workspace: Workspace, lease_ms: int):
    """A lease is from 1 millisecond to 7 days."""
    workspace.roster("ann")
    with refused("INVALID_ARGUMENT") as said:
        workspace.online("ann", lease_ms=lease_ms)
    assert said.fields == {"presences[0].lease_duration"}
    workspace.online("ann", lease_ms=7 * 24 * 3600 * 1000)
    assert workspace.presences() == {"ann": ONLINE}


def test_no_presences_are_refused(workspace: Workspace):
    """A report about nobody is refused."""
    with refused("INVALID_ARGUMENT") as said:
        workspace.online()
    assert said.fields == {"presences"}


def test_nothing_is_stored_from_a_refused_request(workspace: Workspace, backend: Backend):
    """Refused requests of every kind leave not one key in Redis that is made of this workspace."""
    attempts: list[Callable[[], object]] = [
        lambda: workspace.evaluate(CREATED, bad_contact()),
        lambda: workspace.rules(rule("r", to=team("nobody"))),
        lambda: workspace.roster("ann", "ann"),
        lambda: workspace.assign("", "ann"),
        lambda: workspace.close("x" * 129),
        lambda: workspace.unassign("\n"),
        lambda: workspace.online("ann", lease_ms=0),
        lambda: workspace.created_in_batch([]),
    ]
    for attempt in attempts:
        with pytest.raises(grpc.RpcError):
            attempt()
    assert not [key for key in backend.all_keys() if workspace.id.encode() in key]

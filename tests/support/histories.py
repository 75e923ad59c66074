"""What random histories are made of: people, rules and events, few enough that they meet often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1 import rules_pb2
from hypothesis import strategies as st

from tests.support import builders as make

if TYPE_CHECKING:
    from evenhand.v1 import roster_service_pb2

PEOPLE = ["ann", "Bob", "cy", "di", "EVE"]
TEAMS = ["sales", "support"]
STRANGER = "zoe"
# As others write the ids of people, who may be in the roster or not.
MISSPELT = ["ANN", "bob", "Zoe"]
CONTACTS = [f"c{number}" for number in range(8)]
REQUEST_IDS = ["", "", "", "one", "two", "three"]
# Mostly small and equal, so that ties are frequent; and some that do not divide each other.
WEIGHTS = st.sampled_from([0, 1, 1, 1, 2, 2, 3, 7, 97, 1000])
LIMITS = st.sampled_from([0, 0, 0, 0, 0, 0, 1, 3, 8])

some_people = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True)
contacts = st.sampled_from(CONTACTS)
rarely = st.integers(0, 15).map(lambda number: number == 15)


@st.composite
def an_agent(draw: st.DrawFn, agent_id: str) -> roster_service_pb2.Agent:
    """An agent with some settings."""
    name = draw(st.sampled_from([agent_id.title(), "%1 $contact.name"]))
    return make.agent(agent_id, name=name, weight=draw(WEIGHTS), max_open_contacts=draw(LIMITS), disabled=draw(rarely))


@st.composite
def rosters(draw: st.DrawFn) -> roster_service_pb2.Roster:
    """Most of the people in some order, and two teams of them."""
    members = draw(st.permutations(PEOPLE))[: draw(st.integers(3, len(PEOPLE)))]
    teams = {team: draw(st.permutations(members))[: draw(st.sampled_from([0, 2, 3, 4]))] for team in TEAMS}
    return make.roster(*(draw(an_agent(one)) for one in members), **teams)


def targets(roster: roster_service_pb2.Roster) -> st.SearchStrategy[rules_pb2.Target]:
    """Everyone, a team there is, or one of a few lists of agents there are."""
    ids = sorted(agent.id for agent in roster.agents)
    choices = [make.EVERYONE, *(make.team(team.id) for team in roster.teams)]
    choices += [make.agents(*ids[:2]), make.agents(*ids[:3]), make.agents(*reversed(ids[1:]))]
    return st.sampled_from(choices)


CONDITIONS = st.sampled_from(
    [
        *[None] * 4,
        make.tag(any_of=["vip"]),
        make.trait("budget", "GREATER", 5000),
        make.trait("name", "CHANGED"),
        make.none_of(make.source("api"), make.tag(any_of=["vip"])),
    ]
)
STRATEGIES = st.sampled_from([0, make.ROUND_ROBIN, make.LEAST_OPEN_CONTACTS, make.LONGEST_IDLE])
TRIGGERS = st.sampled_from(
    [make.ON_CREATED, make.ON_NEW_WHATSAPP, make.ON_OPENED, make.ON_OPENED_BY_ANYONE, make.ON_UPDATE]
)
OPENERS = st.sampled_from([0, 0, make.BY_CONTACT, make.BY_AGENT, make.BY_AUTOMATION])


@st.composite
def any_rule(draw: st.DrawFn, number: int, roster: roster_service_pb2.Roster) -> rules_pb2.Rule:
    """A rule of any kind."""
    on, when = draw(TRIGGERS), draw(CONDITIONS)
    if draw(st.integers(0, 7)) == 7:
        return make.rule(f"r{number}", on=on, when=when, to=make.NOBODY, disabled=draw(rarely))
    return make.rule(
        f"r{number}",
        on=on,
        when=when,
        to=draw(targets(roster)),
        strategy=draw(STRATEGIES),
        online_only=draw(st.booleans()),
        max_open_contacts=draw(LIMITS),
        disabled=draw(rarely),
        reply=draw(st.sampled_from(["", "Hi $contact.name, $agent.name is here", "${agent.name}: ${contact.name}!"])),
    )


@st.composite
def rule_sets(draw: st.DrawFn, roster: roster_service_pb2.Roster) -> rules_pb2.RuleSet:
    """Often a plain rule for every new contact; up to three rules of any kind; a fallback."""
    rules = [draw(any_rule(number, roster)) for number in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        plain = {"to": draw(targets(roster)), "strategy": draw(STRATEGIES), "online_only": draw(st.booleans())}
        rules.insert(0, make.rule("plain", on=make.ON_CREATED, **plain))
    fallback = make.fallback(
        enabled=not draw(rarely),
        to=draw(st.one_of(st.none(), targets(roster))),
        strategy=draw(STRATEGIES),
        online_only=draw(st.booleans()),
    )
    return rules_pb2.RuleSet(rules=rules, fallback=fallback, unassign_on_close=draw(st.booleans()))


@st.composite
def edits(draw: st.DrawFn, rule_set: rules_pb2.RuleSet, roster: roster_service_pb2.Roster) -> rules_pb2.RuleSet:
    """The same rules without those who are gone, and one rule with one agent more or less, or another target."""
    edited = rules_pb2.RuleSet()
    edited.CopyFrom(rule_set)
    ids = [agent.id for agent in roster.agents]
    teams = [team.id for team in roster.teams]
    for target in (*(one.target for one in edited.rules), edited.fallback.target):
        known = [one for one in target.agents.agent_ids if one in ids]
        if known:
            target.CopyFrom(make.agents(*known))
        elif target.HasField("agents") or (target.HasField("team_id") and target.team_id not in teams):
            target.CopyFrom(make.EVERYONE)
    one = draw(st.sampled_from(edited.rules))
    members = list(one.target.agents.agent_ids)
    who = draw(st.sampled_from(ids))
    if not members or members == [who]:
        one.target.CopyFrom(draw(targets(roster)))
    elif who in members:
        one.target.agents.agent_ids.remove(who)
    else:
        one.target.agents.agent_ids.insert(draw(st.integers(0, len(members))), who)
    one.strategy = draw(STRATEGIES)
    return edited


@st.composite
def evaluations(draw: st.DrawFn) -> dict[str, Any]:
    """An event of one of a few contacts."""
    traits = {"budget": draw(st.sampled_from(["9000", 100, None])), "name": draw(st.sampled_from(["Zoë", "%1"]))}
    contact = make.contact(
        draw(contacts),
        source=draw(st.sampled_from([make.WHATSAPP, make.WHATSAPP, " WhatsApp_DM", "api"])),
        owner=draw(st.sampled_from([*[""] * 9, *PEOPLE[:2], STRANGER, *MISSPELT])),
        tags=draw(st.sampled_from([[], [], ["VIP"]])),
        traits=traits,
    )
    event = draw(st.sampled_from([make.CREATED, make.CREATED, make.UPDATED, make.OPENED]))
    return {
        "event": event,
        "contact": contact,
        "updated_keys": draw(st.sampled_from([[], ["name"], ["budget", "name"]])),
        "request_id": draw(st.sampled_from(REQUEST_IDS)),
        "exclude_agent_ids": draw(
            st.one_of(st.just([]), st.lists(st.sampled_from([*PEOPLE, STRANGER, *MISSPELT]), unique=True))
        ),
        "opened_by": draw(OPENERS) if event == make.OPENED else 0,
    }

"""Random histories, played to the real service (two replicas of it) and to the plain model: all must agree.

`HYPOTHESIS_PROFILE=deep pytest tests/integration/test_against_model.py` plays thousands more, chosen anew each time.
"""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import decision_pb2, roster_service_pb2, rules_pb2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support import builders as make
from tests.support.client import Workspace
from tests.support.model import Decision, Model

if TYPE_CHECKING:
    from evenhand.v1 import contact_pb2

    from tests.support.backends import Backend

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
LONG_LEASE_MS = 7 * 24 * 3600 * 1000

PEOPLE = ["ann", "bob", "cy", "di", "eve"]
TEAMS = ["sales", "support"]
STRANGER = "zoe"
CONTACTS = [f"c{number}" for number in range(8)]
REQUEST_IDS = ["", "", "", "one", "two", "three"]
# Mostly small and equal, so that ties are frequent; and some that do not divide each other.
WEIGHTS = st.sampled_from([0, 1, 1, 1, 2, 2, 3, 7, 97, 1000])
LIMITS = st.sampled_from([0, 0, 0, 0, 1, 3, 8])

some_people = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True)
contacts = st.sampled_from(CONTACTS)
rarely = st.integers(0, 7).map(lambda number: number == 7)


@st.composite
def an_agent(draw: st.DrawFn, agent_id: str) -> roster_service_pb2.Agent:
    """An agent with some settings."""
    name = draw(st.sampled_from([agent_id.title(), "%1 $contact.name"]))
    return make.agent(agent_id, name=name, weight=draw(WEIGHTS), max_open_contacts=draw(LIMITS), disabled=draw(rarely))


@st.composite
def rosters(draw: st.DrawFn) -> roster_service_pb2.Roster:
    """Most of the people in some order, and two teams of them."""
    members = draw(st.permutations(PEOPLE))[: draw(st.integers(3, len(PEOPLE)))]
    teams = {team: draw(st.permutations(members))[: draw(st.integers(0, 4))] for team in TEAMS}
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
STRATEGIES = st.sampled_from([0, make.ROUND_ROBIN, make.LEAST_OPEN_CONTACTS])
TRIGGERS = st.sampled_from([make.ON_CREATED, make.ON_NEW_WHATSAPP, make.ON_OPENED, make.ON_UPDATE])


@st.composite
def any_rule(draw: st.DrawFn, number: int, roster: roster_service_pb2.Roster) -> rules_pb2.Rule:
    """A rule of any kind."""
    return make.rule(
        f"r{number}",
        on=draw(TRIGGERS),
        when=draw(CONDITIONS),
        to=draw(targets(roster)),
        strategy=draw(STRATEGIES),
        online_only=draw(st.booleans()),
        max_open_contacts=draw(LIMITS),
        disabled=draw(rarely),
        reply=draw(st.sampled_from(["", "Hi $contact.name, $agent.name is here"])),
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
def evaluations(draw: st.DrawFn) -> dict[str, Any]:
    """An event of one of a few contacts."""
    traits = {"budget": draw(st.sampled_from(["9000", 100, None])), "name": draw(st.sampled_from(["Zoë", "%1"]))}
    contact = make.contact(
        draw(contacts),
        source=draw(st.sampled_from([make.WHATSAPP, make.WHATSAPP, " WhatsApp_DM", "api"])),
        owner=draw(st.sampled_from([*[""] * 9, *PEOPLE[:2], STRANGER])),
        tags=draw(st.sampled_from([[], [], ["VIP"]])),
        traits=traits,
    )
    return {
        "event": draw(st.sampled_from([make.CREATED, make.CREATED, make.UPDATED, make.OPENED])),
        "contact": contact,
        "updated_keys": draw(st.sampled_from([[], ["name"], ["budget", "name"]])),
        "request_id": draw(st.sampled_from(REQUEST_IDS)),
    }


class Histories(RuleBasedStateMachine):
    """Everything that can happen in a workspace, told to both."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        self.model = Model()
        self.sequence_of: dict[int, int] = {}
        self.latest_sequence = 0
        self.strangers = 0
        self.touched: set[str] = set()

    # What is configured.

    @initialize(roster=rosters(), data=st.data())
    def begin(self, roster: roster_service_pb2.Roster, data: st.DataObject) -> None:
        """Start with some people, most of whom are there, and some rules."""
        self.configure_roster(roster)
        self.change_rules(data)
        self.report(make.ONLINE, PEOPLE[:4], lease=False)

    def configure_roster(self, roster: roster_service_pb2.Roster) -> None:
        """Replace the people."""
        self.workspace.call("ConfigureRoster", roster_service_pb2.ConfigureRosterRequest(roster=roster))
        self.model.configure_roster(roster)

    @rule(roster=rosters())
    def replace_everybody(self, roster: roster_service_pb2.Roster) -> None:
        """People come, go, move, and get other settings."""
        self.configure_roster(roster)

    @rule(data=st.data(), change=st.sampled_from(["settings", "leave", "move", "team"]))
    def change_one(self, data: st.DataObject, change: str) -> None:
        """One agent gets other settings, comes or goes, stands elsewhere, or joins or leaves a team."""
        agents = {agent.id: agent for agent in self.model.roster.agents}
        teams = {team.id: list(team.agent_ids) for team in self.model.roster.teams}
        who = data.draw(st.sampled_from(PEOPLE))
        if change == "leave" and len(agents) > 2 and who in agents:
            del agents[who]
        elif change == "settings" or who not in agents:
            agents[who] = data.draw(an_agent(who))
        elif change == "move":
            agents[who] = agents.pop(who)
        else:
            team = data.draw(st.sampled_from(TEAMS))
            members = teams.setdefault(team, [])
            members.remove(who) if who in members else members.append(who)
        teams = {team: [one for one in members if one in agents] for team, members in teams.items()}
        self.configure_roster(make.roster(*agents.values(), **teams))

    @rule(data=st.data())
    def change_rules(self, data: st.DataObject) -> None:
        """Other rules."""
        self.configure_rules(data.draw(rule_sets(self.model.roster)))

    @rule(data=st.data())
    def edit_a_rule(self, data: st.DataObject) -> None:
        """One rule gets another target or another strategy."""
        rule_set = rules_pb2.RuleSet()
        rule_set.CopyFrom(self.model.rule_set)
        known = targets(self.model.roster)
        for edited in rule_set.rules:
            edited.target.CopyFrom(data.draw(known))
            edited.strategy = data.draw(STRATEGIES)
        rule_set.fallback.target.CopyFrom(data.draw(known))
        self.configure_rules(rule_set)

    def configure_rules(self, rule_set: rules_pb2.RuleSet) -> None:
        """Replace the rules."""
        answer = self.workspace.call("ConfigureRules", api.ConfigureRulesRequest(rule_set=rule_set))
        self.model.configure_rules(rule_set)
        assert answer.revision == self.model.revision

    @rule(
        presence=st.sampled_from([make.ONLINE, make.ONLINE, make.BUSY, make.OFFLINE]),
        who=some_people,
        lease=st.booleans(),
    )
    def report(self, presence: int, who: list[str], lease: bool) -> None:
        """Presence, for a long lease or for ever."""
        known = [one for one in who if one in {agent.id for agent in self.model.roster.agents}]
        if known:
            lease_ms = LONG_LEASE_MS if lease else None
            self.workspace.presence(presence, *known, lease_ms=lease_ms)
            self.model.set_presence(presence, known, lease_ms)

    @rule(who=some_people)
    def let_a_lease_end(self, who: list[str]) -> None:
        """A lease so short that it is surely over after the wait; the long ones are not."""
        known = [one for one in who if one in {agent.id for agent in self.model.roster.agents}]
        if known:
            self.workspace.online(*known, lease_ms=1)
            self.model.set_presence(make.ONLINE, known, 1)
            time.sleep(0.004)
            self.model.now_ms += 4

    # What happens to contacts.

    @rule(evaluation=evaluations())
    def evaluate(self, evaluation: dict[str, Any]) -> None:
        """One event."""
        self.agree(self.workspace.evaluate(**evaluation), self.model.evaluate(**evaluation), evaluation["contact"])

    @rule(batch=st.lists(evaluations(), min_size=1, max_size=15))
    def evaluate_batch(self, batch: list[dict[str, Any]]) -> None:
        """Several events in one call, also of the same contact."""
        answers = self.workspace.batch(
            api.EvaluateContactRequest(event_type=one["event"], **{key: one[key] for key in one if key != "event"})
            for one in batch
        )
        for answer, one in zip(answers, batch, strict=True):
            self.agree(answer, self.model.evaluate(**one), one["contact"])

    @rule(count=st.integers(1, 12), close=st.booleans())
    def rush(self, count: int, close: bool) -> None:
        """Contacts that nobody has seen before; some are dealt with at once."""
        self.strangers += count
        rush = [make.contact(f"s{self.strangers - number}") for number in range(count)]
        answers = self.workspace.batch(api.EvaluateContactRequest(event_type=make.CREATED, contact=one) for one in rush)
        for answer, contact in zip(answers, rush, strict=True):
            self.agree(answer, self.model.evaluate(make.CREATED, contact), contact)
        for contact in rush if close else ():
            self.close([contact.id])

    @rule(who=st.sampled_from(PEOPLE), counts=st.lists(st.integers(1, 4), min_size=2, max_size=6))
    def flap(self, who: str, counts: list[int]) -> None:
        """An agent comes and goes between contacts."""
        for place, count in enumerate(counts):
            self.report((make.OFFLINE, make.ONLINE)[place % 2], [who], lease=False)
            self.rush(count, close=True)

    @rule(data=st.data(), who=contacts)
    def assign_by_hand(self, data: st.DataObject, who: str) -> None:
        """A person decides."""
        agent = data.draw(st.sampled_from([agent.id for agent in self.model.roster.agents]))
        answer = self.workspace.assign(who, agent)
        assert (answer.owner_id, answer.previous_owner_id, answer.open) == self.model.assign(who, agent)
        self.touched.add(who)

    @rule(who=contacts)
    def unassign(self, who: str) -> None:
        """A person takes the owner away."""
        assert self.workspace.unassign(who).previous_owner_id == self.model.unassign(who)
        self.touched.add(who)

    @rule(some=st.lists(contacts, min_size=1, max_size=6))
    def close(self, some: list[str]) -> None:
        """Conversations end."""
        for who in some:
            answer = self.workspace.close(who)
            assert (answer.owner_id, answer.closed) == self.model.close(who)
            self.touched.add(who)

    # What must agree.

    def agree(self, real: decision_pb2.Decision, expected: Decision, contact: contact_pb2.Contact) -> None:
        """The same decision, with a sequence that goes up, or is the old one if replayed."""
        if not expected.replayed:
            assert real.sequence > self.latest_sequence
            self.latest_sequence = self.sequence_of[expected.turn] = real.sequence
        assert self.read(real) == self.read(expected)
        self.touched.add(contact.id)

    def read(self, decision: decision_pb2.Decision | Decision) -> tuple[Any, ...]:
        """A decision of either side in one form."""
        if isinstance(decision, Decision):
            return astuple(replace(decision, turn=self.sequence_of[decision.turn]))
        names = ("outcome", "sequence", "rules_revision", "agent_id", "rule_id", "fallback", "team_id", "strategy")
        return (*(getattr(decision, name) for name in names), decision.reply, decision.replayed)

    @invariant()
    def records_agree(self) -> None:
        """Owner, open or not, and decision on record, of every contact that was touched."""
        while self.touched:
            self.compare_contact(self.touched.pop())

    @invariant()
    def people_agree(self) -> None:
        """Presence and open counts of everybody, in order."""
        counts = self.model.open_counts()
        real = [(one.id, one.presence, one.open_contact_count) for one in self.workspace.get_roster().roster.agents]
        assert real == [
            (one.id, self.model.presence(one.id), counts.get(one.id, 0)) for one in self.model.roster.agents
        ]

    def teardown(self) -> None:
        """At the end also every contact, and the rules in force."""
        for who in CONTACTS:
            self.compare_contact(who)
        rules = self.workspace.get_rules()
        assert (rules.revision, len(rules.rule_set.rules)) == (self.model.revision, len(self.model.rule_set.rules))

    def compare_contact(self, who: str) -> None:
        """What is on record about a contact."""
        real, expected = self.workspace.contact(who), self.model.records.get(who)
        if expected is None:
            assert real is None
            return
        assert (real.owner_id, real.open) == (expected.owner, expected.open), who
        assert real.HasField("decision") == (expected.decision is not None), who
        if expected.decision:
            assert self.read(real.decision) == self.read(expected.decision), who


def play(backend: Backend, examples: int, steps: int) -> None:
    """Play that many histories of at most that many steps, each in a workspace of its own, on two replicas."""
    replicas = backend.service(0), backend.service(1)
    run_state_machine_as_test(
        lambda: Histories(Workspace(uuid.uuid4().hex, *replicas)),
        settings=settings(max_examples=2000 if DEEP else examples, stateful_step_count=steps),
    )


@pytest.mark.timeout(0 if DEEP else 240)
def test_random_histories_agree_with_the_model(backend: Backend):
    """Every answer and all state are the model's, after each step of random histories."""
    play(backend, examples=60, steps=50)


@pytest.mark.every_redis
def test_a_few_histories_on_every_redis(backend: Backend):
    """Some random histories agree with the model on every kind of Redis."""
    play(backend, examples=6, steps=40)

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
from evenhand.v1 import decision_pb2, roster_service_pb2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support import builders as make
from tests.support.client import Workspace, refused
from tests.support.histories import (
    CONTACTS,
    PEOPLE,
    TEAMS,
    an_agent,
    contacts,
    edits,
    evaluations,
    rosters,
    rule_sets,
    some_people,
)
from tests.support.model import Decision, Model

if TYPE_CHECKING:
    from tests.support.backends import Backend

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
BRIEF_LEASE_MS = 1
LONG_LEASE_MS = 7 * 24 * 3600 * 1000


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
        self.change_rules(data, edit=False)
        self.report(make.ONLINE, PEOPLE)

    def configure_roster(self, roster: roster_service_pb2.Roster) -> None:
        """Replace the people."""
        self.workspace.call("ConfigureRoster", roster_service_pb2.ConfigureRosterRequest(roster=roster))
        self.model.configure_roster(roster)

    @rule(data=st.data(), change=st.sampled_from(["all", "settings", "leave", "move", "team"]))
    def change_people(self, data: st.DataObject, change: str) -> None:
        """All is new; or one agent gets other settings, comes or goes, stands elsewhere, joins or leaves a team."""
        if change == "all":
            self.configure_roster(data.draw(rosters()))
            self.report(make.ONLINE, PEOPLE)
            return
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
            members = teams.setdefault(data.draw(st.sampled_from(TEAMS)), [])
            members.remove(who) if who in members else members.append(who)
        teams = {team: [one for one in members if one in agents] for team, members in teams.items()}
        self.configure_roster(make.roster(*agents.values(), **teams))

    @rule(data=st.data(), edit=st.booleans())
    def change_rules(self, data: st.DataObject, edit: bool) -> None:
        """Other rules, or the same with one edited."""
        known, roster = self.model.rule_set, self.model.roster
        rule_set = data.draw(edits(known, roster) if edit and known.rules else rule_sets(roster))
        answer = self.workspace.call("ConfigureRules", api.ConfigureRulesRequest(rule_set=rule_set))
        self.model.configure_rules(rule_set)
        assert answer.revision == self.model.revision

    @rule(
        away=some_people,
        how=st.sampled_from([make.BUSY, make.OFFLINE]),
        lease=st.sampled_from([None, None, LONG_LEASE_MS, BRIEF_LEASE_MS]),
    )
    def change_presence(self, away: list[str], how: int, lease: int | None) -> None:
        """Some are away or have a lease that is over; all others are there, for ever or for long."""
        brief = lease == BRIEF_LEASE_MS
        self.report(make.ONLINE, PEOPLE, None if brief else lease)
        self.report(make.ONLINE if brief else how, away, lease)

    def report(self, presence: int, who: list[str], lease: int | None = None) -> None:
        """Report presence; after a lease so brief that it is surely over, wait for that."""
        known = [one for one in who if one in {agent.id for agent in self.model.roster.agents}]
        if known:
            self.workspace.presence(presence, *known, lease_ms=lease)
            self.model.set_presence(presence, known, lease)
        if lease == BRIEF_LEASE_MS:
            time.sleep(0.004)
            self.model.now_ms += 4

    # What happens to contacts.

    @rule(events=st.lists(evaluations(), min_size=1, max_size=12), in_batch=st.booleans())
    def evaluate(self, events: list[dict[str, Any]], in_batch: bool) -> None:
        """Several events, also of the same contact, one by one or in one call."""
        if in_batch:
            answers = self.workspace.batch(
                api.EvaluateContactRequest(event_type=one["event"], **{key: one[key] for key in one if key != "event"})
                for one in events
            )
        else:
            answers = [self.workspace.evaluate(**one) for one in events]
        for answer, one in zip(answers, events, strict=True):
            self.agree(answer, self.model.evaluate(**one))
            assert answer.contact_id == self.model.ids.holds(one["contact"].id)
            self.touched.add(one["contact"].id)

    @rule(count=st.integers(1, 12), close=st.booleans())
    def rush(self, count: int, close: bool) -> None:
        """Contacts that nobody has seen before; some are dealt with at once."""
        self.strangers += count
        rush = [make.contact(f"s{self.strangers - number}") for number in range(count)]
        answers = self.workspace.batch(api.EvaluateContactRequest(event_type=make.CREATED, contact=one) for one in rush)
        for answer, contact in zip(answers, rush, strict=True):
            self.agree(answer, self.model.evaluate(make.CREATED, contact))
        self.touched.add(rush[-1].id)
        if close:
            self.close([contact.id for contact in rush])

    @rule(who=st.sampled_from(PEOPLE), counts=st.lists(st.integers(1, 8), min_size=2, max_size=6))
    def flap(self, who: str, counts: list[int]) -> None:
        """An agent comes and goes between contacts."""
        for place, count in enumerate(counts):
            self.report((make.OFFLINE, make.ONLINE)[place % 2], [who])
            self.rush(count, close=False)

    @rule(data=st.data(), some=st.lists(contacts, min_size=1, max_size=3))
    def decide_by_hand(self, data: st.DataObject, some: list[str]) -> None:
        """A person gives contacts to an agent, or takes the owner away."""
        agent = data.draw(st.sampled_from(["", *(agent.id for agent in self.model.roster.agents)]))
        for who in some:
            if agent:
                answer = self.workspace.assign(who, agent)
                assert (answer.owner_id, answer.previous_owner_id, answer.open) == self.model.assign(who, agent)
            else:
                assert self.workspace.unassign(who).previous_owner_id == self.model.unassign(who)
            self.touched.add(who)

    @rule(some=st.lists(contacts, min_size=1, max_size=6), owner_after=st.sampled_from(api.OwnerAfter.values()))
    def close(self, some: list[str], owner_after: int = 0) -> None:
        """Conversations end."""
        for who in some:
            answer = self.workspace.close(who, owner_after)
            assert (answer.owner_id, answer.closed) == self.model.close(who, owner_after)
        self.touched.update(some[-3:])

    @rule(pair=st.lists(contacts, min_size=2, max_size=2, unique=True))
    def merge(self, pair: list[str]) -> None:
        """Two ids turn out to be one customer; what would be a circle is refused."""
        expected = self.model.merge(*pair)
        if expected is None:
            with refused("FAILED_PRECONDITION"):
                self.workspace.merge(*pair)
        else:
            answer = self.workspace.merge(*pair)
            assert (answer.contact_id, answer.owner_id, answer.open, answer.merged) == expected
        self.touched.update(pair)

    @rule(who=contacts)
    def forget(self, who: str) -> None:
        """Somebody asks to be forgotten."""
        assert self.workspace.forget(who) == self.model.forget(who)
        self.touched.add(who)

    # What must agree.

    def agree(self, real: decision_pb2.Decision, expected: Decision) -> None:
        """The same decision, with a sequence that goes up, or is the old one if replayed."""
        if not expected.replayed:
            assert real.sequence > self.latest_sequence
            self.latest_sequence = self.sequence_of[expected.turn] = real.sequence
        assert self.read(real) == self.read(expected)

    def read(self, decision: decision_pb2.Decision | Decision) -> tuple[Any, ...]:
        """A decision of either side in one form."""
        if isinstance(decision, Decision):
            return astuple(replace(decision, turn=self.sequence_of[decision.turn]))
        names = ("outcome", "sequence", "rules_revision", "agent_id", "rule_id", "fallback", "team_id", "strategy")
        return (*(getattr(decision, name) for name in names), decision.reply, decision.replayed, decision.owner_unknown)

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
        """At the end also every contact, all that are listed, and the rules in force."""
        for who in CONTACTS:
            self.compare_contact(who)
        listed = [one for page in self.workspace.pages(size=10) for one in page]
        assert {one.contact_id: (one.owner_id, one.open) for one in listed} == {
            who: (record.owner, record.open) for who, record in self.model.records.items()
        }
        rules = self.workspace.get_rules()
        assert (rules.revision, len(rules.rule_set.rules)) == (self.model.revision, len(self.model.rule_set.rules))

    def compare_contact(self, who: str) -> None:
        """What is on record about a contact."""
        holds = self.model.ids.holds(who)
        real, expected = self.workspace.contact(who), self.model.records.get(holds)
        if expected is None:
            assert real is None
            return
        assert (real.contact_id, real.owner_id, real.open) == (holds, expected.owner, expected.open), who
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
    play(backend, examples=35, steps=50)


@pytest.mark.every_redis
def test_a_few_histories_on_every_redis(backend: Backend):
    """Some random histories agree with the model on every kind of Redis."""
    play(backend, examples=4, steps=30)

"""The whole of Evenhand's semantics, plainly: one process, no Redis, exact fractions, a clock that is told.

The oracle of the stateful test, readable as the specification. It takes the contract's own messages and shares no
code with the service. What is not modeled: validation, etags, expressions, expiry of records.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from evenhand.v1 import assignment_service_pb2, contact_pb2, decision_pb2, roster_service_pb2, rules_pb2

from tests.support.conditions import holds
from tests.support.model_ids import Ids
from tests.support.model_rotation import Rotation, View
from tests.support.model_rules import (
    ROUND_ROBIN,
    fitting,
    is_new_on_whatsapp,
    members,
    pool_of,
    targets,
    view_of,
    views_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

OFFLINE = roster_service_pb2.PRESENCE_OFFLINE
ONLINE = roster_service_pb2.PRESENCE_ONLINE
UNASSIGN = assignment_service_pb2.OWNER_AFTER_UNASSIGN
LONGEST_IDLE = rules_pb2.STRATEGY_LONGEST_IDLE


@dataclass(frozen=True)
class Decision:
    """An answer; `turn` is its place in the order of decisions (the service's sequence has gaps, this has none)."""

    outcome: int
    turn: int
    rules_revision: int
    agent_id: str = ""
    rule_id: str = ""
    fallback: bool = False
    team_id: str = ""
    strategy: int = 0
    reply: str = ""
    replayed: bool = False
    owner_unknown: bool = False


@dataclass
class Record:
    """A contact: unassigned (no owner), open or closed; Evenhand's latest decision; answers by event and request id.

    `was_open`: whether it was ever open since it has an owner.
    """

    owner: str = ""
    open: bool = False
    was_open: bool = False
    decision: Decision | None = None
    answers: dict[tuple[int, str], Decision] = field(default_factory=dict)


class Model:
    """One workspace."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.turn = 0
        self.revision = 0
        self.rule_set = rules_pb2.RuleSet()
        self.roster = roster_service_pb2.Roster()
        self.reported: dict[str, tuple[int, int | None]] = {}
        self.seen: dict[str, int] = {}  # everybody who was ever named, by when
        self.assigned: dict[str, int] = {}  # the last turn in which each was assigned a contact, from any pool
        self.records: dict[str, Record] = {}
        self.ids: Ids[Record] = Ids()
        self.rotations: dict[tuple[str, ...], Rotation] = {}
        self.members: dict[tuple[str, ...], list[str]] = {}

    # What is configured.

    def configure_rules(self, rule_set: rules_pb2.RuleSet) -> None:
        """Replace the rules."""
        self._end_leases()
        before, self.rule_set = self.rule_set, rule_set
        self.revision += 1
        self._carry_rotations(before, self.roster)

    def configure_roster(self, roster: roster_service_pb2.Roster) -> None:
        """Replace the people; the presence of who is gone is forgotten."""
        self._end_leases()
        before, self.roster = self.roster, roster
        for agent in roster.agents:
            self._see(agent.id)
        self.reported = {agent.id: self.reported[agent.id] for agent in roster.agents if agent.id in self.reported}
        self._carry_rotations(self.rule_set, before)

    def _carry_rotations(self, rules_before: rules_pb2.RuleSet, roster_before: roster_service_pb2.Roster) -> None:
        """Pools in force (everyone, each team, each list that a rule names) keep their rotation; others lose it.

        A new list carries on the rotation of the list that the same rule had before. Who left a pool starts anew. The
        people are gone through in order, and those who left at last.
        """
        lists_before = {key: pool_of(target) for key, target in targets(rules_before) if target.HasField("agents")}
        teams = [rules_pb2.Target(team_id=team.id) for team in self.roster.teams]
        in_force = [("", rules_pb2.Target(everyone=True)), *(("", team) for team in teams)]
        in_force += [(key, target) for key, target in targets(self.rule_set) if target.HasField("agents")]
        views = views_of(self.rule_set)
        old, self.rotations = self.rotations, {}
        for key, target in in_force:
            pool = pool_of(target)
            if pool not in self.rotations:
                source = old.get(pool) or old.get(lists_before.get(key, ())) or Rotation()
                self.members[pool] = [agent.id for agent in members(target, self.roster)]
                self.rotations[pool] = source.carried_on(
                    set(self.members[pool]), views.get(pool, ()), is_new=pool not in old
                )
        for agent in [*self.roster.agents, *roster_before.agents]:
            self._update(agent.id)
        for pool, rotation in self.rotations.items():
            for times in rotation.views.values():
                times.is_new = False
                times.time = {who: what for who, what in times.time.items() if who in self.members[pool]}

    def set_presence(self, presence: int, agents: Iterable[str], lease_ms: int | None = None) -> None:
        """Hold this presence from now on for a lease, or until the next report."""
        self._end_leases()
        until = None if lease_ms is None else self.now_ms + lease_ms
        for agent in agents:
            self.reported[agent] = (presence, until)
            self._update(agent)

    def _see(self, agent: str) -> None:
        """Somebody is named, maybe for the first time."""
        self.seen.setdefault(agent, len(self.seen))

    def _end_leases(self) -> None:
        """Whose lease is over is away, one after another."""
        over = [(until, self.seen[who], who) for who, (_, until) in self.reported.items() if until is not None]
        for _, _, who in sorted(one for one in over if one[0] <= self.now_ms):
            self.reported[who] = (OFFLINE, None)
            self._update(who)

    def _update(self, agent_id: str) -> None:
        """The agent may have become eligible somewhere, or no longer be."""
        agent = next((one for one in self.roster.agents if one.id == agent_id), None)
        counts = self.open_counts()
        for pool, rotation in self.rotations.items():
            belongs = agent if agent_id in self.members[pool] else None
            for view, times in rotation.views.items():
                times.update(agent_id, belongs is not None and self._is_eligible(belongs, view, counts))

    # What happens to contacts.

    def evaluate(
        self,
        event: int,
        contact: contact_pb2.Contact,
        updated_keys: Collection[str] = (),
        request_id: str = "",
        exclude_agent_ids: Collection[str] = (),
        *,
        opened_by: int = 0,
    ) -> Decision:
        """Decide: replay, then owned already, then the rules, then the fallback."""
        self._end_leases()
        record, given_up = self._record(contact.id), self.ids.given_up.get(contact.id)
        for each in [given_up, record] if given_up else [record]:
            if earlier := each.answers.get((event, request_id)):
                return replace(earlier, replayed=True, owner_unknown=self._is_unknown(earlier))
        self.turn += 1
        decision = self._owned_already(record, event, contact) or self._by_the_rules(
            fitting(event, contact, opened_by), contact, updated_keys, exclude_agent_ids
        )
        if decision.outcome != decision_pb2.OUTCOME_ALREADY_ASSIGNED:
            record.decision = decision
            record.owner = decision.agent_id
            record.open = record.was_open = bool(decision.agent_id)
            self._update(decision.agent_id)
        if request_id:
            record.answers[event, request_id] = decision
            if given_up:
                given_up.answers[event, request_id] = decision
        return decision

    def assign(self, contact_id: str, agent_id: str) -> tuple[str, str, bool]:
        """A person decides; returns owner, previous owner, open."""
        self._end_leases()
        record = self._record(contact_id)
        previous = self._hand_over(record, agent_id, opens=True)
        return agent_id, previous, record.open

    def unassign(self, contact_id: str) -> str:
        """Take the owner away; returns the previous one."""
        self._end_leases()
        record = self.records.get(self.ids.holds(contact_id), Record())
        previous, record.owner = record.owner, ""
        record.open = record.was_open = False
        self._update(previous)
        return previous

    def close(self, contact_id: str, owner_after: int = 0) -> tuple[str, bool]:
        """The conversation ended; returns the owner who is left, and whether it was open."""
        self._end_leases()
        record = self.records.get(self.ids.holds(contact_id), Record())
        was_open, record.open = record.open, False
        self._update(record.owner)
        if owner_after == UNASSIGN or (was_open and not owner_after and self.rule_set.unassign_on_close):
            record.owner, record.was_open = "", False
        return record.owner, was_open

    def merge(self, from_id: str, into_id: str) -> tuple[str, str, bool, bool] | None:
        """Two ids are one contact; returns the id that holds, its owner, open, merged by this. None: a circle."""
        self._end_leases()
        source, target = self.ids.holds(from_id), self.ids.holds(into_id)
        if source == target:
            record = self.records.get(target, Record())
            is_circle = from_id == source and into_id != target
            return None if is_circle else (target, record.owner, record.open, False)
        old, record = self.records.pop(source, Record()), self._record(target)
        self.ids.give_up(source, old, target)
        if old.decision and (not record.decision or (old.owner and not record.owner)):
            record.decision = old.decision
        record.owner, record.open = record.owner or old.owner, record.open or old.open
        record.was_open = record.was_open or old.was_open
        self._update(old.owner)
        self._update(record.owner)
        return target, record.owner, record.open, True

    def forget(self, contact_id: str) -> bool:
        """Nothing is known of the contact, nor of any id that stands for it; returns whether anything was."""
        self._end_leases()
        holds = self.ids.holds(contact_id)
        record = self.records.pop(holds, None)
        self._update(record.owner if record else "")
        return self.ids.forget(holds) or record is not None

    # What is on record.

    def _record(self, contact_id: str) -> Record:
        """The record of the contact that an id stands for, which is there from now on."""
        return self.records.setdefault(self.ids.holds(contact_id), Record())

    def presence(self, agent_id: str) -> int:
        """What holds now; nobody reported is OFFLINE, and so is whose lease is over."""
        presence, until = self.reported.get(agent_id, (OFFLINE, None))
        return presence if until is None or self.now_ms < until else OFFLINE

    def open_counts(self) -> dict[str, int]:
        """A recount of the records."""
        counts: dict[str, int] = {}
        for record in self.records.values():
            if record.open:
                counts[record.owner] = counts.get(record.owner, 0) + 1
        return counts

    # How a decision is made.

    def _hand_over(self, record: Record, owner: str, *, opens: bool) -> str:
        """The contact stays as open or closed as it was, unless this opens it."""
        previous, record.owner = record.owner, owner
        record.open = record.open or opens
        record.was_open = record.was_open or record.open
        self._update(previous)
        self._update(owner)
        return previous

    def _owned_already(self, record: Record, event: int, contact: contact_pb2.Contact) -> Decision | None:
        owner = self._meant(contact.owner_id) or record.owner
        if not owner:
            return None
        self._see(owner)
        opened = event == contact_pb2.EVENT_TYPE_CONVERSATION_OPENED
        is_first = not record.was_open and is_new_on_whatsapp(event, contact)
        self._hand_over(record, owner, opens=opened or is_first)
        decision = Decision(decision_pb2.OUTCOME_ALREADY_ASSIGNED, self.turn, self.revision, agent_id=owner)
        return replace(decision, owner_unknown=self._is_unknown(decision))

    def _meant(self, owner: str) -> str:
        """The agent with this id; else the only one whose id differs from it by case alone; else whoever it is."""
        known = [agent.id for agent in self.roster.agents]
        alike = [one for one in known if one.casefold() == owner.casefold()]
        return alike[0] if len(alike) == 1 and owner not in known else owner

    def _is_unknown(self, decision: Decision) -> bool:
        """Whether a contact was owned already, by somebody who is not in the roster now."""
        known = {agent.id for agent in self.roster.agents}
        return decision.outcome == decision_pb2.OUTCOME_ALREADY_ASSIGNED and decision.agent_id not in known

    def _by_the_rules(
        self,
        triggers: Collection[int],
        contact: contact_pb2.Contact,
        updated_keys: Collection[str],
        excluded: Collection[str],
    ) -> Decision:
        for rule in self.rule_set.rules:
            if rule.trigger in triggers and not rule.disabled and holds(rule.condition, contact, updated_keys):
                return self._pick(rule, contact, excluded)
        fallback = self.rule_set.fallback
        if fallback.enabled and self.rule_set.rules and rules_pb2.RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM in triggers:
            return self._pick(fallback, contact, excluded)
        return Decision(decision_pb2.OUTCOME_NO_RULE_MATCHED, self.turn, self.revision)

    def _pick(
        self, selector: rules_pb2.Rule | rules_pb2.Fallback, contact: contact_pb2.Contact, excluded: Collection[str]
    ) -> Decision:
        rule = selector if isinstance(selector, rules_pb2.Rule) else None
        if rule and rule.target.nobody:
            return Decision(decision_pb2.OUTCOME_LEFT_UNASSIGNED, self.turn, self.revision, rule_id=rule.id)
        view = view_of(selector)
        because = {
            "turn": self.turn,
            "rules_revision": self.revision,
            "rule_id": rule.id if rule else "",
            "fallback": rule is None,
            "team_id": selector.target.team_id,
            "strategy": view[0],
        }
        counts = self.open_counts()
        all_eligible = [
            agent for agent in members(selector.target, self.roster) if self._is_eligible(agent, view, counts)
        ]
        meant = {self._meant(one) for one in excluded}
        eligible = [agent for agent in all_eligible if agent.id not in meant]
        if not eligible:
            return Decision(decision_pb2.OUTCOME_NO_AGENT_AVAILABLE, **because)
        rotation = self.rotations[pool_of(selector.target)]

        def order(agent: roster_service_pb2.Agent) -> tuple[Fraction, int]:
            """By the strategy; then longest since the last assignment in this pool; then as they stand."""
            load = Fraction(counts.get(agent.id, 0), agent.weight or 1)
            by = {
                ROUND_ROBIN: rotation.views[view].of(agent.id),
                LONGEST_IDLE: Fraction(self.assigned.get(agent.id, 0)),
            }.get(view[0], load)
            return by, rotation.last.get(agent.id, 0)

        chosen = min(eligible, key=order)
        if view[0] == ROUND_ROBIN:
            rotation.views[view].passed_over(sorted(all_eligible, key=order).index(chosen), chosen.id)
        rotation.assigned(chosen.id, chosen.weight or 1, self.turn)
        self.assigned[chosen.id] = self.turn
        reply = self._fill_in(rule.reply, contact, chosen.id) if rule else ""
        return Decision(decision_pb2.OUTCOME_ASSIGNED, agent_id=chosen.id, reply=reply, **because)

    def _is_eligible(self, agent: roster_service_pb2.Agent, view: View, counts: dict[str, int]) -> bool:
        """Enabled, there if that is asked for, and below the agent's limit and the rule's."""
        _, online_only, limit = view
        return (
            not agent.disabled
            and (not online_only or self.presence(agent.id) == ONLINE)
            and all(counts.get(agent.id, 0) < most for most in (agent.max_open_contacts, limit) if most)
        )

    def _fill_in(self, reply: str, contact: contact_pb2.Contact, agent_id: str) -> str:
        """Only `$contact.name` (a text) and `$agent.name` are modeled, with and without braces."""
        name = next(agent.name for agent in self.roster.agents if agent.id == agent_id)
        trait = contact.traits["name"].string_value if "name" in contact.traits else ""
        filled = reply.replace("${contact.name}", trait).replace("$contact.name", trait)
        return filled.replace("${agent.name}", name).replace("$agent.name", name)

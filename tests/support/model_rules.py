"""What rules ask for, plainly: which of them an event concerns, whom they take, and how they look at a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1 import contact_pb2, roster_service_pb2, rules_pb2

from tests.support.conditions import fold

if TYPE_CHECKING:
    from tests.support.model_rotation import View

ROUND_ROBIN = rules_pb2.STRATEGY_ROUND_ROBIN
TRIGGER_OF = {
    contact_pb2.EVENT_TYPE_CONTACT_CREATED: rules_pb2.RULE_TRIGGER_CONTACT_CREATED,
    contact_pb2.EVENT_TYPE_TRAIT_OR_TAG_UPDATED: rules_pb2.RULE_TRIGGER_TRAIT_OR_TAG_UPDATED,
    contact_pb2.EVENT_TYPE_CONVERSATION_OPENED: rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED_BY_ANYONE,
}


def fitting(event: int, contact: contact_pb2.Contact, opened_by: int) -> list[int]:
    """The triggers that fit: one for every event of its type, and one for those by, or from, somebody in particular."""
    found = [TRIGGER_OF[event]]
    if is_new_on_whatsapp(event, contact):
        found.append(rules_pb2.RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM)
    if event == contact_pb2.EVENT_TYPE_CONVERSATION_OPENED and opened_by in {0, contact_pb2.OPENED_BY_CONTACT}:
        found.append(rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED)
    return found


def is_new_on_whatsapp(event: int, contact: contact_pb2.Contact) -> bool:
    """Whether this is the first message of a contact, by WhatsApp."""
    return event == contact_pb2.EVENT_TYPE_CONTACT_CREATED and fold(contact.source) == "whatsapp_dm"


def targets(rule_set: rules_pb2.RuleSet) -> list[tuple[str, rules_pb2.Target]]:
    """Every target with the id of its rule; the fallback's has none."""
    return [*((rule.id, rule.target) for rule in rule_set.rules), ("", rule_set.fallback.target)]


def view_of(selector: rules_pb2.Rule | rules_pb2.Fallback) -> View:
    """How it looks at its pool."""
    limit = selector.max_open_contacts if isinstance(selector, rules_pb2.Rule) else 0
    return selector.strategy or ROUND_ROBIN, selector.online_only, limit


def views_of(rule_set: rules_pb2.RuleSet) -> dict[tuple[str, ...], list[View]]:
    """How the enabled rules look at each pool, and the fallback if it can apply; each way once, in their order."""
    views: dict[tuple[str, ...], list[View]] = {}
    fallback = [rule_set.fallback] if rule_set.fallback.enabled and rule_set.rules else []
    enabled = [rule for rule in rule_set.rules if not rule.disabled and not rule.target.nobody]
    for selector in [*enabled, *fallback]:
        ways = views.setdefault(pool_of(selector.target), [])
        if view_of(selector) not in ways:
            ways.append(view_of(selector))
    return views


def pool_of(target: rules_pb2.Target) -> tuple[str, ...]:
    """What makes two rules share a rotation: everyone, the team, or the same list in the same order."""
    match target.WhichOneof("to"):
        case "team_id":
            return ("team", target.team_id)
        case "agents":
            return ("agents", *target.agents.agent_ids)
        case _:
            return ("everyone",)


def members(target: rules_pb2.Target, roster: roster_service_pb2.Roster) -> list[roster_service_pb2.Agent]:
    """The pool's agents in its order; who is not in the roster is in no pool."""
    known = {agent.id: agent for agent in roster.agents}
    match target.WhichOneof("to"):
        case "team_id":
            ids = next((team.agent_ids for team in roster.teams if team.id == target.team_id), ())
        case "agents":
            ids = target.agents.agent_ids
        case _:
            ids = known
    return [known[one] for one in ids if one in known]

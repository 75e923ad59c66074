"""Messages of the contract from short Python, so that a test reads like a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1 import contact_pb2, decision_pb2, roster_service_pb2, rules_pb2
from google.protobuf.struct_pb2 import ListValue, Struct, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CREATED = contact_pb2.EVENT_TYPE_CONTACT_CREATED
UPDATED = contact_pb2.EVENT_TYPE_TRAIT_OR_TAG_UPDATED
OPENED = contact_pb2.EVENT_TYPE_CONVERSATION_OPENED

BY_CONTACT = contact_pb2.OPENED_BY_CONTACT
BY_AGENT = contact_pb2.OPENED_BY_AGENT
BY_AUTOMATION = contact_pb2.OPENED_BY_AUTOMATION

ASSIGNED = decision_pb2.OUTCOME_ASSIGNED
ALREADY_ASSIGNED = decision_pb2.OUTCOME_ALREADY_ASSIGNED
NO_AGENT_AVAILABLE = decision_pb2.OUTCOME_NO_AGENT_AVAILABLE
LEFT_UNASSIGNED = decision_pb2.OUTCOME_LEFT_UNASSIGNED
NO_RULE_MATCHED = decision_pb2.OUTCOME_NO_RULE_MATCHED

ON_NEW_WHATSAPP = rules_pb2.RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM
ON_UPDATE = rules_pb2.RULE_TRIGGER_TRAIT_OR_TAG_UPDATED
ON_OPENED = rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED
ON_OPENED_BY_ANYONE = rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED_BY_ANYONE
ON_CREATED = rules_pb2.RULE_TRIGGER_CONTACT_CREATED

ROUND_ROBIN = rules_pb2.STRATEGY_ROUND_ROBIN
LEAST_OPEN_CONTACTS = rules_pb2.STRATEGY_LEAST_OPEN_CONTACTS
LONGEST_IDLE = rules_pb2.STRATEGY_LONGEST_IDLE

ONLINE = roster_service_pb2.PRESENCE_ONLINE
BUSY = roster_service_pb2.PRESENCE_BUSY
OFFLINE = roster_service_pb2.PRESENCE_OFFLINE

WHATSAPP = "whatsapp_dm"
EVERYONE = rules_pb2.Target(everyone=True)
NOBODY = rules_pb2.Target(nobody=True)


def value(plain: Any) -> Value:
    """A protobuf value from None, a bool, a number, a text, a list or a dict."""
    match plain:
        case None:
            return Value(null_value=0)
        case bool():
            return Value(bool_value=plain)
        case int() | float():
            return Value(number_value=plain)
        case str():
            return Value(string_value=plain)
        case list() | tuple():
            return Value(list_value=ListValue(values=[value(item) for item in plain]))
        case _:
            return Value(struct_value=Struct(fields={key: value(item) for key, item in plain.items()}))


def contact(
    contact_id: str,
    *,
    source: str = WHATSAPP,
    channel: str = "whatsapp",
    owner: str = "",
    tags: Iterable[str] = (),
    traits: Mapping[str, Any] | None = None,
) -> contact_pb2.Contact:
    """A contact; by default one that came in through WhatsApp, without tags and traits."""
    return contact_pb2.Contact(
        id=contact_id,
        source=source,
        channel=channel,
        owner_id=owner,
        tags=tags,
        traits={key: value(item) for key, item in (traits or {}).items()},
    )


def agent(agent_id: str, **fields: Any) -> roster_service_pb2.Agent:
    """An agent; fields are the message's own: name, disabled, weight, max_open_contacts."""
    return roster_service_pb2.Agent(id=agent_id, **fields)


def roster(*agents: str | roster_service_pb2.Agent, **teams: Iterable[str]) -> roster_service_pb2.Roster:
    """A roster of agents (plain ids or messages) and teams: `roster("ann", "bob", sales=["ann"])`."""
    return roster_service_pb2.Roster(
        agents=[agent(one) if isinstance(one, str) else one for one in agents],
        teams=[roster_service_pb2.Team(id=name, agent_ids=members) for name, members in teams.items()],
    )


def agents(*ids: str) -> rules_pb2.Target:
    """The target of a rule's own list of agents, in this order."""
    return rules_pb2.Target(agents=rules_pb2.AgentList(agent_ids=ids))


def team(team_id: str) -> rules_pb2.Target:
    """The target of a team."""
    return rules_pb2.Target(team_id=team_id)


def rule(
    rule_id: str,
    *,
    on: rules_pb2.RuleTrigger = ON_NEW_WHATSAPP,
    when: rules_pb2.Condition | None = None,
    to: rules_pb2.Target = EVERYONE,
    **fields: Any,
) -> rules_pb2.Rule:
    """A rule: on TRIGGER, when CONDITION, to TARGET; other fields are the message's own."""
    return rules_pb2.Rule(id=rule_id, trigger=on, condition=when, target=to, **fields)


def fallback(*, enabled: bool = True, to: rules_pb2.Target | None = None, **fields: Any) -> rules_pb2.Fallback:
    """The load balancer; without a target it is for everyone."""
    return rules_pb2.Fallback(enabled=enabled, target=to, **fields)


def tag(**lists: Iterable[str]) -> rules_pb2.Condition:
    """A test on tags: `tag(any_of=["vip"], none_of=["test"])`."""
    return rules_pb2.Condition(tag=rules_pb2.TagCondition(**lists))


def trait(key: str, operator: str, *values: Any) -> rules_pb2.Condition:
    """A test on a trait: `trait("budget", "GREATER", 5000)`."""
    return rules_pb2.Condition(
        trait=rules_pb2.TraitCondition(
            key=key,
            operator=rules_pb2.TraitOperator.Value(f"TRAIT_OPERATOR_{operator}"),
            values=[value(one) for one in values],
        )
    )


def source(*any_of: str) -> rules_pb2.Condition:
    """A test on the source."""
    return rules_pb2.Condition(source=rules_pb2.SourceCondition(any_of=any_of))


def channel(*any_of: str) -> rules_pb2.Condition:
    """A test on the channel."""
    return rules_pb2.Condition(channel=rules_pb2.ChannelCondition(any_of=any_of))


def expression(text: str) -> rules_pb2.Condition:
    """A Common Expression Language text."""
    return rules_pb2.Condition(expression=text)


def all_of(*conditions: rules_pb2.Condition) -> rules_pb2.Condition:
    """Every one holds."""
    return rules_pb2.Condition(all=rules_pb2.ConditionList(conditions=conditions))


def any_of(*conditions: rules_pb2.Condition) -> rules_pb2.Condition:
    """At least one holds."""
    return rules_pb2.Condition(any=rules_pb2.ConditionList(conditions=conditions))


def none_of(*conditions: rules_pb2.Condition) -> rules_pb2.Condition:
    """Not one holds."""
    return rules_pb2.Condition(none=rules_pb2.ConditionList(conditions=conditions))

"""Rules: checked when they are configured, compiled once a revision, and asked for every event. No I/O.

checks/ tells whether rules and rosters are right, and what of them is probably not meant; matching/ tells which rule
takes a contact. Both read what stands below them, once each: conditions/ has a module for each kind of condition and a
row for each operator, triggers.py a row for each trigger, and fields/ the limits and problems of single fields.
"""

from service.rules.checks.roster import validate_agents, validate_roster, validate_teams
from service.rules.checks.rule_set import validate_rule_set
from service.rules.checks.warnings import warnings_of
from service.rules.choices import Choice, View, choices_of
from service.rules.conditions.cel_runtime import ExpressionError, compiling_once
from service.rules.fields.identifiers import id_problem, identifier_problem, is_blank, is_id, is_identifier, quoted
from service.rules.fields.listing import listed
from service.rules.fields.violations import Violation, Violations, json_path
from service.rules.layout import (
    EMPTY,
    Layout,
    PlacedAgent,
    PlacedTeam,
    RosterWrites,
    layout_of,
    with_agents,
    with_teams,
    writes_between,
)
from service.rules.matching.matcher import CompiledRules, Selection
from service.rules.matching.prepared import dump, is_readable, load, prepare
from service.rules.matching.reply import AGENT_NAME_MARK, Reply
from service.rules.plan import Change, plan_agents, plan_change, plan_teams
from service.rules.pools import EVERYONE, list_names, pool_of

__all__ = [
    "AGENT_NAME_MARK",
    "EMPTY",
    "EVERYONE",
    "Change",
    "Choice",
    "CompiledRules",
    "ExpressionError",
    "Layout",
    "PlacedAgent",
    "PlacedTeam",
    "Reply",
    "RosterWrites",
    "Selection",
    "View",
    "Violation",
    "Violations",
    "choices_of",
    "compiling_once",
    "dump",
    "id_problem",
    "identifier_problem",
    "is_blank",
    "is_id",
    "is_identifier",
    "is_readable",
    "json_path",
    "layout_of",
    "list_names",
    "listed",
    "load",
    "plan_agents",
    "plan_change",
    "plan_teams",
    "pool_of",
    "prepare",
    "quoted",
    "validate_agents",
    "validate_roster",
    "validate_rule_set",
    "validate_teams",
    "warnings_of",
    "with_agents",
    "with_teams",
    "writes_between",
]

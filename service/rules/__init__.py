"""Rules: checked, compiled once per revision to a matcher, and asked for every event. Knows no transport, no store."""

from service.rules.checks.roster import validate_roster
from service.rules.checks.rule_set import validate_rule_set
from service.rules.checks.warnings import warnings_of
from service.rules.fields.identifiers import identifier_problem, is_identifier, quoted
from service.rules.fields.listing import listed
from service.rules.fields.violations import Violation, Violations
from service.rules.matching.expressions import ExpressionError
from service.rules.matching.matcher import CompiledRules, Selection
from service.rules.matching.prepared import dump, is_readable, load, prepare
from service.rules.matching.reply import AGENT_NAME_MARK, Reply
from service.rules.plan import plan_change
from service.rules.pools import EVERYONE, pool_of

__all__ = [
    "AGENT_NAME_MARK",
    "EVERYONE",
    "CompiledRules",
    "ExpressionError",
    "Reply",
    "Selection",
    "Violation",
    "Violations",
    "dump",
    "identifier_problem",
    "is_identifier",
    "is_readable",
    "listed",
    "load",
    "plan_change",
    "pool_of",
    "prepare",
    "quoted",
    "validate_roster",
    "validate_rule_set",
    "warnings_of",
]

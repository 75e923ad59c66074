"""Rules: checked, compiled once per revision to a matcher, and asked for every event. Knows no transport, no store."""

from service.rules.advice import warnings_of
from service.rules.expressions import ExpressionError
from service.rules.identifiers import identifier_problem, is_identifier, quoted
from service.rules.matcher import CompiledRules, Selection
from service.rules.plan import plan_change
from service.rules.pools import EVERYONE, pool_of
from service.rules.prepared import dump, is_readable, load, prepare
from service.rules.reply import AGENT_NAME_MARK, Reply
from service.rules.roster_checks import validate_roster
from service.rules.validation import validate_rule_set
from service.rules.violations import Violation, Violations

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
    "load",
    "plan_change",
    "pool_of",
    "prepare",
    "quoted",
    "validate_roster",
    "validate_rule_set",
    "warnings_of",
]

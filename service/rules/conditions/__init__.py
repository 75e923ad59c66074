"""Conditions: one module for each kind, with everything about it. No I/O.

A kind is a record of four functions (`kinds.Kind`). The checks of a rule set ask it whether a condition is right, and
matching has it prepared when it is configured, compiled when an event comes to it, and asks what a contact needs for it
to hold. To add a kind, add its module and its line here. Operators of traits are the rows of `operators.OPERATORS`.
"""

from service.rules.conditions import channel, expression, nested, source, tag, trait
from service.rules.conditions.kinds import KINDS

KINDS.update(
    {
        "all": nested.ALL,
        "any": nested.ANY,
        "none": nested.NONE,
        "tag": tag.KIND,
        "trait": trait.KIND,
        "source": source.KIND,
        "channel": channel.KIND,
        "expression": expression.KIND,
    }
)

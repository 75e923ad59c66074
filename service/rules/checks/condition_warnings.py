"""Warnings about conditions: values that no trait meets, and expressions that are false in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenhand.v1.assignment_service_pb2 import Warning as Advice

from service.rules.conditions.cel_advice import advice_on
from service.rules.conditions.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenhand.v1 import rules_pb2 as pb

BLANK_VALUE: Final = "BLANK_VALUE"
"""A trait condition that asks for blank text, which is not set and so equals nothing."""
UNGUARDED_TRAIT: Final = "UNGUARDED_TRAIT"
"""An expression that asks for a trait and does not say what holds where it is missing, or of another kind."""

_LISTS: Final = frozenset({"all", "any", "none"})


def condition_warnings(condition: pb.Condition, path: str) -> Iterator[Advice]:
    """Yield warnings about a condition that has passed the check, and about all those under it.

    Args:
        condition: the condition.
        path: of the condition.
    """
    kind = condition.WhichOneof("kind")
    if kind in _LISTS:
        for index, each in enumerate(getattr(condition, kind).conditions):
            yield from condition_warnings(each, f"{path}.{kind}.conditions[{index}]")
    elif kind == "expression":
        advice = advice_on(condition.expression)
        if advice:
            yield Advice(field=f"{path}.expression", reason=UNGUARDED_TRAIT, message=f"{'. '.join(advice)}.")
    elif kind == "trait":
        yield from _of_trait(condition.trait, f"{path}.trait")


def _of_trait(condition: pb.TraitCondition, path: str) -> Iterator[Advice]:
    for index, value in enumerate(condition.values):
        if value.WhichOneof("kind") == "string_value" and not fold(value.string_value):
            message = "Equals no trait, since blank text is not set; test with TRAIT_OPERATOR_NOT_EXISTS or EXISTS."
            yield Advice(field=f"{path}.values[{index}]", reason=BLANK_VALUE, message=message)

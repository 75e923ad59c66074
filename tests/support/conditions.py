"""What a condition means, in plain Python, written without a look at the service."""

from __future__ import annotations

import operator
import re
import unicodedata
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from evenhand.v1 import rules_pb2

from tests.support.amounts import amount

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenhand.v1 import contact_pb2
    from google.protobuf.struct_pb2 import Value

TRUE_WHEN_MISSING = {"NOT_EXISTS", "NOT_EQUALS", "NOT_IN"}
PARTS = {"CONTAINS": str.__contains__, "STARTS_WITH": str.startswith, "ENDS_WITH": str.endswith}
ORDERINGS = {
    "LESS": operator.lt,
    "LESS_OR_EQUAL": operator.le,
    "GREATER": operator.gt,
    "GREATER_OR_EQUAL": operator.ge,
}


def holds(  # noqa: PLR0911  # a table of kinds
    condition: rules_pb2.Condition, contact: contact_pb2.Contact, updated_keys: Collection[str]
) -> bool:
    """Whether the condition holds for this contact; none at all always does (an expression is not modeled)."""

    def inner(conditions: rules_pb2.ConditionList) -> list[bool]:
        return [holds(one, contact, updated_keys) for one in conditions.conditions]

    match condition.WhichOneof("kind"):
        case None:
            return True
        case "all":
            return all(inner(condition.all))
        case "any":
            return any(inner(condition.any))
        case "none":
            return not any(inner(condition.none))
        case "tag":
            return _tag_holds(condition.tag, {fold(one) for one in contact.tags}, {fold(one) for one in updated_keys})
        case "source":
            return fold(contact.source) in {fold(one) for one in condition.source.any_of}
        case "channel":
            return fold(contact.channel) in {fold(one) for one in condition.channel.any_of}
        case "trait":
            return _trait_holds(condition.trait, contact, updated_keys)
        case kind:
            raise NotImplementedError(kind)


def fold(text: str) -> str:
    """Text compares without regard to case, space, Unicode form, the dot of an i, shapes, and what shows nothing."""
    plain = "".join(_plain_character(one) for one in text)
    cased = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", plain).casefold())
    folded = re.sub(
        r"\s+", " ", "".join(map(_plain_character, cased)).replace("i\u0307", "i").replace("\u0131", "i")
    ).strip()
    return "" if set(folded) <= set(" \u115f\u1160\u2800") else folded


def _plain_character(character: str) -> str:
    if character in "\u2018\u2019\u201a\u201b`\u00b4\u02bc":
        return "'"
    if character in "\u201c\u201d\u201e\u00ab\u00bb":
        return '"'
    if unicodedata.name(character, "").startswith("VARIATION SELECTOR") or character in "\u00ad\u200b\u200e\ufeff":
        return ""
    return "-" if character in "\u2010\u2011\u2012\u2013\u2014\u2212" else character


def _tag_holds(test: rules_pb2.TagCondition, tags: set[str], updated: set[str]) -> bool:
    lists = (test.any_of, test.all_of, test.none_of, test.changed_any_of)
    any_of, all_of, none_of, changed = ({fold(one) for one in some} for some in lists)
    just_added = not changed or bool(changed & tags & updated)
    return (not any_of or bool(any_of & tags)) and all_of <= tags and not none_of & tags and just_added


def _trait_holds(test: rules_pb2.TraitCondition, contact: contact_pb2.Contact, updated_keys: Collection[str]) -> bool:
    name = rules_pb2.TraitOperator.Name(test.operator).removeprefix("TRAIT_OPERATOR_")
    trait = plain(contact.traits[test.key]) if test.key in contact.traits else None
    if _is_blank(trait):
        return name in TRUE_WHEN_MISSING
    wanted = [plain(one) for one in test.values]
    elements = [one for one in trait if not _is_blank(one)] if isinstance(trait, list) else [trait]
    match name:
        case "EXISTS" | "NOT_EXISTS":
            return name == "EXISTS"
        case "CHANGED":
            return test.key in updated_keys
        case "EQUALS" | "IN" | "NOT_EQUALS" | "NOT_IN":
            return any(_equal(element, one) for element in elements for one in wanted) != name.startswith("NOT")
        case "CONTAINS" | "STARTS_WITH" | "ENDS_WITH":
            equal = name == "CONTAINS" and isinstance(trait, list) and any(_equal(one, wanted[0]) for one in elements)
            return equal or any(_has_part(element, wanted[0], PARTS[name]) for element in elements)
        case _:
            return any(_ordered(element, wanted[0], ORDERINGS[name]) for element in elements)


def _is_blank(value: Any) -> bool:
    """Null, blank text, an empty object, a list of nothing else: as good as missing."""
    if isinstance(value, list):
        return all(one == [] or (not isinstance(one, list) and _is_blank(one)) for one in value)
    return value is None or value == {} or (isinstance(value, str) and not fold(value))


def plain(value: Value) -> Any:
    """None, a bool, a float, a str, a list of these, or a dict."""
    match value.WhichOneof("kind"):
        case None | "null_value":
            return None
        case "list_value":
            return [plain(one) for one in value.list_value.values]
        case "struct_value":
            return {key: plain(one) for key, one in value.struct_value.fields.items()}
        case kind:
            return getattr(value, kind)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return amount(value)
    return value if isinstance(value, float) else None


def _text(value: Any) -> str | None:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else str(value)
    return fold(value) if isinstance(value, str) else None


def _equal(trait: Any, value: Any) -> bool:
    """What the rule writes decides: a number asks for numbers, a text or a boolean for texts."""
    if isinstance(value, float):
        return _number(trait) == value
    if isinstance(trait, float) and not isfinite(trait):
        return False
    words = [str(one).lower() if isinstance(one, bool) else _text(one) for one in (trait, value)]
    return words[0] is not None and words[0] == words[1]


def _has_part(trait: Any, value: Any, test: Any) -> bool:
    whole, part = _text(trait), _text(value)
    return whole is not None and part is not None and test(whole, part)


def _ordered(trait: Any, value: Any, compare: Any) -> bool:
    """Numbers compare with numbers, times with times."""
    left, right = _number(trait), _number(value)
    if right is None:
        left, right = (_time(one) if isinstance(one, str) else None for one in (trait, value))
    return left is not None and right is not None and compare(left, right)


def _time(text: str) -> float | None:
    plain = "".join(_plain_character(one) for one in unicodedata.normalize("NFKC", text)).strip()
    if not re.match("[0-9]{4}-", plain):
        return None
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

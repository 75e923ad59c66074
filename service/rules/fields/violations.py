"""Violations: the wrong fields of a request, by path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_KEY_OR_WORD: Final = re.compile(r"""\[(['"]).*\1\]|_([a-z0-9])""")


@dataclass(frozen=True, slots=True)
class Violation:
    """One wrong field.

    Attributes:
        field: path of the field by its proto names, such as `rule_set.rules[3].condition.trait.operator`.
        description: the fault and the remedy, for people; reads on from the field's name.
    """

    field: str
    description: str


def json_path(field: str) -> str:
    """Return the path of a field by its names in JSON, such as `rules[3].onlineOnly`; keys stay as they are."""
    return _KEY_OR_WORD.sub(lambda found: found[2].upper() if found[2] else found[0], field)


class Violations(list[Violation]):
    """The violations found so far, in the order of the fields."""

    def add(self, field: str, description: str) -> None:
        """Note one more."""
        self.append(Violation(field, description))

    def add_if(self, field: str, description: str | None) -> None:
        """Note one more, if there is a description of it."""
        if description is not None:
            self.append(Violation(field, description))

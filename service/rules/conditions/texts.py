"""Lists of texts, such as tags and sources: checked and folded alike."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from service.rules.conditions.folding import fold
from service.rules.fields.identifiers import identifier_problem, quoted
from service.rules.fields.limits import MAX_CONDITION_ITEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.rules.fields.violations import Violations


def check_texts(texts: Sequence[str], path: str, what: str, found: Violations) -> None:
    """Note a list that is empty or too long, and every bad text in it.

    Args:
        texts: the list.
        path: of the list.
        what: one of them is called so.
        found: takes the violations.
    """
    if not texts:
        found.add(path, f"is empty; give 1 to {MAX_CONDITION_ITEMS} {what}s")
    elif len(texts) > MAX_CONDITION_ITEMS:
        found.add(path, f"has {len(texts)} {what}s; at most {MAX_CONDITION_ITEMS} are allowed in one list")
    for index, text in enumerate(islice(texts, MAX_CONDITION_ITEMS)):
        found.add_if(f"{path}[{index}]", seen_problem(text))


def seen_problem(text: str) -> str | None:
    """Say what is wrong with a tag, key, source or channel of a condition; None if nothing is."""
    problem = identifier_problem(text)
    if problem is None and not fold(text):
        problem = f"{quoted(text)} is blank, as what is left out is; write what a reader sees"
    return problem


def folded(texts: Sequence[str]) -> list[str]:
    """Fold each text of a message's field."""
    return list(map(fold, texts[:]))  # a slice is copied at once; iterating over the field takes twice as long

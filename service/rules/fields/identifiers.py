"""Identifiers, among them ids: what one looks like, and how a bad one is described.

Ids, tags, trait keys and sources are identifiers. Of these only ids are more: they are not blank, and neither begin nor
end with space, so that nobody is there twice to a reader.
"""

from __future__ import annotations

import re
from typing import Final

from service.rules.fields.limits import MAX_ID_CHARACTERS
from service.rules.fields.marks import BLANK, MARKS, SPACES, characters_of

# All that is refused: control characters, separators of lines and paragraphs, and lone surrogates. Python's own idea of
# what is printable knows neither the spaces of other scripts, nor marks of direction, nor what Unicode has added since.
CONTROLS: Final = "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_REFUSED = re.compile(f"[{CONTROLS}]")
# What would not be seen in a message, or would turn it around; a symbol's variation selector is part of it.
_ESCAPED = re.compile(f"[{CONTROLS}{MARKS}]")
_ESCAPED_IF_BLANK = re.compile(f"(?! )[{CONTROLS}{BLANK}]")
_SPACE = characters_of(SPACES)
_SEEN = re.compile(rf"[^\s{BLANK}]")

_QUOTED_CHARACTERS = 40
FAULT = "contains a control character or a line separator; remove it"
"""What is wrong with a text that is not printable."""


def is_identifier(text: str) -> bool:
    """Tell whether `text` is 1 to 128 printable characters: the rule for tags, trait keys and sources, and of ids."""
    return 0 < len(text) <= MAX_ID_CHARACTERS and is_printable(text)


def is_printable(text: str) -> bool:
    """Tell whether `text` has neither control characters nor line separators."""
    return text.isprintable() or _REFUSED.search(text) is None


def is_id(text: str) -> bool:
    """Tell whether `text` is an identifier that is not blank, and neither begins nor ends with space."""
    return is_identifier(text) and not is_blank(text) and text.strip() == text


def is_blank(text: str) -> bool:
    """Tell whether there is nothing in `text` but white space and marks that show nothing."""
    return _SEEN.search(text) is None


def id_problem(text: str, *, spaced: bool = False) -> str | None:
    """Say what keeps `text` from being an id and what would be right; None if nothing does.

    Args:
        text: the id.
        spaced: whether it may begin or end with space.
    """
    if text and is_blank(text):
        return f"{quoted(text)} is blank; an id is seen"
    problem = identifier_problem(text)
    if problem is None and not spaced and (bare := text.strip()) != text:
        problem = f"{quoted(text)} begins or ends with space; write {quoted(bare)}"
    return problem


def identifier_problem(text: str) -> str | None:
    """Say what keeps `text` from being an identifier and what would be right; None if nothing does."""
    if is_identifier(text):
        return None
    if not text:
        return f"is missing; it needs 1 to {MAX_ID_CHARACTERS} printable characters"
    if len(text) > MAX_ID_CHARACTERS:
        return f"{quoted(text)} has {len(text)} characters; at most {MAX_ID_CHARACTERS} are allowed"
    return f"{quoted(text)} {FAULT}"


def quoted(text: str) -> str:
    """Put `text` in quotes for a message: shortened to 40 characters, those escaped that nobody would see."""
    shown = text if len(text) <= _QUOTED_CHARACTERS else text[: _QUOTED_CHARACTERS - 1] + "…"
    escaped = _ESCAPED_IF_BLANK if is_blank(text) else _ESCAPED
    return '"' + escaped.sub(lambda found: f"\\u{ord(found[0]):04x}", shown) + '"'

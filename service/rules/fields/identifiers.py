"""Ids: what one looks like, and how a bad one is described."""

from __future__ import annotations

from service.rules.fields.limits import MAX_ID_CHARACTERS

# Zero-width joiners are no print characters to Unicode, yet Persian, Malayalam and many emoji are not written without.
_JOINERS = dict.fromkeys((0x200C, 0x200D))

_QUOTED_CHARACTERS = 40


def is_identifier(text: str) -> bool:
    """Tell whether `text` is 1 to 128 printable characters: the rule for ids, tags, trait keys and sources alike."""
    return 0 < len(text) <= MAX_ID_CHARACTERS and is_printable(text)


def is_printable(text: str) -> bool:
    """Tell whether `text` has nothing but printable characters, and joiners between them."""
    if text.isprintable():
        return True
    visible = text.translate(_JOINERS)
    return bool(visible) and visible.isprintable()


def identifier_problem(text: str) -> str | None:
    """Say what keeps `text` from being an identifier and what would be right; None if nothing does."""
    if is_identifier(text):
        return None
    if not text:
        return f"is missing; it needs 1 to {MAX_ID_CHARACTERS} printable characters"
    if len(text) > MAX_ID_CHARACTERS:
        return f"{quoted(text)} has {len(text)} characters; at most {MAX_ID_CHARACTERS} are allowed"
    return f"{quoted(text)} contains a character that cannot be printed; remove it"


def quoted(text: str) -> str:
    """Put `text` in quotes for a message: shortened to 40 characters, unprintable ones escaped."""
    shown = text if len(text) <= _QUOTED_CHARACTERS else text[: _QUOTED_CHARACTERS - 1] + "…"
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown) + '"'

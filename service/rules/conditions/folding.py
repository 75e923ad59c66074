"""Folding: the form in which texts compare, so that what a reader takes for the same text is the same.

Case, surrounding and repeated space, Unicode form (NFKC), the shape of apostrophes, quotes and dashes, and characters
that show nothing make no difference; accents do (deploy/adr/0006, "Conditions").
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from unicodedata import combining, normalize

from service.rules.fields.identifiers import is_blank
from service.rules.fields.marks import DASHES, WITHOUT_UNSEEN

_APOSTROPHES = "`\u00b4\u02b9\u02bb\u02bc\u02bd\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u275b\u275c\uff07\uff40"
_QUOTES = (
    "\u00ab\u00bb\u02ba\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u300c\u300d\u300e\u300f\u301d\u301e\u301f\uff02"
)

_SHAPES: Final = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_QUOTES, '"') | dict.fromkeys(DASHES, "-") | WITHOUT_UNSEEN
)
# Turkish has two letters i, and the capital of one is that of the other elsewhere. Case makes no difference, so neither
# does the dot, which lower case leaves as a mark of its own.
_DOT = "i\u0307"
_DOTLESS = "\u0131"
# Marks on one letter are put in order in quadratic time; up to this many characters that is nothing.
_FEW_CHARACTERS = 256
# No script has more marks on a letter; Unicode's stream-safe format allows 30.
_MOST_MARKS = 30


def fold(text: str) -> str:
    """Bring a text into the form in which texts compare; what is blank is empty then."""
    folded = text.strip().casefold()
    # Nearly every text is plain ASCII, with nothing more to do.
    if folded.isascii() and folded.isprintable() and "  " not in folded and "`" not in folded:
        return folded
    # Shapes are set before compatibility forms, which make a space and an accent of some, and after them, since they
    # make some; and accents are apart while case is folded, which orders those of Greek otherwise.
    if len(text) > _FEW_CHARACTERS and _has_too_many_marks(shaped := text.translate(_SHAPES)):
        shaped = shaped.casefold()
    else:
        shaped = normalize("NFKD", normalize("NFC", text).translate(_SHAPES)).casefold()
        shaped = normalize("NFKC", shaped).translate(_SHAPES).replace(_DOT, "i").replace(_DOTLESS, "i")
    folded = " ".join(shaped.split())
    return "" if is_blank(folded) else folded


fold_name: Final = lru_cache(maxsize=4096)(fold)
"""Fold a tag, source or channel: they are short, and few in number, and every contact has some."""


def _has_too_many_marks(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if combining(character) else 0
        if run > _MOST_MARKS:
            return True
    return False

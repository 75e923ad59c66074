"""What libyaml does not read as YAML 1.2 and JSON do, hidden from it: each character has another one stand in for it.

JSON writes an emoji as a pair of escapes, which libyaml refuses; and it takes U+2028 and others for ends of lines, as
YAML 1.1 does, so that within quotes they would become spaces.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Final

_PAIR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\(u[dD][89abAB][0-9a-fA-F]{2})\\(u[dD][c-fC-F][0-9a-fA-F]{2})")
"""A pair of escapes that are one character, behind an even number of backslashes: those stand for themselves."""
_NO_ENDS: Final = "\x85\u2028\u2029"
_PRIVATE: Final = range(0xE000, 0xF900), range(0x10000, 0x110000)  # of these, private or not, some are in no text


class StandIns:
    """A text for libyaml, with as many characters in each line, and the way back.

    Args:
        text: as it is written.

    Attributes:
        text: as libyaml is to read it; the same if there is nothing to hide.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._back: dict[int, str] = {}
        self._pair: re.Pattern[str] | None = None
        hidden = [end for end in _NO_ENDS if end in text]
        pairs = "\\ud" in text or "\\uD" in text
        if not hidden and not pairs:
            return
        used = set(text)
        free = (chr(code) for code in chain(*_PRIVATE) if chr(code) not in used)
        for end in hidden:
            stand_in = next(free)
            self._back[ord(stand_in)] = end
            self.text = self.text.replace(end, stand_in)
        if pairs:
            stand_in = next(free)
            self._back[ord(stand_in)] = "\\"
            self._pair = re.compile(f"{stand_in}u(....){stand_in}u(....)")
            self.text = _PAIR.sub(rf"\1{stand_in}\2{stand_in}\3", self.text)

    def __bool__(self) -> bool:
        """Tell whether anything is hidden."""
        return bool(self._back)

    def restored(self, value: str, *, in_double_quotes: bool) -> str:
        """Return the value of a text as it would be without stand-ins; escapes are such only in double quotes."""
        if in_double_quotes and self._pair:
            value = self._pair.sub(lambda pair: _character(pair[1], pair[2]), value)
        return value.translate(self._back)


def _character(high: str, low: str) -> str:
    return bytes.fromhex(high + low).decode("utf-16-be")

"""Regular expressions: how large a program the library makes of one, which it does anew in each evaluation.

Measured: an instruction takes about a microsecond to make, and up to four nanoseconds for each byte of the text, since
a program that is too large for an automaton is run state by state. A class of Unicode takes a thousand instructions.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ITEM = re.compile(
    r"""
      (?P<repeat> [*+?] | \{(?P<least>[0-9]+)(?P<range>,(?P<most>[0-9]*))?\} )
    | (?P<open> \((?:\?[^:)]*[:>)])? )
    | (?P<close> \) )
    | (?P<quoted> \\Q (?:.*?\\E|.*) )
    | (?P<unicode> \\[pP](?:\{[^}]*\}|.) )
    | (?P<set> \[ \^? \]? (?: \\[pP]\{[^}]*\} | \\. | \[:[^\]]*:\] | [^\]\\] )* \] )
    | (?P<any> \. )
    | \\ x \{[^}]*\} | \\. | .
    """,
    re.VERBOSE | re.DOTALL,
)
_ONE: Final = 3  # a letter may take three bytes, or stand for three when case makes no difference
_ANY: Final = 12
_UNICODE: Final = 1500
_IN_UNICODE: Final = 30  # of those instructions, how many a byte is held against
_MAX_REPEATS: Final = 1_000  # as many are allowed by the library; more make it refuse the pattern


class Program(NamedTuple):
    """What the library makes of a pattern.

    Attributes:
        made: instructions in it.
        active: how many of them one byte of the text may be held against.
    """

    made: float
    active: float

    def __add__(self, other: tuple[float, ...]) -> Program:  # type: ignore[override]
        return Program(self.made + other[0], self.active + other[1])

    def times(self, count: int) -> Program:
        """Repeat it."""
        return Program(self.made * count, self.active * count)


_NOTHING: Final = Program(0, 0)


def program_of(pattern: str) -> Program:
    """Estimate the program of a pattern, which need not be a valid one."""
    groups = [(_NOTHING, _NOTHING)]  # of each group open here: what came before its last part, and that part
    for item in _ITEM.finditer(pattern):
        before, last = groups[-1]
        if item["open"]:
            groups.append((_NOTHING, _NOTHING))
        elif item["close"]:
            if len(groups) > 1:
                groups.pop()
                outer, part = groups[-1]
                groups[-1] = (outer + part, before + last + Program(2, 2))
        elif item["repeat"]:
            groups[-1] = (before, last.times(_times(item)) + Program(1, 1))
        else:
            groups[-1] = (before + last, _part(item))
    total = _NOTHING
    for before, last in groups:
        total = total + before + last
    return total


def _times(item: re.Match[str]) -> int:
    if item["least"] is None:
        return 1
    return max(1, min(_MAX_REPEATS, int(item["most"] or 0) or int(item["least"]) + 1))


def _part(item: re.Match[str]) -> Program:
    text = item[0]
    if item["unicode"]:
        return Program(_UNICODE, _IN_UNICODE)
    if item["any"]:
        return Program(_ANY, _ANY)
    if item["set"]:
        count = len(re.findall(r"\\[pP]", text))
        ascii_only = text.isascii() and not text.startswith("[^") and "\\" not in text
        size = _ONE + len(text) if ascii_only else _ANY + _ONE * 2 * len(text)
        return Program(size + _UNICODE * count, size + _IN_UNICODE * count)
    size = _ONE * len(text) if item["quoted"] else _ONE
    return Program(size, size)

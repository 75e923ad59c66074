"""Errors of expressions that do not compile, in words for people: with hints for those who know another language."""

from __future__ import annotations

import re
from typing import Final

TOO_DEEP: Final = "1:1: nested too deeply; split it into several conditions"

_ERROR: Final = re.compile(r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): (?P<message>[^\n]*)")
# "expecting {'[', '{', '(', ...}" names every token of the grammar; "(in container '')" means nothing to the reader.
_NOISE: Final = re.compile(r"^Syntax error: | expecting [{<].*$| \(in container ''\)| \[[A-Z_]+\]$")
_WRITE: Final = {
    "=": "to compare, write ==",
    "&": "write &&",
    "|": "write ||",
    "and": "write &&",
    "or": "write ||",
    "not": "write !",
    "is": "to compare, write ==",
    "<>": "write !=",
    **dict.fromkeys("\u2018\u2019\u201c\u201d", "write a text in ' or \""),
}
_WORD: Final = re.compile(r"[A-Za-z_]+|\W")
_WORD_BEFORE: Final = re.compile(r"([A-Za-z_]+|<)\s*\Z")
_SEARCH: Final = re.compile(
    r"""(?<![\w.]) (?P<list>[\w.]+) \s*\.\s* (?:contains|includes?|has)
    \s*\(\s* (?P<one>'[^']*'|"[^"]*"|[\w.]+) \s*\)""",
    re.VERBOSE,
)
_IN_A_LIST: Final = "to look for one of a list, write 'vip' in contact.tags"


def readable(error: str, text: str) -> str:
    """Bring an error of compiling into one short line: line:column, what is wrong, and what to write instead, if known.

    Args:
        error: the library's message.
        text: the expression.
    """
    first = _ERROR.search(error)
    if first is None:
        # Too deep is reported without a position; there is no other known case.
        return TOO_DEEP if "recursion" in error else "1:1: not valid"
    message = _NOISE.sub("", first["message"]).replace("mismatched input '<EOF>'", "it ends too early")
    shown = "".join(c if c.isprintable() else "?" for c in message)
    line, column = int(first["line"]), int(first["column"])
    hint = _hint_for(text, sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1, first["message"])
    return f"{line}:{column}: {shown}{hint and f'; {hint}'}"


def _hint_for(text: str, offset: int, message: str) -> str:
    """Say what to write instead of what stands at an offset, in characters; no text where that is not known."""
    if "'_==_' applied to '(list(string), string)'" in message:
        return _IN_A_LIST
    if "'contains' applied to '(list(" in message or re.search("undeclared reference to '(includes?|has)'", message):
        searches = (found for found in _SEARCH.finditer(text) if found.start() <= offset < found.end())
        return next((f"write {found['one']} in {found['list']}" for found in searches), _IN_A_LIST)
    if not message.startswith("Syntax error") and "'not'" not in message:
        return ""
    here, before = _WORD.match(text, offset), _WORD_BEFORE.search(text, 0, offset)
    word = here[0].lower() if here else ""
    earlier = before[1].lower() if before else ""
    if earlier + word == "<>":
        return _WRITE["<>"]
    if word in _WRITE:
        return _WRITE[word]
    return _WRITE["not"] if earlier == "not" else ""

"""Warnings about replies: placeholders that are none, and those that are probably meant otherwise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from unicodedata import category

from evenhand.v1.assignment_service_pb2 import Warning as Advice

from service.rules.fields.identifiers import quoted
from service.rules.fields.listing import listed
from service.rules.matching.reply import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN_PLACEHOLDER: Final = "UNKNOWN_PLACEHOLDER"
"""A reply with `$word`, `${...}`, `$(...)`, `$ contact.word` or `{{...}}` that is no placeholder, and so goes out as it
stands."""
DOUBTFUL_PLACEHOLDER: Final = "DOUBTFUL_PLACEHOLDER"
"""A placeholder that ends within a word, or whose key has space around it or what other products read as a default."""

# Up to white space or punctuation, but for ".", "-" and "_".
_REST = r"[^\s!-,/:-@\[-^`{-~]*"
_WORD = rf"\$[^\W\d]{_REST}"
_OURS = r"(?:contact|agent)\.(?=\w)"
_APART = rf"\$[^\S\n]+{_OURS}{_REST}"
_BRACED = r"\$[^\S\n]*\{(?:(?!\$\{)[^{}\n])*\}?"
_IN_PARENTHESES = rf"\$[^\S\n]*\([^\S\n]*{_OURS}[^()$\n]*\)?|(?<![A-Z])\$\([^\S\n]*[^\W\d][^()\n]*\)"
_DOUBLY_BRACED = r"(?:\$[^\S\n]*)?\{{2,}[^{}\n]*\}*"
# "$5" and "US$ 20" are no words, since no letter follows; "20 $US" would be one, and "20$(plus tax)" in parentheses.
_PRICE = rf"\d\s?\$(?:[A-Z]{{2,3}}\b(?!\.\w)|(?=\()(?!\([^\S\n]*{_OURS}))"
_ALIKE = re.compile(rf"{_PRICE}|(?P<alike>{_DOUBLY_BRACED}|{_BRACED}|{_IN_PARENTHESES}|{_APART}|{_WORD})")
_TAIL = re.compile(rf"[.-]?{_REST}")
# "name|there", "name:-there", "name ?? there" and "name, there".
_DEFAULT = re.compile(r"(?P<key>.*?)\s*(?:\||:-|\?\?|,).*", re.DOTALL)


def reply_warnings(reply: str, path: str) -> Iterator[Advice]:
    """Yield warnings about a reply.

    Args:
        reply: as configured.
        path: of the reply.
    """
    if "$" not in reply and "{{" not in reply:
        return
    unknown = _unknown(reply)
    if unknown:
        words = listed([quoted(word) for word in unknown])
        known = "Placeholders are ${contact.<key>}, with any key, ${agent.name}, $contact.<key> and $agent.name"
        is_open = any("{" in word and "}" not in word for word in unknown)
        message = f"Sent as it stands: {words}. {known}{'; close the brace' if is_open else ''}."
        yield Advice(field=path, reason=UNKNOWN_PLACEHOLDER, message=message)
    doubtful = _doubtful(reply)
    if doubtful:
        yield Advice(field=path, reason=DOUBTFUL_PLACEHOLDER, message=f"{listed(doubtful, clauses=True)}.")


def _unknown(reply: str) -> list[str]:
    """List what looks like a placeholder and is none, such as `$agnt.name`, each once."""
    # Each placeholder leaves something, so that what stands around it is not taken for one text.
    found = (match["alike"] for match in _ALIKE.finditer(PLACEHOLDER.sub("\n", reply)))
    return list(dict.fromkeys(word.rstrip(" .-") for word in found if word))


def _doubtful(reply: str) -> list[str]:
    """Say of each placeholder that is probably meant otherwise what happens, and what to write; of each once."""
    found = []
    for match in PLACEHOLDER.finditer(reply):
        placeholder, any_key = match[0], match["any_key"]
        tail = _tail(reply[match.end() :], is_key=match["key"] is not None)
        default = _DEFAULT.fullmatch(any_key) if any_key is not None else None
        if default and default["key"].strip():
            write = quoted(f"${{contact.{default['key'].strip()}}}")
            asks = f"{quoted(placeholder)} asks for the key {quoted(any_key)}, as there are no defaults"
            found.append(f"{asks}; if it is {quoted(default['key'].strip())}, write {write}")
        elif any_key is not None and any_key.strip() != any_key:
            write = quoted(f"${{contact.{any_key.strip()}}}")
            found.append(f"{quoted(placeholder)} asks for a key with space around it; if it has none, write {write}")
        elif tail and not placeholder.endswith("}"):
            name = placeholder.removeprefix("$")
            write = f"write {quoted(f'${{{name}}}{tail}')}"
            if match["key"] is not None:
                write += f", or {quoted(f'${{{name}{tail}}}')} if that is the key"
            found.append(f"{quoted(placeholder)} ends before {quoted(tail)}: {write}")
    return list(dict.fromkeys(found))


def _tail(text: str, *, is_key: bool) -> str:
    """Return how a word goes on with a letter, digit or mark of any script, also behind a dot; "" if it does not.

    Behind a hyphen, too, if it may belong to a key: `$agent.name-team` can only be the name.
    """
    first = text[1:2] if text[:1] == "." or (is_key and text[:1] == "-") else text[:1]
    if first != "_" and not (first and category(first)[0] in "LMN"):
        return ""
    found = _TAIL.match(text)
    return found[0].rstrip(".-") if found else ""

"""The Lua scripts, assembled: each by itself, and all as one library of functions.

A script is a file of `lua/` that returns a function of ARGV; what it takes and returns stands in its header. It names
the includes that it needs, and these name theirs. All share the constants of the contract and of `keys`, which are
written into the text where it names them, since Lua knows 200 local variables at most; and three variables: `root`,
which is KEYS[1]; `work`, which counts what a bounded run has done; and `call`, which is redis.call, looked up once a
run.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.v1.assignment_service_pb2 import OwnerAfter
from evenhand.v1.decision_pb2 import Outcome
from evenhand.v1.roster_service_pb2 import Presence

from service.redis_client.script import Library, Script
from service.store import keys, refusals
from service.store.values import Merging, Opens
from strategies import STRATEGIES, TURN

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDER = Path(__file__).with_name("lua")
_INCLUDE = re.compile(r'^--- @include "(\w+)"\n', re.MULTILINE)
_READONLY = "--- @readonly\n"
"""What stands in a script that changes nothing, which may then also run while Redis takes no writes."""


def _values(enum: type[OwnerAfter | Outcome | Presence], prefix: str) -> dict[str, str]:
    """Return the values of an enum of the contract as Lua writes them, by their names without this prefix."""
    return {name.removeprefix(prefix): str(number) for name, number in enum.items() if number}


_CONSTANTS = (
    keys.LUA_CONSTANTS
    | _values(Outcome, "OUTCOME_")
    | _values(Presence, "PRESENCE_")
    | _values(OwnerAfter, "")
    | {f"OPENS_{each.name}": f"'{each.value}'" for each in Opens}
    | {f"MERGING_{each.name}": str(each.value) for each in Merging}
)
_CONSTANT = re.compile(rf"\b(?:{'|'.join(_CONSTANTS)})\b")
_BEGINNING = refusals.LUA_VARIABLES + "local root, work, call\n"


@cache
def load(name: str) -> Script:
    """Return the script `lua/<name>.lua`."""
    text = _text(name)
    begin = "root, work, call = KEYS[1], 0, redis.call\n"
    alone = f"{_BEGINNING}{_includes(text)}{begin}return ({_function(text)})()(ARGV)\n".encode()
    return Script(name, alone, _digest(alone), f"{name}_{_library_digest()}".encode(), library())


@cache
def library() -> Library:
    """Return all scripts as one library, whose name and functions are of this version only."""
    name = f"evenhand_{_library_digest()}"
    return Library(name.encode(), f"#!lua name={name}\n{_shared()}{_functions(_library_digest())}".encode())


def _functions(version: str) -> str:
    """Return all scripts as functions whose names end with a version."""
    return "".join(
        f"""redis.register_function{{
function_name = '{script}_{version}',
flags = {{{"'no-writes'" if _READONLY in _text(script) else ""}}},
callback = (function()
local run = ({_function(_text(script))})()
return function(keys, args)
root, work, call = keys[1], 0, redis.call
return run(args)
end
end)()}}
"""
        for script in _names()
    )


def _names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.lua"))


def _text(name: str) -> str:
    return _CONSTANT.sub(lambda found: _CONSTANTS[found[0]], (_FOLDER / f"{name}.lua").read_text())


def _function(text: str) -> str:
    """Return a script as a function that makes it."""
    return f"function()\n{_INCLUDE.sub('', text)}end"


@cache
def _library_digest() -> str:
    """Return what tells this version's functions from those of another version on the same Redis: a digest of all."""
    return _digest((_shared() + _functions("")).encode()).decode()[:12]


def _shared() -> str:
    """Return what all scripts share: constants, and every include."""
    return _BEGINNING + _includes("".join(map(_text, _names())))


def _includes(text: str) -> str:
    """Return the includes that a text needs, each once, and after those that it needs itself."""
    included: dict[str, str] = {}
    _include(_INCLUDE.findall(text), included)
    return "".join(included.values())


def _include(names: Iterable[str], included: dict[str, str]) -> None:
    for name in names:
        if name not in included:
            text = _strategies() if name == "strategies" else _text(f"include/{name}")
            _include(_INCLUDE.findall(text), included)
            included[name] = _INCLUDE.sub("", text)


def _strategies() -> str:
    """Return the strategies as one table by number."""
    tables = "".join(
        f"STRATEGIES[{number}] = (function()\n{strategy.lua.read_text()}end)()\n"
        for number, strategy in STRATEGIES.items()
    )
    return f"local TURN = {TURN}\nlocal STRATEGIES = {{}}\n{tables}"


def _digest(text: bytes) -> bytes:
    """Return the digest under which Redis keeps a script."""
    return sha1(text, usedforsecurity=False).hexdigest().encode()

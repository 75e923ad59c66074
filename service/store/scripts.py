"""The Lua scripts, each behind a typed function.

A script is assembled from its file, the includes it names, the strategies' Lua and the constants of `keys`. What it
takes and returns stands in its header. Calls return Python values; who calls sees no Redis reply.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha1
from pathlib import Path

from service.redis_client.client import Script
from service.store import keys, refusals
from strategies import STRATEGIES, TURN

_FOLDER = Path(__file__).with_name("lua")
_INCLUDE = re.compile(r'^--- @include "(\w+)"$', re.MULTILINE)


@cache
def load(name: str) -> Script:
    """Return the script `lua/<name>.lua`, assembled."""
    text = (_FOLDER / f"{name}.lua").read_text()
    body = _INCLUDE.sub(lambda match: _included(match[1]), text)
    complete = (keys.LUA_CONSTANTS + refusals.LUA_CONSTANTS + body).encode()
    return Script(name, complete, sha1(complete, usedforsecurity=False).hexdigest().encode())


@cache
def _included(name: str) -> str:
    """Return the text for one include: a file, or the strategies as one table by number."""
    if name != "strategies":
        return (_FOLDER / "include" / f"{name}.lua").read_text()
    tables = "".join(
        f"STRATEGIES[{number}] = (function()\n{strategy.lua.read_text()}end)()\n"
        for number, strategy in STRATEGIES.items()
    )
    return f"local TURN = {TURN}\nlocal STRATEGIES = {{}}\n{tables}"

"""Why a script may do nothing and say so: the one list that Lua and Python share.

A script that refuses replies with the error `REFUSED <name>`, and has changed nothing, if it does not
say otherwise below.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from redis import ResponseError

_CODE = "REFUSED"


class Refusal(StrEnum):
    """What has to be done before the script is run again."""

    STALE_RULES = "STALE_RULES"  # prepare what is asked anew: the rules have another revision by now
    DUE_LEASES = "DUE_LEASES"  # make those OFFLINE whose presence lease has ended
    HALF_BUILT = "HALF_BUILT"  # complete a new configuration
    UNFOLDED_ROSTER = "UNFOLDED_ROSTER"  # index the roster by folded ids: the index is lost, or none was written
    LOST_NUMBERS = "LOST_NUMBERS"  # put back the numbers of agents
    CHECK_VIEWS = "CHECK_VIEWS"  # see whether views are lost, and put them back: nobody is in the one that is asked for
    STATE_LOST = "STATE_LOST"  # nothing can be: the workspace's hash is gone
    OLD_STATE = "OLD_STATE"  # nothing can be: an older version kept it in a form that would be misread


def refusal_in(reply: Any) -> Refusal | None:
    """Return why the script refused that replied this; None if it did not."""
    if isinstance(reply, ResponseError):
        code, _, name = str(reply).partition(" ")
        if code == _CODE:
            return Refusal(name)
    return None


LUA_VARIABLES = "".join(f"local {each.name} = {{err = '{_CODE} {each.value}'}}\n" for each in Refusal)
"""The refusals as Lua variables, put before every script: `return STALE_RULES`."""

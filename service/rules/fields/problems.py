"""Problems of the fields that rule sets and rosters share."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Protocol

from service.rules.fields.identifiers import FAULT, id_problem, is_printable, quoted
from service.rules.fields.limits import MAX_NAME_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from service.rules.fields.violations import Violations


def check_own_id(identifier: str, path: str, seen: dict[str, str], found: Violations) -> None:
    """Note a bad id of an agent, team or rule, or one that an earlier of them has.

    Args:
        identifier: the id.
        path: of the agent, team or rule.
        seen: the ids so far, each with the path at which it stands first; grows.
        found: takes the violations.
    """
    problem = id_problem(identifier)
    if problem is None:
        first = seen.setdefault(identifier, path)
        if first != path:
            problem = f"{quoted(identifier)} is the id of {first} already; each needs its own"
    found.add_if(f"{path}.id", problem)


def check_agent_ids(agent_ids: Sequence[str], path: str, agents: Collection[str] | None, found: Violations) -> None:
    """Note every bad, repeated or unknown agent of a team or of a rule's list.

    Args:
        agent_ids: the list.
        path: of the list.
        agents: ids of the roster's agents, quick to search; None if not to be checked.
        found: takes the violations.
    """
    if agents is not None and len(agent_ids) == len(set(agent_ids)) and all(each in agents for each in agent_ids):
        return  # ids of the roster are well-formed; this is the way of nearly every list
    seen: dict[str, int] = {}
    for index, agent_id in enumerate(agent_ids):
        first = seen.setdefault(agent_id, index)
        problem = id_problem(agent_id)
        if problem is None and first != index:
            problem = f"{quoted(agent_id)} stands at [{first}] already; name each agent once"
        elif problem is None and agents is not None and agent_id not in agents:
            problem = f"{quoted(agent_id)} is no agent of the roster; add the agent there first, or remove it here"
        found.add_if(f"{path}[{index}]", problem)


def name_problem(name: str) -> str | None:
    """Say what is wrong with a name for people; None if nothing is."""
    if len(name) > MAX_NAME_CHARACTERS:
        return f"{quoted(name)} has {len(name)} characters; at most {MAX_NAME_CHARACTERS} are allowed"
    return None if not name or is_printable(name) else f"{quoted(name)} {FAULT}"


def count_problem(limit: int) -> str | None:
    """Say what is wrong with a limit of open contacts; None if nothing is."""
    return f"is {limit}; give a positive number, or 0 for no limit" if limit < 0 else None


class EnumType(Hashable, Protocol):
    """A protobuf enum, such as `rules_pb2.Strategy`."""

    def items(self) -> Sequence[tuple[str, int]]:
        """List the names with their numbers."""


def enum_problem(enum: EnumType, number: int, *, required: bool = False) -> str | None:
    """Say what is wrong with an enum's number: left out though required, or none that this version knows."""
    if number in _numbers(enum) and (number or not required):
        return None
    names = ", ".join(name for name, known in enum.items() if known)
    return f"is {f'{number}, which is unknown' if number else 'missing'}; use one of {names}"


@cache
def _numbers(enum: EnumType) -> frozenset[int]:
    return frozenset(number for _, number in enum.items())

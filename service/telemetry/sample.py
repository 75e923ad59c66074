"""What is exposed of a workspace as of one moment, as it comes from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.telemetry.fairness import Standing


class UnreadableWorkspaceError(Exception):
    """The state of one workspace cannot be read, while that of others may be."""


class WithoutOwner(NamedTuple):
    """Contacts that decisions left without an owner.

    Attributes:
        no_agent_available: how many turned out unassigned, ever, since a rule matched an event and found nobody.
        overdue: how many turned out unassigned, ever, since nobody owned them for too long.
        assigned_late: how many rules assigned, ever, after they had turned out unassigned.
        unmatched: how many there are that no rule has matched, and that are not overdue.
        unassigned: how many there are that turned out unassigned.
    """

    no_agent_available: int = 0
    overdue: int = 0
    assigned_late: int = 0
    unmatched: int = 0
    unassigned: int = 0


class WorkspaceSample(NamedTuple):
    """What is exposed of a workspace.

    Attributes:
        pools: the standings in each pool that a rule uses, or that anybody was assigned contacts in.
        names: what people call each of them.
        without_owner: contacts that nobody owns.
        rules_revision: 0 without rules.
        agents_lost: whether agents were met whose state is lost.
    """

    pools: Mapping[str, list[Standing]]
    names: Mapping[str, str]
    without_owner: WithoutOwner
    rules_revision: int
    agents_lost: bool = False

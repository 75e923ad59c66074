"""Rights, and which of them each RPC asks for."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """What a principal may be allowed to do in a workspace."""

    DECIDE = "decide"
    """Have contacts assigned: by rules, by hand, and taken away again; have two be one."""
    REPORT = "report"
    """Say what happened elsewhere: presence, and conversations that ended."""
    CONFIGURE = "configure"
    """Change rules and roster."""
    READ = "read"
    """Read rules, roster and contacts."""
    ADMIN = "admin"
    """All of these, and whatever comes; and have contacts forgotten."""


RIGHTS: Final = {
    "evenhand.v1.AssignmentService.EvaluateContact": Right.DECIDE,
    "evenhand.v1.AssignmentService.BatchEvaluateContacts": Right.DECIDE,
    "evenhand.v1.AssignmentService.AssignContact": Right.DECIDE,
    "evenhand.v1.AssignmentService.UnassignContact": Right.DECIDE,
    "evenhand.v1.AssignmentService.CloseContact": Right.REPORT,
    "evenhand.v1.AssignmentService.MergeContacts": Right.DECIDE,  # which may change an owner, as AssignContact does
    "evenhand.v1.AssignmentService.ForgetContact": Right.ADMIN,  # nobody gets back what is gone
    "evenhand.v1.AssignmentService.ConfigureRules": Right.CONFIGURE,
    "evenhand.v1.AssignmentService.GetRules": Right.READ,
    "evenhand.v1.AssignmentService.GetContact": Right.READ,
    "evenhand.v1.AssignmentService.ListContacts": Right.READ,
    "evenhand.v1.RosterService.ConfigureRoster": Right.CONFIGURE,
    "evenhand.v1.RosterService.UpdateAgents": Right.CONFIGURE,
    "evenhand.v1.RosterService.RemoveAgents": Right.CONFIGURE,
    "evenhand.v1.RosterService.UpdateTeams": Right.CONFIGURE,
    "evenhand.v1.RosterService.GetRoster": Right.READ,
    "evenhand.v1.RosterService.SetPresence": Right.REPORT,
}
"""What each RPC asks for, by its full name. Health and reflection ask for nothing, and are not in it."""

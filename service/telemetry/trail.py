"""The audit trail: one line of the log for every change that somebody made by hand, whatever the log's level is.

A change of rules, of the roster, of a contact's owner by a person, or of the access file; two contacts that become one,
and one that is forgotten: who made it, from where, and what was before and after. Decisions are none, nor are refused
calls, which changed nothing. A change that was made and answered NOT_DURABLE is one: `confirmed=no`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.call import Call

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)  # a level of its own, since that of the log is about how it goes, and this is about who


def changed(call: Call, what: str, *, confirmed: bool = True, **fields: str | int) -> None:
    """Note a change that is in force by now, so a failure here is not the call's.

    Args:
        call: the call that made it.
        what: "rules", "roster", "owner", "merge" or "forget".
        confirmed: whether it is as durable as changes have to be; if not, it may still be lost.
        fields: what tells before and after.
    """
    try:
        by = {"confirmed": "" if confirmed else "no", "who": call.who, "peer": call.caller}
        _note(what, {"workspace": call.workspace_id, **fields, **by})
    except Exception:  # noqa: BLE001 - whatever it is, the change is in force
        _log.exception("a change could not be noted")


def access_changed(file: str, **fields: str) -> None:
    """Note that another access file is in force in this process; who wrote it, the service cannot know.

    Args:
        file: its name.
        fields: what tells before and after.
    """
    _note("access", {"file": file, **fields}, whole=True)  # as long as the file may be, which no caller wrote


def _note(what: str, fields: Mapping[str, str | int], *, whole: bool = False) -> None:
    logs.event(_log, logging.INFO, "changed", None, whole=whole, what=what, **fields)

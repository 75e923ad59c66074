"""`evenhand audit`: count the open contacts in the records anew, and hold them against the counts that are kept."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Annotated, Final

import typer

from service.call import NO_DEADLINE
from service.cli.lost_keys import HASH, show_lost
from service.cli.options import Workspace, count
from service.cli.reaching import EXIT_PROBLEMS
from service.cli.saying import say
from service.cli.state import DataDir, RedisUrl, state
from service.decisions.agents_put_back import put_back
from service.decisions.rosters_in_force import restore
from service.rules import listed, quoted
from service.store import keys
from service.store.audit import Audit, audit_workspace, repair_workspace
from service.store.workspace import RedisWorkspace

if TYPE_CHECKING:
    from service.redis_client.client import RedisClient

# How often a busy workspace is counted again before its answer is taken as it is.
_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.5
_OWNERS_SHOWN: Final = 20

Repair = Annotated[
    bool,
    typer.Option("--repair", help="Set what drifted to what the records say, and put back lost keys that others tell."),
]


def audit(workspace: Workspace, redis_url: RedisUrl = None, data_dir: DataDir = None, repair: Repair = False) -> None:
    """Check that agents' open counts are those of the contacts' records, and that no key is lost from Redis.

    Reads Redis itself, beside live traffic. Owners whom the roster does not know are named, too: that is no fault, but
    perhaps a spelling.

    Exit code 0: it is so; 1: it is not, or nothing is known of the workspace; 3: Redis is unavailable.
    """
    with state(redis_url, data_dir) as redis:
        stored = RedisWorkspace(redis, keys.root(workspace), NO_DEADLINE, contact_retention_ms=0)
        mending = stored.mending()
        lost_keys = mending.lost_keys()
        if repair:
            if HASH in lost_keys:
                restore(stored)
            mending.put_back(lost_keys)
        left = show_lost(workspace, lost_keys, mending.lost_keys())
        if HASH in left:
            raise typer.Exit(EXIT_PROBLEMS)
        found = _quiet_audit(redis, workspace)
        repaired = repair and bool(found.drifts) and repair_workspace(redis, workspace, found)
        lost = [drift.agent_id for drift in found.drifts if drift.kept is None]
        if repaired and lost:
            put_back(stored, lost)
    _print(workspace, found)
    if found.unknown:
        named = [f"{quoted(owner)} ({count(contacts, 'open contact')})" for owner, contacts in found.unknown]
        say(f"Owners whom the roster does not know: {listed(named, most=_OWNERS_SHOWN)}")
    if not found.agents and not found.contacts:
        raise typer.Exit(EXIT_PROBLEMS)
    if repair and found.drifts:
        say("Repaired." if repaired else "Not repaired: the workspace did not stay quiet. Try again.")
    if repaired and lost:
        say(f"OFFLINE until presence is reported: {listed(lost)}")
    if left or (found.drifts and not repaired):
        raise typer.Exit(EXIT_PROBLEMS)


def _quiet_audit(redis: RedisClient, workspace: str) -> Audit:
    """Count until nothing was going on meanwhile, or nothing is wrong, or it was tried often enough."""
    found = audit_workspace(redis, workspace)
    for _ in range(_TRIES - 1):
        if found.quiet or not found.drifts:
            break
        sleep(_PAUSE_SECONDS)
        found = audit_workspace(redis, workspace)
    return found


def _print(workspace: str, found: Audit) -> None:
    for drift in found.drifts:
        kept = "state lost" if drift.kept is None else f"{drift.kept} kept"
        say(f"{drift.agent_id}: {kept}, {drift.counted} in the records")
    if not found.agents and not found.contacts:
        doubt = "Are both the right ones, or was its state lost (`evenhand apply`, `evenhand accept-loss`)?"
        say(f"Workspace {workspace}: nothing is known of it in this Redis. {doubt}")
        return
    verdict = f"{count(len(found.drifts), 'count')} wrong" if found.drifts else "all counts right"
    counted = f"{count(found.contacts, 'open contact')}, {count(found.agents, 'agent')} compared"
    say(f"Workspace {workspace}: {counted}, {verdict}")
    if found.drifts and not found.quiet:
        say("The workspace was busy, so differences may be changes in between. Audit again when it is quieter.")

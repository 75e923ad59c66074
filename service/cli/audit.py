"""`evenhand audit`: count the open contacts in the records anew, and hold them against the counts that are kept."""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import sleep
from typing import Annotated, Final

import typer

from service.cli.options import Workspace, count
from service.cli.reaching import EXIT_PROBLEMS, EXIT_UNREACHABLE
from service.config import Settings, SettingsError
from service.redis_client.client import RedisClient, RedisUnavailableError
from service.runtime.embedded_redis import reach
from service.store.audit import Audit, audit_workspace, repair_workspace

_USAGE: Final = 2
# How often a busy workspace is counted again before its answer is taken as it is.
_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.5

RedisUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The Redis that keeps the state, as for serve (EVENHAND_REDIS_URL)."),
]
DataDir = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="Else the folder of a running service's own Redis (EVENHAND_DATA_DIR)."),
]
Repair = Annotated[bool, typer.Option("--repair", help="Set what drifted to what the records say.")]


def audit(workspace: Workspace, redis_url: RedisUrl = None, data_dir: DataDir = None, repair: Repair = False) -> None:
    """Check that agents' open counts are those of the contacts' records. Reads Redis itself, beside live traffic.

    Exit code 0: they are; 1: some are not, or nothing is known of the workspace; 3: Redis is unavailable.
    """
    try:
        settings = Settings.read({"redis_url": redis_url, "data_dir": data_dir}, os.environ)
    except SettingsError as error:
        typer.echo(f"evenhand: {error}", err=True)
        raise typer.Exit(_USAGE) from error
    with ExitStack() as stack:
        url = settings.external_redis() or stack.enter_context(reach(settings.data_dir))
        redis = RedisClient(url, settings.redis_timeout_s)
        stack.callback(redis.close)
        try:
            found = _quiet_audit(redis, workspace)
            repaired = repair and bool(found.drifts) and repair_workspace(redis, workspace, found)
        except RedisUnavailableError as error:
            typer.echo("evenhand: Redis does not answer; is the service (or its Redis) running?", err=True)
            raise typer.Exit(EXIT_UNREACHABLE) from error
    _print(workspace, found)
    if not found.agents and not found.contacts:
        raise typer.Exit(EXIT_PROBLEMS)
    if repair and found.drifts:
        typer.echo("Repaired." if repaired else "Not repaired: the workspace did not stay quiet. Try again.")
    if found.drifts and not repaired:
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
        typer.echo(f"{drift.agent_id}: {drift.kept} kept, {drift.counted} in the records")
    if not found.agents and not found.contacts:
        typer.echo(f"Workspace {workspace}: nothing is known of it in this Redis. Are both the right ones?")
        return
    verdict = f"{count(len(found.drifts), 'count')} wrong" if found.drifts else "all counts right"
    counted = f"{count(found.contacts, 'open contact')}, {count(found.agents, 'agent')} compared"
    typer.echo(f"Workspace {workspace}: {counted}, {verdict}")
    if found.drifts and not found.quiet:
        typer.echo("The workspace was busy, so differences may be changes in between. Audit again when it is quieter.")

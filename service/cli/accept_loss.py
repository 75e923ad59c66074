"""`evenhand accept-loss`: go on without a workspace's rules that are lost, as if it had never had any."""

from __future__ import annotations

import typer

from service.call import NO_DEADLINE
from service.cli.options import Workspace  # noqa: TC001 - typer reads it
from service.cli.reaching import EXIT_PROBLEMS
from service.cli.saying import say
from service.cli.state import DataDir, RedisUrl, state
from service.store import keys
from service.store.values import Loss
from service.store.workspace import RedisWorkspace


def accept_loss(workspace: Workspace, redis_url: RedisUrl = None, data_dir: DataDir = None) -> None:
    """Have a workspace whose rules are lost be one without rules, for all replicas at once. Writes into Redis itself.

    Until then its contacts are refused with STATE_LOST. Rules that are configured again end that, too.

    Exit code 0: done; 1: nothing is lost; 3: Redis is unavailable.
    """
    with state(redis_url, data_dir) as redis:
        lost = RedisWorkspace(redis, keys.root(workspace), NO_DEADLINE, contact_retention_ms=0).accept_loss()
    if lost is Loss.NOTHING:
        say(f"Workspace {workspace}: its rules are there, or their loss was accepted before. Nothing was changed.")
        raise typer.Exit(EXIT_PROBLEMS)
    # A name that was mistyped and a workspace that lost all look the same.
    what = "the loss is accepted" if lost is Loss.RULES else "Redis held nothing at all of it"
    state_now = "From now on it is a workspace without rules: none matches its contacts until some are configured."
    say(f"Workspace {workspace}: {what}. {state_now}")

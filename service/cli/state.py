"""How commands reach the state itself, in Redis, past the service."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer
from redis.exceptions import AuthenticationError, ResponseError

from service.cli.reaching import EXIT_PROBLEMS, EXIT_UNREACHABLE
from service.config import Settings, SettingsError
from service.redis_client.client import RedisClient, RedisUnavailableError
from service.redis_client.pipeline import denies
from service.runtime.embedded_redis import EmbeddedRedisError, reach
from service.store.values import OldStateError, StateLostError

if TYPE_CHECKING:
    from collections.abc import Iterator

_USAGE: Final = 2

RedisUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The Redis that keeps the state, as for serve (EVENHAND_REDIS_URL)."),
]
DataDir = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="Else the folder of a running service's own Redis (EVENHAND_DATA_DIR)."),
]


@contextmanager
def state(redis_url: str | None, data_dir: str | None) -> Iterator[RedisClient]:
    """Connect to the Redis of these options; where it is unavailable, say so and leave."""
    try:
        given = {"redis_url": redis_url, "data_dir": data_dir}
        if redis_url:
            given["redis_url_file"] = ""  # which the service beside this may have been told by a variable
        settings = Settings.read(given, os.environ)
    except SettingsError as error:
        typer.echo(f"evenhand: {error}", err=True)
        raise typer.Exit(_USAGE) from error
    with ExitStack() as stack:
        try:
            url = settings.external_redis() or stack.enter_context(reach(settings.data_dir))
        except EmbeddedRedisError as error:
            remedy = "name its folder by --data-dir, or another Redis by --redis-url"
            typer.echo(f"evenhand: {error}; {remedy}", err=True)
            raise typer.Exit(EXIT_UNREACHABLE) from error
        redis = RedisClient(url, settings.redis_timeout_s)
        stack.callback(redis.close)
        try:
            yield redis
        except RedisUnavailableError as error:
            typer.echo(f"evenhand: {_said(error, redis.problem)}", err=True)
            raise typer.Exit(EXIT_UNREACHABLE) from error
        except StateLostError as error:
            text = "a part of the roster or rules is lost; `evenhand apply` puts it back, then say this again"
            typer.echo(f"evenhand: {text}", err=True)
            raise typer.Exit(EXIT_PROBLEMS) from error
        except OldStateError as error:
            typer.echo("evenhand: an older version kept this workspace, in a form that this one cannot read", err=True)
            raise typer.Exit(EXIT_PROBLEMS) from error


def _said(error: RedisUnavailableError, problem: BaseException | None) -> str:
    """Say why Redis was of no use; `problem` is why it did not serve when it was last asked."""
    # What it replied to this command is more than what it replies to whoever asks whether it serves.
    why = error.__cause__ if isinstance(error.__cause__, ResponseError) else problem
    if denies(why):
        return f"Redis denies its user what this needs: {why} (deploy/operations.md lists the rights)"
    if isinstance(why, AuthenticationError):
        return f"Redis does not take the user or the password of its URL: {why}"
    if isinstance(why, ResponseError):
        return f"Redis answers, and refuses: {why}"
    return "Redis does not answer; is the service (or its Redis) running?"

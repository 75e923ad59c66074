"""The bearer token of commands that call: from a file or the environment, since everybody may read a command line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from service.cli.reaching import EXIT_USAGE

if TYPE_CHECKING:
    from service.cli.reaching import Target

_FORM: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750


def bearer_token(target: Target) -> str:
    """Return the caller's token; empty for none. One that cannot be used ends the command, and is not shown."""
    if not target.token_file:
        return _checked(os.environ.get("EVENHAND_TOKEN", ""), "EVENHAND_TOKEN has")
    return token_in(Path(target.token_file).expanduser(), "--token-file")


def token_in(path: Path, option: str) -> str:
    """Return the token that a file has, alone; a file without one ends the command.

    Args:
        path: the file.
        option: what named it.
    """
    try:
        text = path.read_text()
    except OSError as error:
        _leave(f"{option}: cannot read {path}: {error.strerror}")
    except UnicodeDecodeError:
        text = ""
    return _checked(text, f"{option}: {path} has") or _leave(f"{option}: {path} has no token")


def _checked(text: str, subject: str) -> str:
    token = text.strip()
    if token and not _FORM.fullmatch(token):
        _leave(f"{subject} something else than one bearer token")
    return token


def _leave(problem: str) -> NoReturn:
    typer.echo(f"evenhand: {problem}", err=True)
    raise typer.Exit(EXIT_USAGE)

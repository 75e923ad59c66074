"""`evenhand token`: a new bearer token, and what the access file keeps of it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Final

import typer

from service.access.tokens import HASH_PREFIX, token_hash
from service.cli.bearer import token_in
from service.cli.reaching import EXIT_PROBLEMS

_PREFIX: Final = "evh_"  # by which scanners for secrets know one
_BYTES: Final = 32
_FEWEST_CHARACTERS: Final = 22  # of 128 random bits in base64

Existing = Annotated[
    Path | None,
    typer.Option(
        "--of",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        show_default=False,
        help="Hash the token in this file, in the place of making one. It has to be random, of 128 bits at least.",
    ),
]


def token(of: Existing = None) -> None:
    """Make a bearer token, for a caller, and print the line by which the access file knows it.

    The token is printed only now, and kept nowhere.
    """
    if of is None:
        made = _PREFIX + secrets.token_urlsafe(_BYTES)
        typer.echo(f"token for the caller:     {made}")
    else:
        made = token_in(of, "--of")
        if len(made) < _FEWEST_CHARACTERS:
            typer.echo(
                f"evenhand: the token in {of} is too short to be kept by its hash: it could be guessed", err=True
            )
            raise typer.Exit(EXIT_PROBLEMS)
    typer.echo(f"line for the access file: {HASH_PREFIX}{token_hash(made).hex()}")

"""What the commands say that change some of a roster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.cli.saying import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenhand.v1.assignment_service_pb2 import Warning as ConfigurationWarning


def show_changes(noun: str, workspace: str, changes: Sequence[str], *, dry_run: bool) -> None:
    """Print what changes; `noun` is what of the roster is changed."""
    if not changes:
        say(f"{noun}: {workspace} has that already")
        return
    say(f"{noun}: {'would change' if dry_run else 'changed'} {workspace}")
    for line in changes:
        say(line)


def show_removed(noun: str, workspace: str, ids: Sequence[str], *, dry_run: bool) -> None:
    """Print what is removed, in the same way."""
    show_changes(noun, workspace, [f"  - {noun.removesuffix('s')} {each}" for each in ids], dry_run=dry_run)


def show_warnings(workspace: str, warnings: Sequence[ConfigurationWarning]) -> None:
    """Print warnings, a line each."""
    for warning in warnings:
        say(f"{workspace}: {warning.field}: warning: {warning.message}")

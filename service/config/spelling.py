"""Variables of the environment that look like a setting and are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from service.config.declaring import PREFIX
from service.config.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_COMMANDS: Final = (
    "SERVER",
    "TIMEOUT",
    "WORKSPACE",
    "TLS_CA",
    "TOKEN",
    "TOKEN_FILE",
)  # other options of `evenhand`, a probe's among them
_LIKE: Final = (
    0.85  # how much of two names has to agree: two letters of one swapped, one missing, an underscore too many
)


def misspelt(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Find variables that are no setting but read much like one, each with the one that may be meant."""
    known = {each.variable for each in SETTINGS} | {PREFIX + name for name in _OF_COMMANDS}
    unknown = [name for name in environment if name.startswith(PREFIX) and name not in known]
    if not unknown:
        return []
    from difflib import get_close_matches  # noqa: PLC0415 - hardly ever needed

    meant = [(name, get_close_matches(name, known, 1, _LIKE)) for name in sorted(unknown)]
    return [(name, setting[0]) for name, setting in meant if setting]

"""What a setting is: how a field of `Settings` is declared, what follows from that, and what is said of a wrong one."""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from service.config.kinds import Kind

Value = TypeVar("Value")

PREFIX: Final = "EVENHAND_"
"""What the environment variables of settings begin with."""


class SettingsError(ValueError):
    """A setting that cannot be used.

    Attributes:
        name: the setting as the user wrote it: `--workers` or `EVENHAND_WORKERS`.
        message: what is wrong with it, without secrets.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


def setting(default: Value, kind: Kind, meaning: str, *, unset: str = "") -> Value:
    """Declare a field of `Settings`.

    Args:
        default: its value if nothing else is said.
        kind: how it is read.
        meaning: its line of help.
        unset: what help calls a default that is no value.
    """
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "shown": unset or kind.show(default)})


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a setting beside its value.

    Attributes:
        field: its name in `Settings`: "drain_s".
        name: its name in Python's spelling: "drain".
        kind: how it is read and shown.
        meaning: its line of help.
        default: its default as text.
    """

    field: str
    name: str
    kind: Kind
    meaning: str
    default: str

    @property
    def option(self) -> str:
        """The option of the command line: `--max-concurrent`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable: `EVENHAND_MAX_CONCURRENT`."""
        return PREFIX + self.name.upper()


def declared(each: Field[Any]) -> Setting:
    """Return what is known of a field that `setting` declares."""
    said = each.metadata
    return Setting(each.name, each.name.removesuffix("_s"), said["kind"], said["meaning"], said["shown"])

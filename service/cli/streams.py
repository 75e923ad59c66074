"""What a command is given as text, and the standard output that it writes to. Loads nothing that takes time."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from service.cli.reaching import EXIT_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STDOUT: Final = 1
_READER_LEFT: Final = 128 + signal.SIGPIPE  # as a shell has it of a program that dies of that
_VARIABLES: Final = "EVENHAND_"


class OutputError(OSError):
    """Standard output cannot be written to; it has no number, by which typer would end the command in silence."""


class _Output(io.FileIO):
    """Standard output, which fails once: what is written to it afterwards is as good as written.

    Python writes what is left as it ends, and would then say a second time that this cannot be done.
    """

    def __init__(self) -> None:
        super().__init__(_STDOUT, "w", closefd=False)
        self._failed = False

    def write(self, data: Any) -> Any:
        """Write some of it; return how many bytes.

        Raises:
            OutputError: that is not possible.
        """
        if self._failed:
            return len(data)
        try:
            return super().write(data)
        except OSError as error:
            self._failed = True
            raise OutputError(error.strerror) from error


def prepare_output() -> None:
    """Have standard output raise OutputError, and escape what a terminal cannot show, from now on."""
    was = sys.stdout
    if was is None:  # closed (`>&-`): what is opened next would have its number, and be written to in its place
        nowhere = os.open(os.devnull, os.O_RDONLY)
        if nowhere != _STDOUT:
            os.dup2(nowhere, _STDOUT)
            os.close(nowhere)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output()),
        encoding=was.encoding if was else "utf-8",
        errors="backslashreplace",
        newline="\n",
        line_buffering=was is not None and bool(was.line_buffering),
    )


def say_not_written(error: OutputError) -> int:
    """Say that standard output cannot be written to, unless its reader left; return the exit code."""
    if isinstance(error.__cause__, BrokenPipeError):
        return _READER_LEFT
    sys.stderr.write(f"evenhand: standard output cannot be written to: {error}\n")
    return EXIT_PROBLEMS


def not_text(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Say which argument, or which variable of ours, is not UTF-8, without what it holds; empty where all are."""
    for at, argument in enumerate(arguments):
        if _is_text(argument):
            continue
        option = argument.partition("=")[0] if argument.startswith("--") else ""
        before = arguments[at - 1] if at and arguments[at - 1].startswith("-") else ""
        named = option if _is_text(option) else ""
        place = f" ({named})" if named else f" (after {before})" if before else ""
        return f"argument {at + 1}{place} is not UTF-8"
    wrong = sorted(name for name, value in environment.items() if name.startswith(_VARIABLES) and not _is_text(value))
    return f"{wrong[0]} is not UTF-8" if wrong else ""


def _is_text(text: str) -> bool:
    """Whether a text was UTF-8; Python keeps each byte of another one as half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

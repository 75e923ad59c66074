"""What is run in Redis: a script, and the library that has the same as a function."""

from __future__ import annotations

from typing import NamedTuple


class Library(NamedTuple):
    """Functions that a server keeps loaded: their library's name, and its text."""

    name: bytes
    text: bytes


class Script(NamedTuple):
    """A script.

    Attributes:
        name: what it is called in figures.
        text: the script alone.
        digest: under which Redis keeps that text.
        function: the name of the same as a function.
        library: the library that has the function.
    """

    name: str
    text: bytes
    digest: bytes
    function: bytes
    library: Library

"""Addresses: taken apart and put together in one module."""

from __future__ import annotations

import pytest

from service.config.addresses import is_local, split_address, unix_path, with_port


def test_split_address() -> None:
    """Brackets belong to the notation and not to the address."""
    assert split_address("[::1]:50051") == ("::1", 50051)
    assert split_address("localhost:0") == ("localhost", 0)
    assert split_address("localhost")[1] == -1


@pytest.mark.parametrize(
    ("address", "taken"),
    [("localhost:0", "localhost:7"), ("[::1]:0", "[::1]:7"), ("unix:/run/e:1.sock", "unix:/run/e:1.sock")],
)
def test_the_port_that_was_taken_replaces_the_one_asked_for(address: str, taken: str) -> None:
    """The ready line shows where the service really is, in the notation of the setting."""
    assert with_port(address, 7) == taken


def test_unix_path() -> None:
    """A unix socket is written with or without slashes before its path."""
    assert unix_path("unix:/run/e.sock") == unix_path("unix:///run/e.sock") == "/run/e.sock"
    assert unix_path("unix:") == ""
    assert unix_path("unix.example.com:1") is None


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:1", True),
        ("127.8.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/run/e.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example.com:1", False),
    ],
)
def test_what_only_this_machine_reaches(address: str, local: bool) -> None:
    """Loopback and unix sockets are this machine's own; all addresses at once, and other names, are not."""
    assert is_local(address) is local

"""Finds out, before gRPC does, whether an address can be listened on: gRPC says so in many lines, or takes it away."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

from service.config import Settings, SettingsError
from service.config.addresses import split_address, unix_path, with_port


def check(settings: Settings) -> None:
    """Return if `settings.listen` is free.

    Raises:
        SettingsError: it is not, or it is no address of this machine.
    """
    path = unix_path(settings.listen)
    if path is not None:
        _check_unix(settings, path)
    else:
        _bind(settings, share=False).close()


def hold(settings: Settings) -> tuple[socket.socket, str]:
    """Take the port for processes that will share it, without listening.

    Returns:
        a socket that holds the port until it is closed, and `settings.listen` with the port that was taken.

    Raises:
        SettingsError: as `check`.
    """
    check(settings)  # sharing would succeed on a port that another service shares among its workers
    held = _bind(settings, share=True)
    return held, with_port(settings.listen, held.getsockname()[1])


def _bind(settings: Settings, *, share: bool) -> socket.socket:
    host, port = split_address(settings.listen)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as stack:
            bound = stack.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if share:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(address)
            stack.pop_all()
            return bound
    except OSError as error:
        raise refused(settings, error) from error


def _check_unix(settings: Settings, path: str) -> None:
    """Refuse a socket on which somebody answers; gRPC would take its path away."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return
        except FileNotFoundError as error:
            folder = Path(path).parent
            if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
                raise refused(settings, OSError(f"{folder} is not for writing")) from error
            if folder.is_dir():
                return
            raise refused(settings, error) from error
        except OSError as error:
            raise refused(settings, error) from error
    raise refused(settings, OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)))


def refused(settings: Settings, error: OSError) -> SettingsError:
    """Return the error for an address that cannot be listened on."""
    return SettingsError(settings.name_of("listen"), f"cannot listen on {settings.listen}: {error.strerror or error}")

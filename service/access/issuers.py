"""Who issues JWTs, and the keys of each: from a file, or fetched off the way of any call."""

from __future__ import annotations

import logging
import threading
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from service.access import keys
from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_REFRESH_S: Final = 300.0  # how often keys are fetched again, unasked
_LEAST_S: Final = 10.0  # how often at most, whatever tokens ask for
_RETRY_S: Final = 10.0  # how soon after a failure
_TIMEOUT_S: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Issuer:
    """One who issues JWTs.

    Attributes:
        name: its name, as the claim `iss` has it.
        audience: whom its tokens must be meant for, as the claim `aud` has it.
        algorithms: by which of them it signs.
        claim: the claim whose value says whom a token is about.
        keys: its keys, if the file names a file of them.
        keys_url: where they are fetched, if not.
    """

    name: str
    audience: str
    algorithms: tuple[str, ...]
    claim: str
    keys: tuple[keys.Key, ...] = ()
    keys_url: str = ""


class FetchedKeys:
    """The keys at an address, fetched by a thread of their own: at first, every five minutes, and when asked.

    Args:
        url: the address.
        changed: what to call at first when there are other keys.

    Attributes:
        keys: the keys that were there last; empty as long as there never were any.
        changed: is called when they are others.
    """

    def __init__(self, url: str, changed: Callable[[], None]) -> None:
        self.url = url
        self._shown = url.split("?", 1)[0]  # what follows may be a secret
        self.keys: Sequence[keys.Key] = ()
        self.changed = changed
        self._content = b""
        self._failed = ""
        self._wake = threading.Event()
        self._closed = threading.Event()
        threading.Thread(target=self._follow, name="jwks", daemon=True).start()

    def ask(self) -> None:
        """Have them fetched soon, because a token names one that is not there."""
        self._wake.set()

    def close(self) -> None:
        """Fetch nothing any more."""
        self._closed.set()
        self._wake.set()

    def _follow(self) -> None:
        while not self._closed.is_set():
            began = monotonic()
            well = self._fetch()
            if self._closed.wait(max(0.0, _LEAST_S - (monotonic() - began)) if well else _RETRY_S):
                return
            if well:
                self._wake.wait(_REFRESH_S)
            self._wake.clear()

    def _fetch(self) -> bool:
        """Fetch the keys; return whether that went well. What was there before stays if not."""
        try:
            content = _read(self.url)
            if content != self._content:
                self.keys = keys.parse(content)
                self._content = content
                self.changed()
                logs.event(_log, logging.INFO, "keys fetched", url=self._shown, keys=len(self.keys))
        except (OSError, HTTPException, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
            if problem != self._failed:
                logs.event(
                    _log, logging.ERROR, "keys cannot be fetched, old ones stay", url=self._shown, reason=problem
                )
            self._failed = problem
            return False
        self._failed = ""
        return True


class _Elsewhere(urllib.request.HTTPRedirectHandler):
    """Follows nobody to another address than the one that the file names."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _read(url: str) -> bytes:
    # Plain HTTP goes to this machine alone, and so through no proxy.
    proxies = {scheme: proxy for scheme, proxy in urllib.request.getproxies().items() if scheme != "http"}
    opener = urllib.request.build_opener(_Elsewhere, urllib.request.ProxyHandler(proxies))
    end = monotonic() + _TIMEOUT_S
    with opener.open(url, timeout=_TIMEOUT_S) as found:
        content = b""
        while part := found.read1(16 * 1024):
            content += part
            if len(content) > keys.MOST_BYTES:
                break  # which `keys.parse` refuses
            if monotonic() > end:
                raise TimeoutError(f"not there within {_TIMEOUT_S:g} s")
    return content

"""A server of a JSON Web Key Set, as an identity provider has one, with faults of its own."""

from __future__ import annotations

import http.server
import threading

from tests.support.serving import Serving


class KeyServer(Serving):
    """Serves keys on this machine.

    Args:
        content: the set.

    Attributes:
        content: what it serves from now on.
        fault: what is wrong with its answers: "error", "redirect", "large", "no keys", "slow"; empty: nothing.
        asked: how often it was asked so far.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.fault = ""
        self.asked = 0
        self._free = threading.Event()
        self._free.set()
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked += 1
                served.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/keys"

    def hold(self) -> None:
        """Answer nobody until `go_on`."""
        self._free.clear()

    def go_on(self) -> None:
        """Answer those who wait, and who come."""
        self._free.set()
        self.fault = ""

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self._free.wait()
        content = {"large": b" " * 1024 * 1024, "no keys": b'{"keys": []}'}.get(self.fault, self.content)
        request.send_response({"error": 500, "redirect": 302}.get(self.fault, 200))
        if self.fault == "redirect":
            request.send_header("Location", f"{self.url}/elsewhere")
        if self.fault != "slow":
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if self.fault == "slow":
            while self.fault == "slow" and not self._drip(request):
                pass
        else:
            self._write(request, content)

    def _drip(self, request: http.server.BaseHTTPRequestHandler) -> bool:
        """Send a byte after a while; return whether nobody takes it any more."""
        threading.Event().wait(0.05)
        return not self._write(request, b" ")

    def _write(self, request: http.server.BaseHTTPRequestHandler, content: bytes) -> bool:
        try:
            request.wfile.write(content)
        except OSError:  # who asked has had enough
            return False
        return True

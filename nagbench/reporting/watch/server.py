"""The web server of a running sweep, for browsers on this machine."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

from nagbench.reporting.dashboard.server import is_own_host, open_server, server_url

_REPORT = "report.html"


@contextmanager
def watch_server(folder: Path, state: Callable[[], dict[str, Any]], port: int) -> Iterator[str]:
    """Serve the page of a sweep in a thread of its own, within a ``with`` block whose value is the address.

    Parameters
    ----------
    folder
        The results directory, whose report is served too.
    state
        Returns what the page shows, as plain data.
    port
        0 for any free port.

    Raises
    ------
    UsageError
        If the port is not free.
    """
    page = importlib.resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")

    class Handler(_Handler):
        answers: ClassVar = {
            "/": lambda: (page, "text/html"),
            "/state.json": lambda: (json.dumps(state(), ensure_ascii=False, allow_nan=False), "application/json"),
        }
        report = folder / _REPORT
        policy = _policy(page)

    server = open_server(port, Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True)
    thread.start()
    try:
        yield server_url(server)
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers who asks for this machine by its own name, with the page, its state and the report."""

    answers: ClassVar[dict[str, Callable[[], tuple[str, str]]]]
    report: Path
    policy: str

    def do_GET(self) -> None:
        """Answer a request; a page elsewhere, whose name was made to point here, gets nothing."""
        if not is_own_host(self.headers.get("Host")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "this server answers only to 127.0.0.1 and localhost")
            return
        path = self.path.partition("?")[0]
        if path == f"/{_REPORT}" and self.report.is_file():
            # The report has a policy of its own.
            self._send(self.report.read_bytes(), "text/html")
        elif path in self.answers:
            text, kind = self.answers[path]()
            self._send(text.encode(), kind, policy=self.policy)
        else:
            self.send_error(HTTPStatus.NOT_FOUND, "there is no such page")

    def _send(self, content: bytes, kind: str, policy: str = "") -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests."""


def _policy(page: str) -> str:
    """Return the policy that lets the page run its own script, and ask this server alone."""
    script = re.search(r"<script>(.*?)</script>", page, flags=re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )

"""A web server for one folder, on this machine alone."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nagbench.core.errors import UsageError

LOOPBACK = "127.0.0.1"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads every request."""


def create_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a folder's files; port 0 takes one that is free. Raises UsageError where the port is taken."""
    try:
        return ThreadingHTTPServer((LOOPBACK, port), functools.partial(_Quiet, directory=str(folder)))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"port {port} cannot be served: {why}") from None


def server_url(running: ThreadingHTTPServer) -> str:
    """Where a browser finds it."""
    return f"http://{LOOPBACK}:{running.server_address[1]}/"

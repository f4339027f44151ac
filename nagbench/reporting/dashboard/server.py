"""A web server for one directory, on this machine only."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nagbench.core.errors import UsageError

LOOPBACK = "127.0.0.1"


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests."""


def create_server(directory: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a directory's files.

    Parameters
    ----------
    directory : Path
        The directory whose files are served.
    port : int
        0 for any free port.

    Raises
    ------
    UsageError
        If the port is not free.
    """
    try:
        return ThreadingHTTPServer((LOOPBACK, port), functools.partial(_QuietHandler, directory=str(directory)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"port {port} cannot be served: {reason}") from None


def server_url(server: ThreadingHTTPServer) -> str:
    """Return the address of a server for a browser."""
    return f"http://{LOOPBACK}:{server.server_address[1]}/"

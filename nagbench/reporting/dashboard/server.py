"""A web server for one directory, on this machine only."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler
from typing import BinaryIO

from nagbench.core.errors import UsageError

LOOPBACK = "127.0.0.1"
_HOSTS = (LOOPBACK, "localhost")


def is_own_host(host: str | None) -> bool:
    """Tell whether a request's header Host names this machine, with or without a port."""
    return ((host or "").rpartition(":")[0] or host) in _HOSTS


class _Handler(SimpleHTTPRequestHandler):
    """Serves files that lie in the directory, to who asks for this machine by its own name."""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Refuse other hosts, which a page elsewhere uses if its name was made to point here, and links out of the folder."""
        if not is_own_host(self.headers.get("Host")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "this server answers only to 127.0.0.1 and localhost")
            return None
        if not Path(self.translate_path(self.path)).resolve().is_relative_to(Path(self.directory).resolve()):
            self.send_error(HTTPStatus.NOT_FOUND, "File not found")
            return None
        return super().send_head()

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
    return open_server(port, functools.partial(_Handler, directory=str(directory)))


def open_server(port: int, handler: Callable[..., BaseRequestHandler]) -> ThreadingHTTPServer:
    """Return a server for this machine alone; port 0 stands for a free one. Raises UsageError if the port is taken."""
    try:
        return ThreadingHTTPServer((LOOPBACK, port), handler)
    except (OSError, OverflowError) as error:
        raise UsageError(f"port {port} cannot be served: {getattr(error, 'strerror', None) or error}") from None


def server_url(server: ThreadingHTTPServer) -> str:
    """Return the address of a server for a browser."""
    return f"http://{LOOPBACK}:{server.server_address[1]}/"

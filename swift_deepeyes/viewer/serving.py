"""The page on 127.0.0.1, rebuilt when the log has grown: for watching a run while it trains."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from swift_deepeyes.record.reader import LogError
from swift_deepeyes.record.record import METRICS_FILE, RUN_FILE, TRAJECTORIES_FOLDER
from swift_deepeyes.viewer.build import PageLimits, build_page
from swift_deepeyes.viewer.images import PageImages

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
_LOCAL_NAMES = {"127.0.0.1", "localhost", "[::1]"}

_Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class LivePage:
    """The page of log directories as they are now; made anew only if a file has changed."""

    paths: Sequence[Path]
    limits: PageLimits
    _images: PageImages = field(default_factory=PageImages)
    _fingerprint: _Fingerprint | None = None
    _html: bytes = b""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def html(self) -> bytes:
        """The page. Raises `LogError` where there is no log."""
        with self._lock:
            fingerprint = self._look()
            if fingerprint != self._fingerprint:
                page = build_page(self.paths, self.limits, self._images)
                self._html, self._fingerprint = page.html, fingerprint
            return self._html

    def _look(self) -> _Fingerprint:
        files: list[Path] = []
        for path in self.paths:
            files += sorted((path / TRAJECTORIES_FOLDER).glob("*.jsonl"))
            files += [path / METRICS_FILE, path / RUN_FILE]
        stats = ((file, file.stat()) for file in files if file.is_file())
        return tuple((str(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats)


def make_server(page: LivePage, port: int) -> ThreadingHTTPServer:
    """A server for the page at `/`, on this machine only. Port 0: any free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A foreign page whose name resolves to 127.0.0.1 must not read the log.
            host = self.headers.get("Host", "").rpartition(":")
            if (host[0] or host[2]) not in _LOCAL_NAMES:
                return self._reply(HTTPStatus.FORBIDDEN, b"Only local names are served.")
            if self.path.split("?")[0] != "/":
                return self._reply(HTTPStatus.NOT_FOUND, b"There is one page: /")
            try:
                html = page.html()
            except LogError as error:
                return self._reply(HTTPStatus.NOT_FOUND, str(error).encode("utf-8", "replace"))
            return self._reply(HTTPStatus.OK, html, "text/html")

        def _reply(self, status: HTTPStatus, body: bytes, kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            logger.debug(format, *arguments)

    return ThreadingHTTPServer((HOST, port), Handler)

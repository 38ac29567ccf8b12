"""What `swift-deepeyes view` does: write the page or serve it, and say what came of it.

Says, and does not print: the command hands in where its lines go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from swift_deepeyes.record.reader import LogError
from swift_deepeyes.viewer.build import PageLimits, build_page
from swift_deepeyes.viewer.serving import LivePage, make_server

__all__ = ["LogError", "serve_page", "write_page"]

PAGE_FILE = "trajectories.html"
COMPARISON_FILE = "comparison.html"

Say = Callable[[str], object]


def write_page(
    directories: Path | Sequence[Path], limits: PageLimits, output: Path | None, say: Say
) -> Path:
    """Write the page of one log, or of several beside each other, to `output`.

    Without it, into the first log's directory. Raises `LogError`.
    """
    paths = [directories] if isinstance(directories, Path) else directories
    page = build_page(paths, limits)
    file = output or paths[0] / (PAGE_FILE if len(paths) == 1 else COMPARISON_FILE)
    if file.is_dir():
        raise LogError(f"{file} is a directory; --output names a file.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(page.html)
    megabytes = len(page.html) / 1_000_000
    plural = "trajectory" if page.trajectories == 1 else "trajectories"
    say(f"{file}: {page.trajectories:,} {plural}, {megabytes:.1f} MB")
    for note in page.notes:
        say(f"  {note}")
    return file


def serve_page(directories: Path | Sequence[Path], limits: PageLimits, port: int, say: Say) -> None:
    """Serve the page until Ctrl-C. Raises `LogError` where there is no log or no such port."""
    paths = [directories] if isinstance(directories, Path) else directories
    page = LivePage(paths, limits)
    page.html()
    try:
        server = make_server(page, port)
    except OSError as error:
        raise LogError(f"Port {port} cannot be used ({error.strerror}); try --port 0.") from None
    with server:
        host, used_port = server.server_address[:2]
        say(
            f"http://{host!s}:{used_port}/ shows {', '.join(map(str, paths))}; "
            "reload to see new steps, Ctrl-C ends."
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("Stopped.")

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from swift_deepeyes.viewer.build import PageLimits
from swift_deepeyes.viewer.output import LogError, serve_page
from swift_deepeyes.viewer.serving import LivePage, make_server
from tests.viewer.log_maker import make_item, write_lines

# A proxy of the environment must not get to see requests to this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    write_lines(tmp_path, [make_item(0)])
    with make_server(LivePage([tmp_path], PageLimits()), 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join(5)


def get(address: str, host: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    try:
        with OPENER.open(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_page_grows_with_the_log(address: str, tmp_path: Path) -> None:
    status, html = get(address)
    assert status == 200 and b"item-0" in html and b"item-1" not in html
    write_lines(tmp_path, [make_item(1)], "rank1.jsonl")
    assert b"item-1" in get(address)[1]


def test_the_page_of_two_runs_grows_with_either(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for number, folder in enumerate(folders):
        write_lines(folder, [make_item(number)])
    page = LivePage(folders, PageLimits())
    assert b"item-1" in page.html() and b"item-2" not in page.html()
    write_lines(folders[1], [make_item(2)], "rank1.jsonl")
    assert b"item-2" in page.html()


def test_only_the_page_and_only_under_a_local_name(address: str) -> None:
    assert get(address + "images/a.png")[0] == 404
    assert get(address, host="evil.example:80")[0] == 403
    assert get(address, host="localhost:9")[0] == 200


def test_a_log_that_went_away_is_told(address: str, tmp_path: Path) -> None:
    (tmp_path / "trajectories" / "rank0.jsonl").unlink()
    status, body = get(address)
    assert status == 404 and b"There is no log" in body


def test_a_port_in_use_is_told(address: str, tmp_path: Path) -> None:
    port = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(LogError, match=f"Port {port} cannot be used"):
        serve_page(tmp_path, PageLimits(), port, lambda line: None)

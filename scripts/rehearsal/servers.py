"""The servers of a run, started by its own roles, and watched while others work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rehearsal.stage import Stage
from swift_deepeyes.demo.processes import CommandProcess, ProcessFailedError

_POLL_SECONDS = 0.2
_READY = "Application startup complete"


@dataclass(frozen=True)
class Server:
    """One server: its role, its address, its process."""

    role: str
    host: str
    process: CommandProcess

    @property
    def log(self) -> str:
        """Everything that it wrote."""
        return self.process.read_log()


@contextmanager
def running_servers(stage: Stage) -> Iterator[list[Server]]:
    """All servers of the run, started at once, not waited for; stopped at the end."""
    with ExitStack() as stack:
        stopping = stack.enter_context(ThreadPoolExecutor())  # each takes seconds to end
        servers: list[Server] = []
        for role in stage.script.servers:
            for number, host in enumerate(stage.script.hosts):
                process = stage.start(role, f"{role}-{number}", HOST=host)
                servers.append(Server(role, host, process))
                stack.callback(stopping.submit, process.stop)
        yield servers


def wait_until_ready(servers: Sequence[Server], seconds: float) -> None:
    """Wait until all of them listen. Raises `ProcessFailedError`."""
    for server in servers:
        server.process.wait_for_line(_READY, seconds)


def watch(
    working: Sequence[CommandProcess],
    servers: Sequence[Server],
    seconds: float,
    is_reached: Callable[[], bool] = lambda: False,
) -> bool:
    """Wait until `is_reached` (True) or until a command of `working` has ended (False).

    Raises `ProcessFailedError` where a server ends, or after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        if is_reached():
            return True
        if not all(process.is_running for process in working):
            return False
        for server in servers:
            if not server.process.is_running:
                raise ProcessFailedError(f"the {server.role} ended: {server.process.log}")
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"not done after {seconds:.0f} s: {working[0].log}")
        time.sleep(_POLL_SECONDS)

"""Start ms-swift commands as processes, and stop them with everything that they started.

A killed `swift rollout` leaves vLLM workers behind that hold its ports, and the next run then meets
those instead of its own. So each command leads a process group of its own, and stopping means the
group. torchrun puts its workers into groups of their own: all that a command started is also known
by a variable that its processes inherit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from swift_deepeyes.demo import cpu_support
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.errors import DeepEyesError

_MARK = "SWIFT_DEEPEYES_COMMAND"
_STOP_SECONDS = 10.0
TOY_VARIABLES = {
    **QWEN2_5_VL.variables,
    # Nothing is downloaded, so nobody is asked.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin while they wait make a busy machine ten times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""What every process that has the toy is started with; another family's variables go over it."""

_POLL_SECONDS = 0.1


class ProcessFailedError(DeepEyesError):
    """A command ended with an error or did not get ready; the message holds the end of its log."""


def free_port() -> int:
    """A TCP port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def swift_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which the toy trains; `extra` wins.

    The toy's own settings hold everywhere. What only a machine without an accelerator needs is
    added by `cpu_support`, which looks for one itself.
    """
    environment = dict(os.environ)
    paths = [str(cpu_support.SITE_FOLDER), environment.get("PYTHONPATH", "")]
    environment.update(
        PYTHONPATH=os.pathsep.join(path for path in paths if path),
        # The entry points beside this Python, also where its environment is not activated.
        PATH=os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")]),
        PYTHONUNBUFFERED="1",
        MASTER_PORT=str(free_port()),
        **TOY_VARIABLES,
    )
    # A launcher's variables would make ms-swift start torchrun or join a job that is not ours.
    for name in ("NPROC_PER_NODE", "NNODES", "RANK", "LOCAL_RANK", "WORLD_SIZE"):
        environment.pop(name, None)
    environment.update(extra or {})
    return environment


def swift_program() -> Path:
    """The `swift` beside this Python. Not `-m swift…`: what a user types is what is run."""
    return Path(sys.executable).parent / "swift"


class CommandProcess:
    """One running command, in its own process group, its output in a file."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the command; `environment` is laid over `swift_environment()`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self.command = list(command)
        self._mark = f"{_MARK}={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**swift_environment(environment), name: value},
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """True until the command itself has ended."""
        return self._process.poll() is None

    @property
    def children(self) -> list[int]:
        """The ids of all processes that belong to the command, itself included."""
        return list(_processes_with(self._mark))

    def wait_for_status(self, timeout_seconds: float) -> int:
        """Wait for any end and return its status. Raises `ProcessFailedError` if none comes."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise ProcessFailedError(
                self._complaint(f"took over {timeout_seconds:.0f} s")
            ) from None

    def wait(self, timeout_seconds: float) -> None:
        """Wait for a good end. Raises `ProcessFailedError` on any other, and stops the group."""
        code = self.wait_for_status(timeout_seconds)
        self.stop()
        if code != 0:
            raise ProcessFailedError(self._complaint(f"ended with status {code}"))

    def wait_for_line(self, text: str, timeout_seconds: float) -> str:
        """Wait until a line with `text` is in the log and return it: how a server says it is up."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            running = self.is_running
            for line in self.read_log().splitlines():
                if text in line:
                    return line
            if not running:
                raise ProcessFailedError(self._complaint(f"ended before it wrote {text!r}"))
            if time.monotonic() > deadline:
                raise ProcessFailedError(self._complaint(f"did not write {text!r}"))
            time.sleep(_POLL_SECONDS)

    def read_log(self) -> str:
        """Everything written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the command's group, as a terminal does for Ctrl-C."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """End the command and all of its children: politely first, then not."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self._lives() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        # The children die by the same signal, but not in the same moment.
        while self._lives() and time.monotonic() < deadline + _STOP_SECONDS:
            time.sleep(_POLL_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        self.signal_group(number)
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(child) != self._process.pid:
                    os.kill(child, number)

    def _lives(self) -> bool:
        self._process.poll()  # a zombie leader would count as alive
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 0)
            return True
        return bool(self.children)

    def _complaint(self, what: str) -> str:
        tail = "\n".join(self.read_log().splitlines()[-40:])
        name = " ".join([Path(self.command[0]).name, *self.command[1:2]])
        return f"`{name}` {what}. Its log is {self.log}; its end:\n{tail}"


class SwiftProcess(CommandProcess):
    """One running `swift` command."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `swift <arguments>`; `environment` is laid over `swift_environment()`."""
        super().__init__([str(swift_program()), *arguments], log, environment)


def _processes_with(mark: str) -> Iterator[int]:
    """Whoever was started with a variable; nobody where there is no `/proc` to ask."""
    for folder in Path("/proc").glob("[0-9]*"):
        # It may end while we look, or be another user's. A zombie's environment is empty.
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)

"""Two training ranks on one machine, each with its own judge, so that one can be in trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.judge.contact import PROBE
from swift_deepeyes.record.reader import LogDirectory, read_log
from tests.e2e.toy import with_values
from tests.judge.chat_server import ChatServer, Fault

PLUGINS = Path(__file__).parent / "plugins"
GENERATIONS = 4
PER_RANK = 8  # rollouts a step
LIMIT_SECONDS = 60.0  # from a failure to the end of all ranks

ENVIRONMENT = {
    "NPROC_PER_NODE": "2",
    "DEEPEYES_SCORING": "official",  # asks the judge about every visual answer
    "DEEPEYES_CROP_SOURCE": "original",
}


def on_two_ranks(arguments: list[str], *plugins: str, **values: str) -> list[str]:
    """The same training on two ranks; `plugins` are loaded around ours."""
    arguments = with_values(
        arguments,
        per_device_train_batch_size=str(PER_RANK),
        num_generations=str(GENERATIONS),
        # Without these, two processes without an accelerator are two trainings of one rank each.
        use_cpu="true",
        ddp_backend="gloo",
        **values,
    )
    at = arguments.index("--external_plugins") + 1
    arguments[at:at] = [str(PLUGINS / "settings_of_rank.py")]
    arguments[at + 2 : at + 2] = [str(PLUGINS / plugin) for plugin in plugins]
    return arguments


@contextmanager
def judges() -> Iterator[tuple[ChatServer, ChatServer]]:
    """One per rank; every third answer is wrong, so that rewards differ."""
    servers = ChatServer(), ChatServer()
    for server in servers:
        log = server.log
        server.script.reply = lambda request, log=log: "0" if len(log.served) % 3 == 0 else "1"
    with servers[0], servers[1]:
        yield servers


def away_for(seconds: float) -> Callable[[Any], Fault]:
    """From the first question on, errors and silence in turn; then all is well."""
    faults = cycle((Fault.ERROR_503, Fault.TIMEOUT))
    began: list[float] = []

    def fault(request: Any) -> Fault:
        began.append(time.monotonic())
        return next(faults) if began[-1] - began[0] < seconds else Fault.NONE

    return fault


def settings_of(servers: tuple[ChatServer, ChatServer]) -> dict[str, str]:
    return {f"OF_RANK_{n}_DEEPEYES_JUDGE_BASE_URL": s.url for n, s in enumerate(servers)}


def questions_to(server: ChatServer) -> int:
    """How often it was asked about an answer, probes for its life not counted."""
    return sum(PROBE.question not in str(request["messages"]) for request in server.log.requests)


@dataclass(frozen=True)
class FailedRun:
    """How a training ended that a judge made end."""

    status: int
    seconds: float  # from the judge's failure to the end of the command
    left_over: list[int]  # processes that outlived it
    output: str
    log: LogDirectory

    def assert_ended_well(self, rank: int, setting: str) -> None:
        """In time, as a whole, with one error, which torchrun's last words repeat."""
        assert self.status != 0
        assert self.seconds < LIMIT_SECONDS
        assert self.left_over == []
        lines = self.output.splitlines()
        (mine,) = (line for line in lines if "]: error: " in line)
        (closing,) = (line for line in lines if "errors.JudgeError: " in line)
        assert mine.startswith(f"[rank{rank}]: ") and setting in mine
        assert closing.partition("JudgeError: ")[2] == mine.partition("error: ")[2]
        report = self.output.split("Root Cause (first observed failure)")[1]
        assert closing in report and f"rank      : {rank} " in report
        assert self.log.skipped.half_written == self.log.skipped.unreadable == 0


def run_until(
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    judge: ChatServer,
    fail: Callable[[], None],
) -> FailedRun:
    """Train; `fail` is called in the middle of the second step's questions to `judge`."""
    failed_at: list[float] = []

    def fail_in_the_second_step() -> None:
        while len(judge.log.served) <= PER_RANK:
            time.sleep(0.01)
        failed_at.append(time.monotonic())
        fail()

    threading.Thread(target=fail_in_the_second_step, daemon=True).start()
    environment = {**ENVIRONMENT, "DEEPEYES_LOG_DIR": str(folder / "log"), **environment}
    with SwiftProcess(arguments, folder / "train.log", environment) as trainer:
        status = trainer.wait_for_status(300)
        assert failed_at, f"ended before the judge failed:\n{trainer.read_log()[-3000:]}"
        seconds = time.monotonic() - failed_at[0]
        left_over = trainer.children
        output = trainer.read_log()
    return FailedRun(status, seconds, left_over, output, read_log(folder / "log"))

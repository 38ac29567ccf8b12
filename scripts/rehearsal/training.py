"""A training from its start, stopped after its first save, resumed, to its end."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rehearsal.servers import Server, watch
from rehearsal.stage import Stage
from swift_deepeyes.demo.processes import CommandProcess, free_port
from swift_deepeyes.record.record import METRICS_FILE

_END_SECONDS = 120.0  # from a signal to the end of all processes
_WEIGHTS_HAVE_COME = "POST /reset_prefix_cache"  # the last thing before the server generates
_STEP = re.compile(r"^step (\d+)/\d+  reward ", re.M)


@dataclass(frozen=True)
class Stopped:
    """How a training ended that got a signal in its second step."""

    signal: str
    statuses: list[int]
    seconds: float
    left_over: int  # processes


@dataclass(frozen=True)
class Training:
    """What became of it: exit statuses by node, output of the first node, steps that it told of."""

    statuses: list[int]
    said: str
    steps: list[int]
    stopped: Stopped | None = None


def train_and_stop(stage: Stage, servers: Sequence[Server]) -> Training:
    """Until something is saved, then a signal: Ctrl-C on one machine, else what schedulers send.

    A rollout server is kept, so it must have the second step's weights by then: one that waits for
    the rest of them serves nobody again (resume.sh).
    """
    number = signal.SIGINT if stage.scale.ranks * stage.scale.nodes == 1 else signal.SIGTERM
    with ExitStack() as stack:
        nodes = [stack.enter_context(node) for node in _start(stage, "train")]
        is_reached = watch(
            nodes,
            servers,
            stage.options.seconds,
            lambda: _has_saved(stage) and _have_weights(servers),
        )
        stopped = _stop(nodes, number) if is_reached else None
        if not is_reached:
            watch_the_others_end(nodes)
        return _training(nodes, stopped)


def train(stage: Stage, servers: Sequence[Server], name: str, **settings: str) -> Training:
    """To its end."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(node) for node in _start(stage, name, **settings)]
        watch(nodes, servers, stage.options.seconds)
        watch_the_others_end(nodes)
        return _training(nodes, None)


def watch_the_others_end(nodes: Sequence[CommandProcess]) -> None:
    """One node's command has ended: the others end soon, or they are stopped."""
    deadline = time.monotonic() + _END_SECONDS
    while any(node.is_running for node in nodes) and time.monotonic() < deadline:
        time.sleep(0.2)


def _start(stage: Stage, name: str, **settings: str) -> list[CommandProcess]:
    port = str(free_port())
    return [
        stage.start("train", f"{name}-{node}", NODE_RANK=str(node), MASTER_PORT=port, **settings)
        for node in range(stage.scale.nodes)
    ]


def _has_saved(stage: Stage) -> bool:
    metrics = stage.log / METRICS_FILE
    has_told = metrics.exists() and bool(metrics.read_text().strip())
    # The file that the trainer writes last.
    return has_told and any(stage.output.rglob("checkpoint-1/trainer_state.json"))


def _have_weights(servers: Sequence[Server]) -> bool:
    logs = [server.log for server in servers if server.role == "rollout"]
    return all(log.count(_WEIGHTS_HAVE_COME) >= 2 for log in logs)


def _stop(nodes: Sequence[CommandProcess], number: signal.Signals) -> Stopped:
    start = time.monotonic()
    for node in nodes:
        node.signal_group(number)
    deadline = start + _END_SECONDS
    while any(node.is_running or node.children for node in nodes) and time.monotonic() < deadline:
        time.sleep(0.1)
    seconds = time.monotonic() - start
    left_over = sum(len(node.children) for node in nodes)
    for node in nodes:
        node.stop()
    statuses = [node.wait_for_status(1) for node in nodes]
    return Stopped(number.name, statuses, seconds, left_over)


def _training(nodes: Sequence[CommandProcess], stopped: Stopped | None) -> Training:
    for node in nodes:
        node.stop()
    statuses = [node.wait_for_status(1) for node in nodes]
    said = nodes[0].read_log()
    return Training(statuses, said, [int(step) for step in _STEP.findall(said)], stopped)

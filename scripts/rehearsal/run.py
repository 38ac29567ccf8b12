"""One script's rehearsal with `swift rlhf`: servers, training, a signal, its resumption, checks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rehearsal import checks
from rehearsal.result import Result
from rehearsal.servers import Server, running_servers
from rehearsal.stage import Stage
from rehearsal.training import Training, train, train_and_stop
from swift_deepeyes.record.reader import read_log

_ERROR = re.compile(r"^(?:\[rank\d+\]: )?(?:error|[\w.]+(?:Error|Exception)): .+$", re.M)
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors")


def rehearse(stage: Stage, result: Result, stops: bool) -> None:
    """Fill in the result. Raises where nothing can be said (`DeepEyesError`)."""
    _ = stage.rows  # written before anything starts
    with running_servers(stage) as servers:
        parts = [train_and_stop(stage, servers)] if stops else []
        if not stops:
            parts = [train(stage, servers, "train")]
        elif parts[0].stopped is not None:
            parts.append(train(stage, servers, "resumed", RESUME="auto"))
        _tell_what_ran(stage, servers, result)
        result.problems += _of_servers(servers)
    _judge_training(stage, parts, result, stops)
    last = "resumed" if len(parts) > 1 else "train"
    if parts[-1].statuses != [0] * len(parts[-1].statuses):
        result.problems.append(_failure(stage.folder / f"{last}-0.log", parts[-1]))
        return
    _judge_log(stage, result)


def _tell_what_ran(stage: Stage, servers: Sequence[Server], result: Result) -> None:
    scale, script = stage.scale, stage.script
    where = f"{scale.nodes} nodes x {scale.ranks}" if scale.nodes > 1 else f"{scale.ranks}"
    ranks = "rank" if where == "1" else "ranks"
    result.ran.append(f"swift rlhf, {script.trainer}, {where} {ranks}, limits / {scale.divisor}")
    names = {"judge": "swift deploy", "rollout": "swift rollout"}
    for role in script.servers:
        count = sum(server.role == role for server in servers)
        result.ran.append(names[role] + (f" x {count}" if count > 1 else ""))


def _of_servers(servers: Sequence[Server]) -> list[str]:
    problems = []
    for server in servers:
        if " 500 Internal" in server.log:
            problems.append(f"the {server.role} answered 500: {server.process.log}")
        if server.role == "rollout" and "POST /update" not in server.log:
            problems.append(f"no weights reached the rollout server: {server.process.log}")
    return problems


def _judge_training(stage: Stage, parts: Sequence[Training], result: Result, stops: bool) -> None:
    """Flags, the stop, the resumption, what was saved."""
    calls = {}
    for role in stage.script.roles:
        name = f"{role}-0"
        found = stage.shims.calls(name)
        if found:
            calls[role] = found[-1]
        else:
            result.problems.append(f"{role} started nothing: {stage.folder / name}.log")
    result.problems += checks.unchanged(stage.shipped, calls, stage.given, stage.scale)
    steps = stage.options.steps
    result.steps = f"{max((max(part.steps, default=0) for part in parts), default=0)} of {steps}"
    if stops:
        _judge_stop(stage, parts, result)
    saved = sorted(_saved(stage.output), key=lambda path: int(path.name.partition("-")[2]))
    result.saved = ", ".join(dict.fromkeys(path.name for path in saved)) or "no"
    if not any(path.name == f"checkpoint-{steps}" for path in saved):
        result.problems.append(f"no checkpoint-{steps} with weights in {stage.output}")


def _judge_stop(stage: Stage, parts: Sequence[Training], result: Result) -> None:
    stopped = parts[0].stopped
    if stopped is None:
        result.problems.append("it ended before it could be stopped")
        return
    told = f"{stopped.signal}: {stopped.seconds:.0f} s"
    if stopped.left_over:
        result.problems.append(f"{stopped.left_over} processes outlived {stopped.signal}")
    if 0 in stopped.statuses:
        result.problems.append(f"exit status 0 after {stopped.signal}")
    expected = list(range(2, stage.options.steps + 1))
    if len(parts) > 1 and parts[1].statuses == [0] * len(parts[1].statuses):
        result.resumed = f"from step 1 ({told})"
        if parts[1].steps != expected:
            result.resumed = f"no ({told})"
            result.problems.append(f"resumed with the steps {parts[1].steps}, not {expected}")


def _judge_log(stage: Stage, result: Result) -> None:
    log = read_log(stage.log)
    result.limits, missing = checks.limits_met(log, stage.rows, stage.scale)
    result.problems += missing
    result.problems += checks.whole_log(log, stage.rows, stage.options.steps)
    if "judge" in stage.script.roles:
        result.problems += checks.judged_by_server(log)


def _saved(output: Path) -> list[Path]:
    return [
        folder
        for folder in output.rglob("checkpoint-*")
        if any((folder / name).exists() for name in _WEIGHTS)
    ]


def _failure(log: Path, training: Training) -> str:
    """The last error that a training's log tells of."""
    errors = [line for line in _ERROR.findall(training.said) if "ChildFailed" not in line]
    told = errors[-1][:300] if errors else "its log names no error"
    return f"ended with {training.statuses}: {told} ({log})"

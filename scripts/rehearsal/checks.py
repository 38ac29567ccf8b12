"""What must be true after a rehearsal. Each check returns what is not, a line for each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from rehearsal.rows import Rows
from rehearsal.scale import GENERATIONS, PROMPTS, Scale
from rehearsal.script import Call
from rehearsal.table import Flags, differences
from swift_deepeyes.episode.trajectory import StopReason
from swift_deepeyes.record.reader import LogDirectory
from swift_deepeyes.record.record import LoggedTrajectory

_MUST = (StopReason.MAX_TURNS, StopReason.CONTEXT_FULL, StopReason.IMAGE_LIMIT, StopReason.ANSWERED)
_VARIABLES = ("DEEPEYES_", "MAX_PIXELS", "PYTORCH_CUDA")
# The first three follow from addresses, OUTPUT and PROMPTS; the last is scaled.
_OTHERS = {"DEEPEYES_JUDGE_BASE_URL", "DEEPEYES_LOG_DIR", "DEEPEYES_LOG_SAMPLE", "MAX_PIXELS"}


def unchanged(
    shipped: Mapping[str, Call],
    calls: Mapping[str, Call],
    given: Mapping[str, Flags],
    scale: Scale,
) -> Iterator[str]:
    """Every flag and variable that no table names arrived as the script has it."""
    for role, call in calls.items():
        as_shipped = shipped[role]
        # A judge's prompts are not scaled: its context stays.
        divisor = 1 if role == "judge" else scale.divisor
        before, after = as_shipped.settings, call.settings
        for line in differences(before, after, given.get(role, {}), divisor):
            yield f"{role}: {line}"
        for name in sorted({*as_shipped.environment, *call.environment} - _OTHERS):
            value, wanted = call.environment.get(name), as_shipped.environment.get(name)
            if name.startswith(_VARIABLES) and value != wanted:
                yield f"{role}: {name} is {value}, not {wanted}"
        if int(call.environment["MAX_PIXELS"]) != scale.pixels:
            yield f"{role}: MAX_PIXELS is {call.environment['MAX_PIXELS']}, not {scale.pixels}"


def limits_met(log: LogDirectory, rows: Rows, scale: Scale) -> tuple[list[str], list[str]]:
    """How often each limit was met, and which were not."""
    stops = Counter(one.trajectory.stop_reason for one in log.trajectories)
    longer = [one for one in log.trajectories if _is_beyond_the_prompts_limit(one, rows, scale)]
    largest = max((_largest_view(one) for one in log.trajectories), default=0)
    replaced = [one for one in log.trajectories if one.index in rows.over]
    met = [f"{stop} {count}" for stop, count in stops.most_common() if stop is not None]
    met.append(f"beyond the prompt's limit {len(longer)}")
    met.append(f"images of {largest / scale.pixels:.0%} of MAX_PIXELS")
    met.append(f"{len(rows.over)} prompt over the limit, trained on {len(replaced)}")
    missing = [f"no trajectory ended by {stop}" for stop in _MUST if not stops[stop]]
    if not longer:
        missing.append("no conversation was longer than the prompt's limit")
    if replaced:
        missing.append(f"{len(replaced)} trajectories of prompts over --max_length")
    if largest < 0.9 * scale.pixels:
        missing.append(f"no image at MAX_PIXELS: {largest} of {scale.pixels}")
    return met, missing


def _is_beyond_the_prompts_limit(one: LoggedTrajectory, rows: Rows, scale: Scale) -> bool:
    """In text before its last turn, where an engine that checks it would raise."""
    prompt = rows.text_tokens.get(str(one.index), 0)
    return prompt + sum(one.turn_tokens[:-1]) > scale.prompt


def _largest_view(one: LoggedTrajectory) -> int:
    return max((math.prod(size) for size in one.trajectory.view_sizes if size), default=0)


def whole_log(log: LogDirectory, rows: Rows, steps: int) -> Iterator[str]:
    """Every step once, every row once, every trajectory once."""
    told = [line.step for line in log.metrics]
    if told != list(range(1, steps + 1)):
        yield f"the log has metrics of the steps {told}, not of 1 to {steps}"
    skipped = log.skipped
    if skipped.half_written or skipped.unreadable or skipped.repeated:
        yield f"the log has lines that cannot be read, or twice: {skipped}"
    for step in range(1, steps + 1):
        mine = [one for one in log.trajectories if one.step == step]
        if len(mine) != PROMPTS * GENERATIONS:
            yield f"step {step} has {len(mine)} trajectories, not {PROMPTS * GENERATIONS}"
    groups = Counter(one.group for one in log.trajectories)
    if set(groups.values()) != {GENERATIONS}:
        yield f"groups of {sorted(set(groups.values()))} trajectories, not of {GENERATIONS}"
    seen = {str(one.index) for one in log.trajectories}
    if missing := sorted(set(rows.text_tokens) - rows.over - seen):
        yield f"rows that were never trained on: {', '.join(missing)}"


def judged_by_server(log: LogDirectory) -> Iterator[str]:
    """The script's judge decided, and nobody in its place."""
    deciders = Counter(
        str(one.score.verdict.decided_by) for one in log.trajectories if one.score.verdict
    )
    if not deciders["server"]:
        yield f"the judge's server decided nothing: {dict(deciders)}"

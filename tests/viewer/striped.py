"""A log of one question about stripes that the model's view averages away: only a crop has them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from swift_deepeyes.record.record import LoggedTrajectory, RunInfo
from tests.record.scored import score_of
from tests.viewer.log_maker import metrics_line, store_image, write_lines
from tests.viewer.rollouts import call, make_episode, make_starter, png

SIDE, VIEW_SIDE = 448, 112  # pixels of the file, and of what the model sees
QUARTER = (0, 0, 56, 56)  # in the view
QUESTION = "Which way do the stripes run?\nA. up\nB. across"


@dataclass(frozen=True)
class Rollout:
    """What one rollout did at a step."""

    step: int
    answer: str
    zooms: bool


STORY = (
    Rollout(1, "B", False),
    Rollout(1, "B", False),
    Rollout(3, "B", True),
    Rollout(3, "A", True),
    Rollout(6, "A", True),
    Rollout(6, "B", False),
)


def striped_image() -> Image.Image:
    """Grey, with stripes of two pixels in the upper left quarter whose mean is the same grey."""
    pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
    stripes = np.where(np.arange(SIDE // 2) // 2 % 2, 228, 28).astype(np.uint8)
    pixels[: SIDE // 2, : SIDE // 2] = stripes[None, :, None]
    return Image.fromarray(pixels)


def write_striped(
    path: Path, story: Sequence[Rollout] = STORY, name: str = "stripes", **settings: str
) -> list[LoggedTrajectory]:
    """Write the log of a run: its trajectories, six lines of metrics, and run.json."""
    items = [_logged(path, rollout, number) for number, rollout in enumerate(story)]
    write_lines(path, items)
    info = RunInfo(kind="train", name=name, started="2026-11-27T20:00:00", settings=settings)
    (path / "run.json").write_text(info.model_dump_json())
    rewards = (0.0, 0.2, 0.4, 0.6, 1.0, 1.4)
    lines = [
        metrics_line(step, **{"reward": reward, "kl": 0.0, "deepeyes/judge/asked": float(step)})
        for step, reward in enumerate(rewards, start=1)
    ]
    (path / "metrics.jsonl").write_text("".join(lines))
    return items


def _logged(path: Path, rollout: Rollout, number: int) -> LoggedTrajectory:
    content = png(striped_image())
    image = base64.b64encode(content).decode()
    episode = make_episode(image, make_starter(), view_pixels=VIEW_SIDE**2)
    if rollout.zooms:
        text = f"<think>I look.</think>{call(QUARTER)}"
        episode.advance(text, tokens=9, truncated=False)
    episode.advance(f"<answer>{rollout.answer}</answer>", tokens=4, truncated=False)
    contents = [content, *map(base64.b64decode, episode.images.strings[1:])]
    is_right = rollout.answer == "A"
    return LoggedTrajectory(
        id=f"s{rollout.step}-{number}",
        group=f"g{rollout.step}",
        step=rollout.step,
        source="vstar",
        index="7",
        question=QUESTION,
        reference="A",
        images=tuple(store_image(path, one) for one in contents),
        image_sizes=((SIDE, SIDE), *((SIDE // 2, SIDE // 2) for _ in contents[1:])),
        trajectory=episode.record,
        score=score_of(
            float(is_right),
            total=2.0 if is_right and rollout.zooms else 0.8 * is_right,
            answer=rollout.answer,
            crops=episode.record.crops,
        ),
    )

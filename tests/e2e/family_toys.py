"""Toys of the families beside Qwen2.5-VL, taught just enough to call the tool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from swift_deepeyes.demo.options import DemoFamily
from swift_deepeyes.demo.toy.tokenizer import IMAGE_PAD
from swift_deepeyes.episode.trajectory import CallStatus
from tests.e2e.toy import Toy, logged, make_toy, training_steps

WARM_START_STEPS = 60
ZOOM_SHARE = 0.8


@dataclass(frozen=True)
class FamilyRun:
    folder: Path
    toy: Toy
    said: str


def family_toy(folder: Path, family: DemoFamily) -> Toy:
    return make_toy(folder, family, steps=WARM_START_STEPS, zoom_share=ZOOM_SHARE)


def image_token(toy: Toy) -> int:
    from transformers import AutoTokenizer

    number = AutoTokenizer.from_pretrained(toy.checkpoint).convert_tokens_to_ids(IMAGE_PAD)
    assert isinstance(number, int)
    return number


def assert_learns_from_crops(run: FamilyRun) -> None:
    """Rewards differ, the policy moves, and a crop shows the region that its box names."""
    steps = training_steps(run.folder / "grpo")
    assert any(step["grad_norm"] > 0 for step in steps)
    zoomed = [one for one in logged(run.folder / "log") if one.trajectory.crops]
    assert zoomed
    for one in zoomed:
        files = [Image.open(run.folder / "log" / "images" / name) for name in one.images]
        source, *crops = (image.convert("RGB") for image in files)
        calls = [call for call in one.trajectory.calls if call.status is CallStatus.OK]
        for call, crop in zip(calls, crops, strict=True):
            assert call.box is not None and call.frame == "norm1000"
            left, top, right, bottom = (edge * source.width / 1000 for edge in call.box)
            region = source.resize(crop.size, box=(left, top, right, bottom))
            difference = ImageStat.Stat(ImageChops.difference(region, crop))
            assert max(difference.mean) < 12

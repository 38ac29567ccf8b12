"""The warm start: trajectories for `swift sft` that teach the toy to write turns, not to win.

Most of them answer at once, with the right word, which the policy cannot see: it learns to guess.
The others zoom first; a few of those look into a wrong room, where there is nothing to see. So the
policy begins well-formed, zooms less often than not and sometimes in the wrong place: what there is
to gain is left to GRPO. A toy that is slow to read a pattern is also shown some in their own size.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swift_deepeyes.demo.toy import wording
from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.demo.toy.scenes import ROOMS, Scene, cut, draw, random_scene, to_png
from swift_deepeyes.demo.toy.view import ToyView

RIGHT_ROOM_SHARE = 0.9


def build_warm_start(
    folder: Path,
    seed: int,
    rows: int,
    zoom_share: float | None = None,
    family: ToyFamily = QWEN2_5_VL,
) -> Path:
    """Write `rows` trajectories and their images; returns the JSONL file for `--dataset`.

    `zoom_share`: of those that call the tool; None: the family's own.
    """
    share = family.zoom_share if zoom_share is None else zoom_share
    images = folder / "warm_start_images"
    images.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{seed}/warm_start")
    path = folder / "warm_start.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            file.write(json.dumps(_trajectory(rng, images, share, family)) + "\n")
    return path


def _trajectory(
    rng: random.Random, images: Path, zoom_share: float, family: ToyFamily
) -> dict[str, Any]:
    scene, view = random_scene(rng), family.view
    turns, paths = [wording.direct_turn(scene.pattern)], [store_scene(images, scene, view)]
    if rng.random() < zoom_share:
        wrong_room = rng.choice([room for room in range(ROOMS) if room != scene.room])
        room = scene.room if rng.random() < RIGHT_ROOM_SHARE else wrong_room
        turns = [wording.zoom_turn(view.room_box(room)), wording.zoomed_turn(scene.pattern)]
        paths.append(store_scene(images, scene, view, room))
    elif family.large_share and rng.random() < family.large_share:
        paths = [store_scene(images, scene, view, scene.room)]
    return conversation(turns, paths, view)


def conversation(turns: Sequence[str], paths: Sequence[str], view: ToyView) -> dict[str, Any]:
    """A row for `swift sft`: the model's turns, an observation between each two, the images."""
    messages = [
        {"role": "system", "content": wording.zoom_system(view)},
        {"role": "user", "content": wording.with_turn_instruction(wording.PATTERN_QUESTION)},
        {"role": "assistant", "content": turns[0]},
    ]
    for turn in turns[1:]:
        messages.append({"role": "user", "content": wording.observation()})
        messages.append({"role": "assistant", "content": turn})
    return {"messages": messages, "images": list(paths)}


def store_scene(images: Path, scene: Scene, view: ToyView, cut_room: int | None = None) -> str:
    """Write the scene, or the crop of one of its rooms, unless it is there already."""
    name = f"{scene.pattern}_{scene.room}_{scene.shift[0]}_{scene.shift[1]}_{cut_room}.png"
    path = images.resolve() / name
    if not path.exists():
        image = draw(scene, view)
        if cut_room is not None:
            image = cut(image, cut_room)
        path.write_bytes(to_png(image))
    return str(path)

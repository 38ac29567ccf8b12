"""Benchmarks in their published formats, made of coloured squares."""

from __future__ import annotations

import base64
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.evaluation.policy_server import COLORS

NAMES = list(COLORS)


def scene(number: int) -> tuple[Image.Image, str]:
    """A grey picture with one coloured square, and the colour's name."""
    rng = random.Random(number)
    color = NAMES[number % len(NAMES)]
    image = Image.new("RGB", (400, 300), (128, 128, 128))
    left, top = rng.randrange(0, 320), rng.randrange(0, 220)
    image.paste(COLORS[color], (left, top, left + 70, top + 70))
    return image, color


def encode(image: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def options_with_first_right(color: str) -> list[str]:
    return [color, *(name for name in NAMES if name != color)]


def make_vstar(folder: Path, count: int = 20, *, pairs: int = 4) -> Path:
    """V* as folders: the right option first; `pairs` questions have two options."""
    for number in range(count):
        category = "relative_position" if number < pairs else "direct_attributes"
        image, color = scene(number)
        (folder / category).mkdir(parents=True, exist_ok=True)
        image.save(folder / category / f"sa_{number}.jpg", quality=95)
        options = options_with_first_right(color)
        annotation = {
            "target_object": ["square"],
            "bbox": [[0, 0, 1, 1]],
            "question": f"What is the color of square {number}?",
            "options": options[: 2 if number < pairs else 4],
        }
        (folder / category / f"sa_{number}.json").write_text(json.dumps(annotation))
    return folder


def make_pope(folder: Path, count: int = 4) -> Path:
    """POPE as JSON lines in three files, with images in val2014."""
    (folder / "val2014").mkdir(parents=True)
    for split in ("random", "popular", "adversarial"):
        lines = []
        for number in range(count):
            image, color = scene(number)
            name = f"COCO_val2014_{number:012}.jpg"
            image.save(folder / "val2014" / name, quality=95)
            for asked in (color, NAMES[(number + 1) % 4]):
                label = "yes" if asked == color else "no"
                text = f"Is there a {asked} square in the image?"
                lines.append({"image": name, "text": text, "label": label})
        rows = [json.dumps({"question_id": i + 1, **line}) for i, line in enumerate(lines)]
        (folder / f"coco_pope_{split}.json").write_text("\n".join(rows) + "\n")
    return folder


def hrbench_rows(count: int = 3) -> list[dict[str, Any]]:
    """HR-Bench's rows: every question four times, its options rotated."""
    rows: list[dict[str, Any]] = []
    for number in range(count):
        image, color = scene(number)
        options = options_with_first_right(color)
        for cycle in range(4):
            turned = options[cycle:] + options[:cycle]
            rows.append(
                {
                    "index": len(rows),
                    "question": f"What is the color of square {number}?",
                    "image": base64.b64encode(encode(image)).decode(),
                    "answer": "ABCD"[turned.index(color)],
                    **dict(zip("ABCD", turned, strict=True)),
                    "category": "single" if number % 2 else "cross",
                    "cycle_category": str(cycle),
                }
            )
    return rows


def training_row(number: int, question: str, reference: str, **changes: Any) -> dict[str, Any]:
    """A row in the schema of the training data."""
    image, _ = scene(number)
    row = {
        "data_source": "vstar",
        "env_name": "visual_toolbox_v2",
        "prompt": [
            {"role": "system", "content": "Use image_zoom_in_tool inside <tools></tools>."},
            {"role": "user", "content": f"<image>\n{question}\nThink first, call **x** if needed."},
        ],
        "images": [{"bytes": encode(image), "path": None}],
        "reward_model": {"style": "model", "ground_truth": reference},
        "extra_info": {"split": "train", "index": str(number), "question": question},
    }
    return {**row, **changes}


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path

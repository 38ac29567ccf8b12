"""Rows at the real run's limits: prompts that just fit, one that does not, all images allowed.

The kind of a row is in its `extra_info.index` (`context-1`); `rehearsal_plugin.py` writes calls by
it. The first `QUICK` rows have all kinds that a rehearsal must see.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tokenizers import Tokenizer

from rehearsal.scale import Scale
from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.demo.toy.data import build_data, schema
from swift_deepeyes.demo.toy.scenes import to_png

INFO = "dataset_info.json"
FILES = ("vstar", "chart", "thinklite")
PREFIX = "deepeyes_rehearsal_"
QUICK = 8
_KINDS = (
    *("turns", "context", "images", "over", "long", "length", "chart", "math"),
    *("free", "mistakes", "turns", "context"),
)
_NEAR = {"context", "long", "chart"}  # kinds whose prompt is just under the limit
# A limit of ms-swift's counts text: what is long by its image never meets it.
_SMALL_IMAGES = {"images", "long"}
_SLACK = 8  # tokens below the limit
_SMALL = (56, 56)  # pixels of each of many images


@dataclass(frozen=True)
class Rows:
    """What was written. `text_tokens` of the prompts by index; `over` are beyond the limit."""

    text_tokens: dict[str, int]

    @property
    def over(self) -> set[str]:
        """Rows that ms-swift must replace by others."""
        return {index for index in self.text_tokens if index.startswith("over")}


def write_rows(folder: Path, checkpoint: Path, scale: Scale, count: int) -> Rows:
    """Three files, as of the real data, and their `dataset_info.json`."""
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))

    def count_tokens(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    toys = build_data(folder / "toy", seed=0, rows=1, other_rows=1)
    templates = {
        "vstar": pq.read_table(toys.vstar).to_pylist()[0],
        "chart": pq.read_table(toys.chart).to_pylist()[0],
        "math": pq.read_table(toys.thinklite).to_pylist()[0],
    }
    tokens: dict[str, int] = {}
    files: dict[str, list[dict[str, Any]]] = {name: [] for name in FILES}
    numbers: Counter[str] = Counter()
    for kind in _KINDS[:count]:
        index = f"{kind}-{numbers[kind]}"
        numbers[kind] += 1
        template = copy.deepcopy(templates.get(kind, templates["vstar"]))
        row, tokens[index] = _row(template, kind, index, scale, count_tokens)
        files[{"math": "thinklite"}.get(kind, kind if kind == "chart" else "vstar")].append(row)
    _write(folder, files)
    return Rows(tokens)


def _row(
    row: dict[str, Any], kind: str, index: str, scale: Scale, count: Callable[[str], int]
) -> tuple[dict[str, Any], int]:
    """A toy row with other images and a longer question, and the tokens of its prompt's text."""
    width, height = scale.view
    side = _SMALL if kind in _SMALL_IMAGES else (width, height)
    images = scale.max_images - 1 if kind == "images" else 1
    # Twice as large: the model sees it reduced to the limit.
    source = side if kind in _SMALL_IMAGES else (2 * width, 2 * height)
    png = _resized(row["images"][0]["bytes"], source)
    row["images"] = [{"bytes": png, "path": None}] * images
    question = row["extra_info"]["question"]
    system, user = (message["content"] for message in row["prompt"])
    user = user.replace(IMAGE_TAG, IMAGE_TAG * images)
    image_tokens = images * (2 + side[0] * side[1] // 28**2)
    frame = "".join(
        f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in (("system", system),)
    )
    frame += f"<|im_start|>user\n{user.replace(IMAGE_TAG, '')}<|im_end|>\n<|im_start|>assistant\n"
    tokens = count(frame) + image_tokens
    if kind in _NEAR or kind == "over":
        wanted = scale.prompt + _SLACK if kind == "over" else scale.prompt - _SLACK
        filler = " room" * (wanted - tokens)  # a token each
        user = user.replace(question, question + filler, 1)
        tokens = wanted
    row["prompt"] = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    row["extra_info"]["index"] = index
    if kind not in ("chart", "math"):
        # Longer than a word: whether an answer means the same is the judge's to say.
        row["reward_model"]["ground_truth"] = row["extra_info"]["answer"] = (
            f"The pattern on the ball is {row['extra_info']['answer']}."
        )
    return row, tokens - image_tokens


def _resized(png: bytes, size: tuple[int, int]) -> bytes:
    with Image.open(BytesIO(png)) as image:
        return to_png(image.convert("RGB").resize(size))


def _write(folder: Path, files: dict[str, list[dict[str, Any]]]) -> None:
    entries: list[dict[str, Any]] = []
    for name, rows in files.items():
        table = pa.Table.from_pylist(rows, schema=schema(pa.string()))
        pq.write_table(table, folder / f"{name}.parquet")
        entries.append(
            {
                "dataset_name": f"{PREFIX}{name}",
                "dataset_path": f"{name}.parquet",
                "columns": {"prompt": "messages"},
            }
        )
    (folder / INFO).write_text(json.dumps(entries))

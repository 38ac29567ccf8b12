"""Toy parquet files in the exact schema of DeepEyes-Datasets-47k.

One file per kind of row: `vstar` (a question that needs the zoom tool), `chart` (the same with
option letters) and `thinklite` (no tool, a number in a box). `dataset_info.json` beside them
registers them with ms-swift the way the package's own file registers the real ones.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from swift_deepeyes.dataset.columns import (
    ABILITY,
    DATA_SOURCE,
    ENV_NAME,
    EXTRA_INFO,
    IMAGES,
    PROMPT,
    REWARD_MODEL,
    TO_MESSAGES,
)
from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.dataset.published import DATASET_INFO
from swift_deepeyes.demo.toy import wording
from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.demo.toy.scenes import ROOMS, Pattern, draw, random_scene, to_png
from swift_deepeyes.demo.toy.view import ToyView

ZOOM_ENVIRONMENT = "visual_toolbox_v2"

Row = dict[str, Any]
MakeRow = Callable[[random.Random, int, ToyView], Row]


def schema(index_type: pa.DataType) -> pa.Schema:
    """The columns of the data; `extra_info.index` is text in one real file, a number in another."""
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    extra = [("split", pa.string()), ("index", index_type)]
    extra += [("answer", pa.string()), ("question", pa.string())]
    return pa.schema(
        [
            (DATA_SOURCE, pa.string()),
            (ABILITY, pa.string()),
            (ENV_NAME, pa.string()),
            (PROMPT, pa.list_(message)),
            (IMAGES, pa.list_(image)),
            (REWARD_MODEL, pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
            (EXTRA_INFO, pa.struct(extra)),
        ]
    )


@dataclass(frozen=True)
class ToyFiles:
    """Where `build_data` wrote its files; `dataset_info` is for `--custom_dataset_info`."""

    folder: Path
    vstar: Path
    chart: Path
    thinklite: Path
    dataset_info: Path


def build_data(
    folder: Path, seed: int, rows: int, *, other_rows: int = 16, family: ToyFamily = QWEN2_5_VL
) -> ToyFiles:
    """Write the three files: `rows` of vstar, `other_rows` of chart and of thinklite each."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ToyFiles(
        folder=folder,
        vstar=folder / "toy_vstar.parquet",
        chart=folder / "toy_chart.parquet",
        thinklite=folder / "toy_thinklite.parquet",
        dataset_info=folder / DATASET_INFO,
    )
    plan: list[tuple[Path, MakeRow, int, pa.DataType]] = [
        (files.vstar, _vstar_row, rows, pa.string()),
        (files.chart, _chart_row, other_rows, pa.int64()),
        (files.thinklite, _thinklite_row, other_rows, pa.string()),
    ]
    for path, make_row, count, index_type in plan:
        # One generator per file: adding rows to one does not change the others.
        rng = random.Random(f"{seed}/{path.stem}")
        made = (make_row(rng, number, family.view) for number in range(count))
        _write(path, made, schema(index_type))
    _write_dataset_info(files)
    return files


def _write(path: Path, rows: Iterable[Row], row_schema: pa.Schema) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows), schema=row_schema), path)


def _write_dataset_info(files: ToyFiles) -> None:
    """Names of their own (`toy_…`), so that they never collide with the real data's names."""
    entries = [
        {"dataset_path": path.name, "dataset_name": path.stem, "columns": TO_MESSAGES}
        for path in (files.vstar, files.chart, files.thinklite)
    ]
    files.dataset_info.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def _vstar_row(rng: random.Random, number: int, view: ToyView) -> Row:
    scene = random_scene(rng)
    return _row(
        source="vstar",
        environment=ZOOM_ENVIRONMENT,
        system=wording.zoom_system(view),
        user=wording.with_turn_instruction(wording.PATTERN_QUESTION),
        image=to_png(draw(scene, view)),
        answer=str(scene.pattern),
        question=wording.PATTERN_QUESTION,
        index=str(number),
    )


def _chart_row(rng: random.Random, number: int, view: ToyView) -> Row:
    scene = random_scene(rng)
    options = rng.sample(list(Pattern), len(Pattern))
    question = wording.option_question(options)
    return _row(
        source="chart",
        environment=ZOOM_ENVIRONMENT,
        system=wording.zoom_system(view),
        user=wording.with_turn_instruction(question),
        image=to_png(draw(scene, view)),
        answer="ABC"[options.index(scene.pattern)],
        question=question,
        index=number,
    )


def _thinklite_row(rng: random.Random, number: int, view: ToyView) -> Row:
    """No tool and no environment: both spellings of "none" occur in the real file."""
    return _row(
        source="thinklite_eureka",
        environment="" if number % 2 else None,
        system=wording.THINKLITE_SYSTEM,
        user=f"{IMAGE_TAG}\n{wording.COUNT_QUESTION}",
        image=to_png(draw(random_scene(rng), view)),
        answer=str(ROOMS - 1),
        question=wording.COUNT_QUESTION,
        index=str(number),
    )


def _row(
    *,
    source: str,
    environment: str | None,
    system: str,
    user: str,
    image: bytes,
    answer: str,
    question: str,
    index: int | str,
) -> Row:
    return {
        DATA_SOURCE: source,
        ABILITY: "vl_chart" if source == "chart" else "vl_agent",
        ENV_NAME: environment,
        PROMPT: [
            {"role": "system", "content": system},
            {"role": "user", "content": user},
        ],
        IMAGES: [{"bytes": image, "path": None}],
        REWARD_MODEL: {"style": "model", "ground_truth": answer},
        EXTRA_INFO: {
            "split": "train",
            "index": index,
            "answer": answer,
            "question": question,
        },
    }

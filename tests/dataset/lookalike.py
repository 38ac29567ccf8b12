"""Parquet files that look like DeepEyes-Datasets-47k: same columns, types and texts, a few rows."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset
from PIL import Image

FILES = {
    "deepeyes_vstar": "data_0.1.2_visual_toolbox_v2.parquet",
    "deepeyes_chart": "data_v0.8_visual_toolbox_v2.parquet",
    "deepeyes_thinklite": "data_thinklite_reasoning_acc.parquet",
}
TOOL_SYSTEM = "You are a helpful assistant.\n\n# Tools\n<tools>image_zoom_in_tool</tools>"
INSTRUCTION = (
    "\nThink first, call **image_zoom_in_tool** if needed, then answer. Format strictly as:  "
    "<think>...</think>  <tool_call>...</tool_call> (if tools needed)  <answer>...</answer> "
)


def png(width: int = 64, height: int = 48, mode: str = "RGB", **options: Any) -> bytes:
    return encoded(Image.effect_noise((width, height), 60).convert(mode), "PNG", **options)


def jpeg(width: int = 64, height: int = 48, mode: str = "RGB", **options: Any) -> bytes:
    return encoded(Image.effect_noise((width, height), 60).convert(mode), "JPEG", **options)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(extra: bytes) -> bytes:
    """A good PNG with more chunks after its pixels."""
    good = png(300, 200)
    return good[:-12] + extra + good[-12:]


def text_bomb(kind: bytes = b"zTXt", size: int = 2 * 2**20) -> bytes:
    """A PNG with megabytes of compressed text after its pixels."""
    head = b"Comment\0\1\0\0\0" if kind == b"iTXt" else b"Comment\0\0"
    return png_with(chunk(kind, head + zlib.compress(b"a" * size)))


def png_of(pixels: bytes) -> bytes:
    """A PNG of 64x48 with these compressed pixels, and right checksums everywhere."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


PIXELS = b"".join(b"\0" + random.Random(line).randbytes(3 * 64) for line in range(48))


def cut_stream() -> bytes:
    """A PNG whose pixel stream ends half-way, with right checksums."""
    return png_of(zlib.compress(PIXELS)[:2000])


def row(source: str, index: Any, **changes: Any) -> dict[str, Any]:
    """A row of this data source, with another `image` (bytes or an entry) or other columns."""
    image = changes.pop("image", None) or png()
    tool = source != "thinklite_eureka"
    question = f"What is number {index}?"
    result = {
        "data_source": source,
        "prompt": [
            {"role": "system", "content": TOOL_SYSTEM if tool else "Think step by step."},
            {"role": "user", "content": f"<image>\n{question}{INSTRUCTION if tool else ''}"},
        ],
        "images": [image if isinstance(image, dict) else {"bytes": image, "path": None}],
        "ability": "vl_chart" if source == "chart" else "math",
        "env_name": "visual_toolbox_v2" if tool else None,
        "reward_model": {"style": "model", "ground_truth": "A"},
        "extra_info": {"split": "train", "index": index, "answer": "A", "question": question},
    }
    return result | changes


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """As plain Arrow, the way pandas writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_with_image_feature(path: Path, rows: list[dict[str, Any]]) -> Path:
    """As `datasets` writes: metadata that make every reader decode the images."""
    from datasets import Features, Image, Value

    text = Value("string")
    features = Features(
        {
            "data_source": text,
            "prompt": [{"role": text, "content": text}],
            "images": [Image()],
            "ability": text,
            "env_name": text,
            "reward_model": {"style": text, "ground_truth": text},
            "extra_info": {
                "split": text,
                "index": Value("int64"),
                "answer": text,
                "question": text,
            },
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(rows, features=features).to_parquet(path)
    return path


def write_all(folder: Path, rows: int = 5) -> None:
    """The three files, with the differences in types that the real ones have."""
    write(folder / FILES["deepeyes_vstar"], [row("vstar", f"vstar-{i}") for i in range(rows)])
    write_with_image_feature(
        folder / FILES["deepeyes_chart"], [row("chart", i) for i in range(rows)]
    )
    thinklite = [row("thinklite_eureka", i) for i in range(rows)]
    for entry in thinklite:
        entry["extra_info"] |= {"difficulty": 3}
        entry["reward_model"] |= {"ground_truth": 42}
    write(folder / FILES["deepeyes_thinklite"], thinklite)

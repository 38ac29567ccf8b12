"""Look-alikes of the published files at any scale: texts, sizes, layout and flaws as they are.

The pictures are a few dozen drawings; every row gets one of them with a comment of its own inside
(a PNG `tEXt` chunk, a JPEG `COM` segment), so that all bytes differ and writing a gigabyte takes
seconds. Written as pandas writes: one row group of pages with 1,024 rows, the worst to read.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from tests.dataset import lookalike

ROWS = {"vstar": 22_362, "chart": 13_659, "thinklite_eureka": 11_031}
FILES = {
    "vstar": lookalike.FILES["deepeyes_vstar"],
    "chart": lookalike.FILES["deepeyes_chart"],
    "thinklite_eureka": lookalike.FILES["deepeyes_thinklite"],
}
PAGE_ROWS = 1024
NOISE_BYTES = {"PNG": 2.7, "JPEG": 0.9}  # per pixel of grey noise

# The schema of the tool, with its slip: it describes bbox_2d and requires bbox.
SIGNATURE = (
    '{"type":"function","function":{"name":"image_zoom_in_tool","description":"Zoom in on a '
    'region.","parameters":{"type":"object","properties":{"bbox_2d":{"type":"array","items":'
    '{"type":"number"},"minItems":4,"maxItems":4,"description":"x1, y1, x2, y2"},"label":'
    '{"type":"string","description":"What is there."}},"required":["bbox"]}}}'
)
TOOL_SYSTEM = (
    "You are a helpful assistant.\n\n# Tools\nYou may call one or more functions.\n<tools>\n"
    + SIGNATURE
    + "\n</tools>\n\n**Example**:  \n<tool_call>  \n"
    '{"name": "image_zoom_in_tool", "arguments": {"bbox_2d": [10, 20, 100, 200]}}  \n</tool_call>'
)
MATH_SYSTEM = "Think inside <think></think>. The answer goes into <answer></answer> as \\boxed{}."
# Half of the real references are words; 174 of 11,031 have braces that the official regex cuts.
MATH_REFERENCES = ["Washington, D.C.", "herbivore", "an orange", "42", "3.5", "\\frac{3}{4}"]
# Widths and heights in pixels, and how often.
SIZES = {
    "vstar": [((1024, 683), 6), ((1500, 1000), 3), ((2250, 1500), 1)],
    "chart": [((900, 700), 20), ((1700, 1300), 18), ((2600, 2000), 1), ((3600, 2700), 1)],
    "thinklite_eureka": [((640, 480), 5), ((900, 600), 3), ((200, 20), 1), ((24, 24), 1)],
}
BYTES_PER_IMAGE = {"vstar": 44_000, "chart": 160_900, "thinklite_eureka": 150_000}
DRAWINGS = 6  # per size
# For tests that must be quick: small pictures, but for one chart over the cap.
SMALL_SIZES = {
    "vstar": [((150, 100), 1), ((90, 120), 1)],
    "chart": [((200, 150), 1)],
    "thinklite_eureka": [((80, 60), 2), ((100, 20), 1), ((24, 24), 1)],
}
LARGE_CHART = {31: (2400, 1800)}
SMALL_BYTES = 3_000


def rows(
    source: str, count: int, *, small: bool, flaws: bool = True, kind: str | None = None
) -> Iterator[dict[str, Any]]:
    """Rows of a data source; with `flaws`, one of each kind among the first forty.

    `kind` of the images: None: as published.
    """
    rng = random.Random(source)
    sizes, weights = zip(*(SMALL_SIZES if small else SIZES)[source], strict=True)
    kind = kind or ("JPEG" if source == "vstar" else "PNG")
    size_bytes = SMALL_BYTES if small else BYTES_PER_IMAGE[source]
    for number in range(count):
        size = rng.choices(sizes, weights)[0]
        if source == "chart":
            size = LARGE_CHART.get(number, size)
        picture = drawing(size, rng.randrange(DRAWINGS), kind, size_bytes)
        row = _row(source, number, unique(picture, number), rng)
        yield FLAWS[number](row) if flaws and number in FLAWS else row


def write(
    path: Path,
    source: str,
    count: int,
    *,
    small: bool = True,
    flaws: bool = True,
    kind: str | None = None,
) -> Path:
    """A file of `count` rows; needs its size in memory, as one row group cannot be streamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = schema_of(source)
    made = rows(source, count, small=small, flaws=flaws, kind=kind)
    batches = []
    while batch := list(islice(made, PAGE_ROWS)):
        batches.append(pa.RecordBatch.from_pylist(batch, schema=schema))
    pq.write_table(pa.Table.from_batches(batches, schema=schema), path, row_group_size=2**20)
    return path


def write_all(folder: Path, count: int, *, small: bool = True) -> None:
    """The three files."""
    for source, name in FILES.items():
        write(folder / name, source, count, small=small)


def schema_of(source: str) -> pa.Schema:
    """`extra_info.index` is a number in the chart file."""
    text = pa.string()
    index = pa.int64() if source == "chart" else text
    return pa.schema(
        [
            ("data_source", text),
            ("prompt", pa.list_(pa.struct([("content", text), ("role", text)]))),
            ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", text)]))),
            ("ability", text),
            ("env_name", text),
            ("reward_model", pa.struct([("ground_truth", text), ("style", text)])),
            (
                "extra_info",
                pa.struct(
                    [("answer", text), ("index", index), ("question", text), ("split", text)]
                ),
            ),
        ]
    )


def _row(source: str, number: int, image: bytes, rng: random.Random) -> dict[str, Any]:
    index = number if source == "chart" else f"{source}-{number}"
    row = lookalike.row(source, index, image=image)
    tool = source != "thinklite_eureka"
    question, answer = f"What is shown as number {number}?", "The sign is red."
    if source == "chart":
        question += "\nA. the left bar\nB. the right bar\nC. a line\nD. none of them"
        answer = rng.choice("ABCD")
    if not tool:
        answer = rng.choice(MATH_REFERENCES)
    row["prompt"] = [
        {"role": "system", "content": TOOL_SYSTEM if tool else MATH_SYSTEM},
        {"role": "user", "content": f"<image>\n{question}{lookalike.INSTRUCTION if tool else ''}"},
    ]
    row["reward_model"]["ground_truth"] = answer
    row["extra_info"] |= {"answer": answer, "question": question}
    return row


@lru_cache(maxsize=256)
def drawing(size: tuple[int, int], number: int, kind: str, size_bytes: int) -> bytes:
    """A picture of about so many bytes."""
    rng = random.Random(f"{size}{number}")
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for _ in range(15):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        color = tuple(rng.randrange(256) for _ in range(3))
        draw.line([x, y, rng.randrange(size[0]), rng.randrange(size[1])], fill=color, width=3)
        draw.text((x, y), f"{number} {x}.{y}", fill="black")
    content = lookalike.encoded(picture, kind)
    missing = size_bytes - len(content)
    if missing > 0 and min(size) >= 100:
        # A patch of noise: charts and photographs do not compress as well as a few lines.
        side = min(*size, int((missing / NOISE_BYTES[kind]) ** 0.5))
        noise = Image.frombytes("L", (side, side), rng.randbytes(side * side))
        picture.paste(noise.convert("RGB"), (0, 0))
        content = lookalike.encoded(picture, kind)
    return content


def unique(content: bytes, number: int) -> bytes:
    """The same picture in other bytes."""
    text = b"row %d" % number
    if content.startswith(b"\xff\xd8"):
        return content[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + content[2:]
    body = b"tEXtComment\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return content[:-12] + chunk + content[-12:]


def _with_image(row: dict[str, Any], image: bytes | None, path: str | None = None) -> dict:
    return row | {"images": [{"bytes": image, "path": path}]}


def _with_reference(row: dict[str, Any], reference: str) -> dict[str, Any]:
    row["reward_model"] |= {"ground_truth": reference}
    row["extra_info"] |= {"answer": reference}
    return row


def _without_question(row: dict[str, Any]) -> dict[str, Any]:
    row["extra_info"] |= {"question": None}
    return row


def _twin(row: dict[str, Any], reference: str) -> dict[str, Any]:
    """A row like every other `_twin`, but for its reference."""
    row["images"] = [{"bytes": lookalike.encoded(Image.new("RGB", (64, 64)), "PNG"), "path": None}]
    row["extra_info"] |= {"question": "Which of the twins?"}
    return _with_reference(row, reference)


FLAWS = {
    3: lambda row: _with_image(row, row["images"][0]["bytes"][:-200]),
    5: lambda row: _with_image(row, None),
    7: lambda row: _with_image(row, None, "no/such/file.png"),
    9: lambda row: _with_image(row, lookalike.png(1, 300)),
    11: lambda row: row | {"images": []},
    13: lambda row: _with_reference(row, ""),
    15: _without_question,
    17: lambda row: row | {"prompt": []},
    19: lambda row: _twin(row, "A"),
    21: lambda row: _twin(row, "B"),
    23: lambda row: _twin(row, "(A)."),
    25: lambda row: _with_reference(row, "G"),
    27: lambda row: _with_reference(row, "x}{y"),
    29: lambda row: _with_reference(row, "\\{1, 2\\}"),
}

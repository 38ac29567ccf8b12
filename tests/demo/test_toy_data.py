"""The toy rows have the published schema, and the answer is really not in the model's view."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from qwen_vl_utils import fetch_image

from swift_deepeyes.demo.toy import build_data
from swift_deepeyes.demo.toy.data import ToyFiles
from swift_deepeyes.demo.toy.families import TOYS
from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.scenes import ROOMS, Pattern, Scene, cut, draw
from swift_deepeyes.demo.toy.view import ToyView
from swift_deepeyes.episode.boxes import Box, Extent, Frame, Size, family_frame
from swift_deepeyes.episode.start import box_rules
from swift_deepeyes.settings import BoxFormat, Settings

# field_notes.md §3, to the letter: two spaces between the tags and one at the end.
TURN_INSTRUCTION = (
    "\nThink first, call **image_zoom_in_tool** if needed, then answer. Format strictly as:  "
    "<think>...</think>  <tool_call>...</tool_call> (if tools needed)  <answer>...</answer> "
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ToyFiles:
    return build_data(tmp_path_factory.mktemp("toy"), seed=3, rows=12, other_rows=4)


def test_columns_are_those_of_the_published_files(files: ToyFiles) -> None:
    for path, index in [
        (files.vstar, pa.string()),
        (files.chart, pa.int64()),
        (files.thinklite, pa.string()),
    ]:
        schema = pq.read_schema(path)
        assert schema.names == [
            *("data_source", "ability", "env_name", "prompt"),
            *("images", "reward_model", "extra_info"),
        ]
        message = pa.struct([("role", pa.string()), ("content", pa.string())])
        image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        assert schema.field("prompt").type.value_type == message
        assert schema.field("images").type.value_type == image
        reward_model = pa.struct([("style", pa.string()), ("ground_truth", pa.string())])
        assert schema.field("reward_model").type == reward_model
        extra_info = schema.field("extra_info").type
        assert [field.name for field in extra_info] == ["split", "index", "answer", "question"]
        assert extra_info.field("index").type == index


def test_vstar_rows(files: ToyFiles) -> None:
    rows = pq.read_table(files.vstar).to_pylist()
    assert len(rows) == 12
    for row in rows:
        system, user = row["prompt"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert "<tools>" in system["content"]
        assert "image_zoom_in_tool" in system["content"]
        question = row["extra_info"]["question"]
        assert user["content"] == f"<image>\n{question}{TURN_INSTRUCTION}"
        assert row["env_name"] == "visual_toolbox_v2"
        assert row["data_source"] == "vstar"
        assert row["reward_model"]["ground_truth"] in list(Pattern)
        (image,) = row["images"]
        assert Image.open(io.BytesIO(image["bytes"])).size == (448, 448)


def test_other_rows(files: ToyFiles) -> None:
    for row in pq.read_table(files.chart).to_pylist():
        letter = row["reward_model"]["ground_truth"]
        assert f"\n{letter}. " in row["prompt"][1]["content"]
        assert (row["data_source"], row["env_name"]) == ("chart", "visual_toolbox_v2")
    rows = pq.read_table(files.thinklite).to_pylist()
    assert {row["env_name"] for row in rows} == {None, ""}
    for row in rows:
        assert row["data_source"] == "thinklite_eureka"
        assert "image_zoom_in_tool" not in row["prompt"][0]["content"]


def test_the_seed_makes_the_data(tmp_path: Path, files: ToyFiles) -> None:
    again = build_data(tmp_path / "again", seed=3, rows=12, other_rows=4)
    other = build_data(tmp_path / "other", seed=4, rows=12, other_rows=4)
    assert again.vstar.read_bytes() == files.vstar.read_bytes()
    assert other.vstar.read_bytes() != files.vstar.read_bytes()


def _as_seen(image: Image.Image, view: ToyView) -> np.ndarray:
    limits = {"min_pixels": 4096, "max_pixels": view.pixels}
    seen = fetch_image({"image": image, **limits}, image_patch_size=view.family.patch_size)
    return np.asarray(seen).astype(int)


@pytest.mark.parametrize("room", range(ROOMS))
@pytest.mark.parametrize("view", [toy.view for toy in TOYS.values()])
def test_patterns_show_in_the_crop_and_not_in_the_scene(room: int, view: ToyView) -> None:
    scenes = [draw(Scene(room, pattern, (4, -8)), view) for pattern in Pattern]
    views = [_as_seen(scene, view) for scene in scenes]
    assert views[0].shape == (view.side, view.side, 3)
    crops = [_as_seen(cut(scene, room), view) for scene in scenes]
    for one in range(len(scenes)):
        for other in range(one):
            # Rounding leaves one or two of 255 levels.
            assert np.abs(views[one] - views[other]).max() <= 4
            assert np.abs(crops[one] - crops[other]).max() >= 50


@pytest.mark.parametrize("toy", TOYS.values(), ids=lambda toy: str(toy.name))
def test_a_room_is_a_box_that_the_tool_accepts(toy: ToyFamily) -> None:
    rules = box_rules(Settings(judge="rule"))
    view = toy.view
    extent = Extent(Size(view.side, view.side), Size(view.scene_side, view.scene_side))
    written = family_frame(toy.name, BoxFormat.AUTO)
    scene = draw(Scene(0, Pattern.PLAIN), view)
    for room in range(ROOMS):
        box = Box(*map(float, view.room_box(room)), written)
        seen, source = box.to(Frame.PIXEL, extent), box.to(Frame.SOURCE, extent)
        assert min(seen.width, seen.height) > rules.min_side
        assert scene.crop(tuple(map(int, source.corners))).tobytes() == cut(scene, room).tobytes()

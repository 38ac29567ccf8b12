"""Real GRPO in colocate mode: rows of many shapes, crops, broken images, the real batch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageChops, ImageStat
from typer.testing import CliRunner

from swift_deepeyes import __version__
from swift_deepeyes.cli.main import app
from swift_deepeyes.dataset.media_tags import IMAGE_TAG
from swift_deepeyes.demo import commands
from swift_deepeyes.demo.processes import SwiftProcess
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.episode.boxes import Size
from swift_deepeyes.episode.trajectory import CallStatus, StopReason
from swift_deepeyes.episode.view import ViewRecipe
from tests.dataset import lookalike
from tests.e2e.toy import Toy, add_dataset, logged, training_steps, with_datasets, with_values

pytestmark = pytest.mark.e2e
COUNTER = Path(__file__).parent / "plugins" / "count_image_tokens.py"
# The toy calls `image_zoom_in_tool` whatever the row; a toolbox of the user's own may have a tool
# of that name, and then its rows get that one.
OWN_TOOL = """
from PIL import ImageDraw
from pydantic import BaseModel
from swift_deepeyes.tools import NewImage, Tool, ToolResult, register_tool

class MarkArguments(BaseModel):
    bbox_2d: list[float]

@register_tool("marker_toolbox")
class MarkTool(Tool[MarkArguments]):
    name = "image_zoom_in_tool"
    description = "Draw a frame."
    arguments = MarkArguments

    def run(self, arguments, scene):
        shown = scene.show(0)
        marked = shown.view.copy()
        ImageDraw.Draw(marked).rectangle(scene.box(arguments.bbox_2d, shown).corners, outline="red")
        return ToolResult(image=NewImage(marked, shown.place))
"""


BROKEN = {
    3: b"not an image",
    5: lookalike.png()[:300],
    6: lookalike.text_bomb(),
    7: lookalike.cut_stream(),
}


def as_parts(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row as others write them: parts that name a file, no column of images or of tools."""
    picture = folder / f"picture_{row['extra_info']['index']}.png"
    picture.write_bytes(row["images"][0]["bytes"])
    system, user = (message["content"] for message in row["prompt"])
    parts = [
        {"type": "image", "image": str(picture), "text": None},
        {"type": "text", "image": None, "text": user.removeprefix(IMAGE_TAG)},
    ]
    prompt = [
        {"role": "system", "content": [{"type": "text", "image": None, "text": system}]},
        {"role": "user", "content": parts},
    ]
    kept = {name: row[name] for name in ("reward_model", "extra_info")}
    return {**kept, "prompt": prompt, "data_source": "vstar_parts"}


@pytest.fixture(scope="module")
def run(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two steps over rows of six kinds; four of the rows have no readable image."""
    folder = tmp_path_factory.mktemp("colocate")
    data = toy.options.data
    table = pq.read_table(data / "toy_vstar.parquet").to_pylist()
    for number, broken in BROKEN.items():
        table[number]["images"] = [{"bytes": broken, "path": None}]
    add_dataset(folder, "deepeyes_vstar_toy", table[:8])
    add_dataset(folder, "deepeyes_parts_toy", [as_parts(row, folder) for row in table[16:18]])
    for row in table[8:16]:
        row["env_name"] = "marker_toolbox"
        row["data_source"] = "vstar_marked"
    add_dataset(folder, "deepeyes_marked_toy", table[8:12])
    # `extra_info.index` is a number in the chart file and text in the others, as in the real data.
    for kind in ("chart", "thinklite"):
        rows = pq.read_table(data / f"toy_{kind}.parquet").to_pylist()
        add_dataset(folder, f"deepeyes_{kind}_toy", rows[:3])
    tool = folder / "own_tool.py"
    tool.write_text(OWN_TOOL)
    arguments = toy.grpo(folder / "grpo", per_device_train_batch_size="32", num_generations="4")
    kinds = ("vstar", "marked", "parts", "chart", "thinklite")
    arguments = with_datasets(arguments, *(f"deepeyes_{kind}_toy" for kind in kinds))
    arguments = with_values(arguments, custom_dataset_info=str(folder / "dataset_info.json"))
    at = arguments.index(str(commands.TOY_PLUGIN))
    arguments[at + 1 : at + 1] = [str(tool), str(COUNTER)]
    arguments = with_values(arguments, callbacks="count_image_tokens", report_to="tensorboard")
    environment = {
        "DEEPEYES_JUDGE": "rule",
        "DEEPEYES_CROP_SOURCE": "original",
        "DEEPEYES_LOG_DIR": str(folder / "log"),
        "COUNT_IMAGE_TOKENS_FILE": str(folder / "tokens.jsonl"),
    }
    with SwiftProcess(arguments, folder / "train.log", environment) as process:
        process.wait(600)
    yield folder, process.read_log()


def test_two_steps_are_trained_with_our_rewards(run: Any) -> None:
    folder, _ = run
    steps = training_steps(folder / "grpo")
    assert len(steps) == 2
    for name in ("DeepEyesReward", "DeepEyesAccuracy", "DeepEyesFormat", "DeepEyesTool"):
        assert all(f"rewards/{name}/mean" in step for step in steps)
    assert any(step["grad_norm"] > 0 for step in steps)


def test_the_console_says_what_the_run_is_and_how_each_step_went(run: Any) -> None:
    folder, log = run
    lines = log.split("\n")
    title = f"swift-deepeyes {__version__} with ms-swift {version('ms-swift')}"
    assert lines.count(title) == 1
    at = lines.index(title)
    assert lines[at + 1 : at + 9] == [
        "  scheduler      deepeyes_scheduler, at most 3 turns",
        "  judge          rules",
        "  scoring        strict",
        "  crop source    original",
        "  box frame      pixel (template toy_qwen2_5_vl)",
        f"  pixel limits   3,136 to {QWEN2_5_VL.view.pixels:,} per image (MAX_PIXELS)",
        f"  log directory  {folder / 'log'}",
        f"  to look at it  swift-deepeyes watch {folder / 'log'}",
    ]
    said = [line for line in lines[at:] if re.match(r"step \d", line)]
    for number, (line, step) in enumerate(zip(said, training_steps(folder / "grpo"), strict=True)):
        assert line.startswith(
            f"step {number + 1}/2  reward {step['reward']:.2f}"
            f"  right {100 * step['deepeyes/accuracy/all']:.0f} %"
            f"  crop {100 * step['deepeyes/crops/share']:.0f} %"
            f"  turns {step['deepeyes/turns/mean']:.1f}"
            f"  judge {step['deepeyes/judge/seconds']:.1f} s"
        )
        assert ("  left " in line) == (number == 0)


def test_watch_shows_the_run(run: Any) -> None:
    folder, _ = run
    done = CliRunner().invoke(app, ["watch", str(folder / "log"), "--once"])
    assert done.exit_code == 0, done.output
    assert "step 2/2" in done.output and "last trajectories of 64" in done.output
    assert "with a crop" in done.output and "box frame pixel (template" in done.output


def test_crops_come_back_and_are_used(run: Any) -> None:
    folder, _ = run
    trajectories = logged(folder / "log")
    assert len(trajectories) == 64
    zoomed = [one for one in trajectories if one.trajectory.crops]
    assert zoomed
    for one in zoomed:
        assert len(one.images) == one.trajectory.images
        assert all((folder / "log" / "images" / name).exists() for name in one.images)


def test_each_row_has_its_own_tools(run: Any) -> None:
    folder, _ = run
    for one in logged(folder / "log"):
        record, source = one.trajectory, one.source
        toolbox = {"vstar_marked": "marker_toolbox", "thinklite_eureka": None}
        assert record.toolbox == toolbox.get(str(source), "visual_toolbox_v2")
        if source == "thinklite_eureka":
            assert len(record.turns) == 1 and record.stop_reason is not StopReason.MAX_TURNS
        for call in record.calls:
            if source == "vstar_marked" and call.status is CallStatus.OK:
                # The marker gives the whole view back, a crop would be a part of it.
                assert call.crop_size == (112, 112)


def test_corrupt_images_are_named_and_training_goes_on(run: Any) -> None:
    _, log = run
    dropped = [line for line in log.splitlines() if "Row dropped" in line]
    assert len(dropped) == len(BROKEN)
    for number in BROKEN:
        assert any(f"index='{number}'" in line and "vstar" in line for line in dropped)


def test_rows_of_parts_crop_their_own_picture_with_the_tool_of_the_prompt(run: Any) -> None:
    folder, _ = run
    rows = [one for one in logged(folder / "log") if one.source == "vstar_parts"]
    assert len(rows) == 8 and any(one.trajectory.crops for one in rows)
    for one in rows:
        assert (one.trajectory.source_images, one.trajectory.toolbox) == (1, "visual_toolbox_v2")
        assert [message.text.count(IMAGE_TAG) for message in one.prompt] == [0, 1]
        source, *crops = (Image.open(folder / "log" / "images" / name) for name in one.images)
        with Image.open(folder / f"picture_{one.index}.png") as picture:
            assert source.tobytes() == picture.convert(source.mode).tobytes()
        boxes = [call.source_box for call in one.trajectory.calls if call.source_box]
        for crop, box in zip(crops, boxes, strict=True):
            region = source.convert("RGB").crop(tuple(map(round, box))).resize(crop.size)
            difference = ImageStat.Stat(ImageChops.difference(region, crop.convert("RGB")))
            assert max(difference.mean) < 12


def test_the_training_batch_has_the_image_tokens_of_the_crops(run: Any) -> None:
    folder, _ = run
    forwards = [json.loads(line) for line in (folder / "tokens.jsonl").read_text().splitlines()]
    assert forwards and all(forward["tokens"] == forward["grid"] for forward in forwards)
    recipe = ViewRecipe(14, fetch_options={"max_pixels": QWEN2_5_VL.view.pixels})
    for step in (0, 1):
        expected = sum(
            recipe.tokens(Size(*size)) - 2
            for one in logged(folder / "log")
            if one.step == step + 1  # the log counts as ms-swift's does, from 1
            for size in one.image_sizes
            if size is not None
        )
        assert expected in [forward["tokens"] for forward in forwards if forward["step"] == step]

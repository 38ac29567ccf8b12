"""The README's pictures are drawn from any scene and any log; the crop in one is the tool's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from scripts import draw_readme

VIEW = (756, 504)  # of a picture of 3:2 under the script's limit of pixels


def scene(path: Path, box: tuple[int, int, int, int], scale: int = 2) -> Path:
    """A grey picture; what is in the box (pixels of the view) is green."""
    image = Image.new("RGB", (VIEW[0] * scale, VIEW[1] * scale), "#777777")
    image.paste("#00ff00", tuple(scale * side for side in box))
    image.save(path)
    return path


def log(folder: Path, steps: int) -> Path:
    folder.mkdir()
    names = ("reward", "rewards/DeepEyesAccuracy/mean", "deepeyes/crops/share")
    others = {"rewards/DeepEyesFormat/mean": 0.0, "deepeyes/turns/mean": 1.5}
    lines = [
        {"step": step, "values": others | dict.fromkeys(names, step / steps)}
        for step in range(1, steps + 1)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_the_crop_is_the_box_at_the_scenes_own_size(tmp_path: Path) -> None:
    zoom = draw_readme.play(scene(tmp_path / "scene.png", draw_readme.BOX))
    left, top, right, bottom = draw_readme.BOX
    assert zoom.view.size == VIEW
    assert zoom.crop.size == (2 * (right - left), 2 * (bottom - top))
    assert zoom.crop.getcolors() == [(zoom.crop.width * zoom.crop.height, (0, 255, 0))]


def test_the_picture_shows_the_crop_enlarged(tmp_path: Path) -> None:
    path = tmp_path / "zoom.jpg"
    picture = scene(tmp_path / "scene.png", draw_readme.BOX)
    assert draw_readme.main(["zoom", "--scene", str(picture), "--output", str(path)]) == 0
    drawn = Image.open(path)
    assert drawn.width == 1600
    green = [pixel[1] > 200 > 100 > pixel[0] for pixel in drawn.get_flattened_data()]
    in_view = (draw_readme.BOX[2] - draw_readme.BOX[0]) * (draw_readme.BOX[3] - draw_readme.BOX[1])
    assert sum(green) > 20 * in_view


def test_the_curves_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    words = ["curve", "--log", str(log(tmp_path / "log", 12)), "--output", str(path)]
    assert draw_readme.main(words) == 0
    drawn = Image.open(path).convert("RGB")
    colors = {pixel for _, pixel in drawn.getcolors(1 << 16)}
    assert len(colors) > 10
    assert path.stat().st_size < 120_000


def test_an_empty_log_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["curve", "--log", str(log(tmp_path / "log", 0)), "--output", str(tmp_path / "c.png")]
    assert draw_readme.main(words) == 2
    assert "There are no steps in" in capsys.readouterr().err
    assert not (tmp_path / "c.png").exists()

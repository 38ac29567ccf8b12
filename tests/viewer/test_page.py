from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from swift_deepeyes.cli.main import app
from swift_deepeyes.episode.trajectory import CallRecord, Trajectory, TurnRecord
from swift_deepeyes.metrics.counts import CROP_SHARE
from swift_deepeyes.record.crops import CallImages, images_of_calls
from swift_deepeyes.record.reader import read_log
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.build import PageLimits, build_page
from swift_deepeyes.viewer.curves import main_curves, stacks
from swift_deepeyes.viewer.document import Document
from swift_deepeyes.viewer.page import embedded_json
from swift_deepeyes.viewer.sample import group_key, sample_groups
from tests.viewer.hostile import write_hostile_log
from tests.viewer.log_maker import copies, make_item, metrics_line, store_image, write_lines
from tests.viewer.rollouts import png

STATIC = files("swift_deepeyes.viewer") / "static"


def block(html: bytes, identifier: str) -> Any:
    pattern = f'<script type="application/json" id="{identifier}">(.*?)</script>'
    match = re.search(pattern, html.decode(), re.DOTALL)
    assert match is not None
    return json.loads(match[1])


def cropped(image_index: int = 0) -> CallRecord:
    return CallRecord(
        name="image_zoom_in_tool",
        arguments={},
        status="ok",
        image_index=image_index,
        frame="pixel",
        box=(0, 0, 50, 50),
        source_box=(0, 0, 50, 50),
        crop_size=(50, 50),
    )


def test_embedded_json_keeps_the_value_and_holds_no_dangerous_character() -> None:
    value = ["</script><!-- & \u2028\u2029", {"<a>": "é\udc80"}]
    text = embedded_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_embedded_json_has_no_number_that_strict_json_lacks() -> None:
    numbers = [float("nan"), {"a": (float("inf"), 1.5)}, -float("inf")]
    assert json.loads(embedded_json(numbers), parse_constant=pytest.fail) == [
        None,
        {"a": [None, 1.5]},
        None,
    ]


def test_a_log_cannot_claim_so_many_images_that_the_page_hangs() -> None:
    item = make_item(0)
    trajectory = item.trajectory.model_copy(update={"source_images": 10**9})
    document = Document({})
    document.add_all([item.model_copy(update={"trajectory": trajectory})])
    assert document.details[0]["sources"] == 100


def test_the_page_holds_only_its_own_markup(tmp_path: Path) -> None:
    write_hostile_log(tmp_path)
    html = build_page(tmp_path, PageLimits()).html.decode()
    scripts = re.findall(r"<script[^>]*>", html)
    kinds = Counter(re.sub(r' id="[a-z]+(-\d+)?"', "", script) for script in scripts)
    # head, texts, one block of details, one image; and the page's own script.
    assert kinds == {'<script type="application/json">': 4, "<script>": 1}
    assert html.count("</script>") == 5
    for tag in ("<img", "<svg", "<iframe", "<link", "http:", "https:"):
        outside = html.replace("http://www.w3.org/2000/svg", "")
        assert tag not in outside


def test_the_policy_allows_one_script_by_its_hash(tmp_path: Path) -> None:
    write_lines(tmp_path, [make_item(0)])
    html = build_page(tmp_path, PageLimits()).html.decode()
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html


def test_the_scripts_never_parse_markup_and_share_no_names() -> None:
    sources = [file.read_text() for file in STATIC.iterdir() if file.name.endswith(".js")]
    banned = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|DOMParser"
    assert [found for source in sources for found in re.findall(banned, source)] == []
    names = re.findall(r"^(?:function|const|let) (\w+)", "\n".join(sources), re.MULTILINE)
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_box_of_a_crop_of_a_crop_lies_on_the_source() -> None:
    turns = (
        TurnRecord(text="", calls=(cropped(1), cropped(0))),
        TurnRecord(text="", calls=(CallRecord(name=None, arguments=None, status="bad_box"),)),
        TurnRecord(text="", calls=(cropped(2), cropped(9))),
    )
    images = images_of_calls(Trajectory(turns=turns, source_images=2, crops=4))
    assert images == (
        (CallImages(crop=2, source=1), CallImages(crop=3, source=0)),
        (CallImages(),),
        (CallImages(crop=4, source=1), CallImages(crop=5)),
    )


def test_a_crop_of_a_rotated_image_is_on_no_source() -> None:
    rotated = CallRecord(
        name="image_rotate_tool", arguments={}, status="ok", image_index=0, crop_size=(60, 60)
    )
    of_rotated = cropped(1).model_copy(update={"source_box": None})
    turns = (TurnRecord(text="", calls=(rotated,)), TurnRecord(text="", calls=(of_rotated,)))
    images = images_of_calls(Trajectory(turns=turns, source_images=1, crops=2))
    assert images == ((CallImages(crop=1),), (CallImages(crop=2),))


def test_large_images_are_scaled_down_and_keep_their_size(tmp_path: Path) -> None:
    name = store_image(tmp_path, png(Image.effect_noise((2000, 1000), 60).convert("RGB")))
    write_lines(tmp_path, [with_image(name)])
    html = build_page(tmp_path, PageLimits()).html
    assert block(html, "head")["images"] == [["embedded", 2000, 1000]]
    kind, data = block(html, "image-0").split(";base64,")
    assert kind == "data:image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (768, 384)


def test_a_rotation_in_the_file_is_dropped_as_the_model_saw_the_stored_pixels(
    tmp_path: Path,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    buffer = io.BytesIO()
    Image.new("RGB", (80, 40), "red").save(buffer, "JPEG", exif=exif)
    name = store_image(tmp_path, buffer.getvalue())
    write_lines(tmp_path, [with_image(name)])
    data = block(build_page(tmp_path, PageLimits()).html, "image-0").partition(",")[2]
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    assert shown.size == (80, 40) and not shown.getexif()


def test_what_does_not_fit_is_left_out_and_said(tmp_path: Path) -> None:
    noise = Image.effect_noise((800, 800), 90).convert("RGB")
    names = []
    for shade in range(12):
        noise.putpixel((0, 0), (shade, 0, 0))
        names.append(store_image(tmp_path, png(noise)))
    items = [with_image(name, number) for number, name in enumerate(names)]
    write_lines(tmp_path, items)
    page = build_page(tmp_path, PageLimits(max_megabytes=1))
    states = Counter(state for state, *_ in block(page.html, "head")["images"])
    assert states["embedded"] >= 1 and states["over_budget"] >= 1
    assert len(page.html) < 1_150_000
    note = f"{states['over_budget']} of 12 images not embedded: the page is limited to 1 MB"
    assert any(line.startswith(note) for line in page.notes)
    assert page.notes == tuple(block(page.html, "head")["notes"])


def test_missing_and_broken_images_are_said(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.png").write_bytes(b"\x89PNG no")
    names = ["gone.png", "broken.png", "../../etc/passwd", ""]
    write_lines(tmp_path, [with_image(name, number) for number, name in enumerate(names)])
    page = build_page(tmp_path, PageLimits())
    states = [state for state, *_ in block(page.html, "head")["images"]]
    assert states == ["missing", "unreadable", "missing"]
    assert "2 image files missing" in page.notes
    assert "1 image file unreadable" in page.notes
    assert "1 image not stored by the log" in page.notes


def test_too_many_trajectories_are_sampled_by_whole_groups() -> None:
    items = copies([make_item(0)], 640, steps=8)
    chosen = sample_groups(items, 100)
    sizes = Counter(group_key(item) for item in chosen)
    full = Counter(group_key(item) for item in items)
    assert 80 <= len(chosen) <= 100
    assert all(sizes[key] == full[key] for key in sizes)
    assert len({item.step for item in chosen}) >= 6
    assert sample_groups(items, 100) == chosen
    assert sample_groups(items, 640) == items


def test_a_very_long_turn_is_shown_without_its_middle(tmp_path: Path) -> None:
    write_lines(tmp_path, [make_item(0, text="a" * 30_000 + "middle" + "b" * 30_000)])
    page = build_page(tmp_path, PageLimits())
    text = block(page.html, "details-0")[0]["turns"][0]["text"]
    assert text.startswith("aaa") and text.endswith("bbb") and "20,006 characters left" in text
    assert any(note.startswith("1 text over 40,000 characters") for note in page.notes)


def test_curves_come_from_the_metrics_file_where_it_has_them(tmp_path: Path) -> None:
    items = copies([make_item(0)], 64, steps=4)
    write_lines(tmp_path, items)
    (tmp_path / "metrics.jsonl").write_text(metrics_line(1, **{CROP_SHARE: 0.25}))
    log = read_log(tmp_path)
    curves = {curve.title: curve for curve in main_curves(log.trajectories, log.metrics)}
    assert curves["With a crop"].points == ((1, 0.25),)
    assert curves["With a crop"].origin == f"metrics file: {CROP_SHARE}"
    assert dict(curves["Reward"].points) == pytest.approx(dict.fromkeys(range(1, 5), 0.8))
    assert curves["Accuracy"].points == tuple((step, 1.0) for step in range(1, 5))
    assert "trajectories" in curves["Accuracy"].origin


def test_the_stacks_count_calls_and_stop_reasons(run_items: list[LoggedTrajectory]) -> None:
    calls, stops = stacks(run_items)
    per_step = Counter(item.step for item in run_items)
    ok = sum(share * per_step[at] for at, share in zip(calls.steps, calls.kinds["ok"], strict=True))
    assert ok == pytest.approx(sum(item.trajectory.crops for item in run_items))
    assert [sum(shares) for shares in zip(*stops.kinds.values(), strict=True)] == pytest.approx(
        [1.0] * 6
    )


def test_the_command_writes_the_page_and_tells_what_it_left_out(tmp_path: Path) -> None:
    file = write_lines(tmp_path, [make_item(0)])
    file.write_bytes(file.read_bytes() + b'{"id": "ha')
    result = CliRunner().invoke(
        app, ["view", str(tmp_path), "--output", str(tmp_path / "a/b.html")]
    )
    assert result.exit_code == 0, result.output
    assert "1 trajectories" not in result.output
    assert "1 half-written last line skipped" in result.output
    assert (tmp_path / "a/b.html").read_bytes().startswith(b"<!doctype html>")


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["view", str(tmp_path)])
    assert result.exit_code == 2
    assert "There is no log in" in result.output and "DEEPEYES_LOG_DIR" in result.output
    assert "Traceback" not in result.output


def with_image(name: str, number: int = 0) -> LoggedTrajectory:
    trajectory = Trajectory(turns=(), source_images=1, stop_reason="answered")
    return make_item(number, images=(name,), trajectory=trajectory)

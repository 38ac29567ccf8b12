"""What the page holds of an image: the file, and what the model saw of it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from swift_deepeyes.episode.trajectory import CallRecord, Trajectory, TurnRecord
from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.build import PageLimits, build_page
from swift_deepeyes.viewer.views import view_sizes
from tests.viewer.log_maker import make_item, store_image, write_lines
from tests.viewer.rollouts import png
from tests.viewer.striped import SIDE, VIEW_SIDE, write_striped
from tests.viewer.test_page import block


def image_at(html: bytes, number: int) -> Image.Image:
    data = block(html, f"image-{number}").partition(",")[2]
    return Image.open(io.BytesIO(base64.b64decode(data)))


def detail_of_first(html: bytes) -> Any:
    return block(html, "details-0")[0]


def seen_at(
    size: tuple[int, int] | None, source: tuple[int, int], name: str, **changes: Any
) -> LoggedTrajectory:
    trajectory = Trajectory(
        turns=(), source_images=1, view_sizes=(size,), stop_reason="answered", **changes
    )
    return make_item(0, images=(name,), image_sizes=(source,), trajectory=trajectory)


def zoomed(frame: str, box: tuple[float, ...], source_box: tuple[float, ...]) -> LoggedTrajectory:
    call = CallRecord(
        name="image_zoom_in_tool",
        arguments={},
        status="ok",
        image_index=0,
        frame=frame,
        box=box,
        source_box=source_box,
        crop_size=(100, 100),
    )
    trajectory = Trajectory(turns=(TurnRecord(text="", calls=(call,)),), source_images=1, crops=1)
    sizes = ((1600, 1000), (100, 100))
    return make_item(0, images=("a.png", "b.png"), image_sizes=sizes, trajectory=trajectory)


def test_the_stripes_are_in_the_source_and_the_crop_but_not_in_the_view(tmp_path: Path) -> None:
    write_striped(tmp_path)
    html = build_page(tmp_path, PageLimits()).html
    details = block(html, "details-0")
    zoomer = next(detail for detail in details if len(detail["images"]) == 2)
    assert zoomer["viewSizes"] == [[VIEW_SIDE, VIEW_SIDE], [VIEW_SIDE, VIEW_SIDE]]
    source, crop = (image_at(html, number) for number in zoomer["images"])
    view = image_at(html, zoomer["views"][0])
    assert (source.size, view.size, crop.size) == ((SIDE,) * 2, (VIEW_SIDE,) * 2, (VIEW_SIDE,) * 2)

    def contrast(image: Image.Image, part: int) -> float:
        side = image.width // part
        return float(np.asarray(image.convert("L"), float)[4 : side - 4, 4 : side - 4].std())

    assert contrast(source, 2) > 60 and contrast(crop, 1) > 60
    assert contrast(view, 2) < 5


def test_rollouts_that_never_looked_have_the_size_from_the_others(tmp_path: Path) -> None:
    write_striped(tmp_path)
    details = block(build_page(tmp_path, PageLimits()).html, "details-0")
    assert [detail["viewSizes"][0] for detail in details] == [[VIEW_SIDE, VIEW_SIDE]] * 6


def test_images_that_nobody_looked_at_have_the_size_from_files_of_their_size() -> None:
    looked = [seen_at((100, 50), (400, 200), "a.png"), seen_at((90, 90), (300, 300), "b.png")]
    looked += [seen_at((80, 80), (300, 300), "c.png")]
    others = [seen_at(None, (400, 200), "d.png"), seen_at(None, (300, 300), "e.png")]
    views = view_sizes([*looked, *others])
    assert views["d.png"] == (100, 50)
    assert "e.png" not in views  # the same size was seen in two ways


def test_logs_without_view_sizes_have_them_from_their_boxes() -> None:
    # The view has 981 x 613 pixels.
    box, of_source = (98.1, 61.3, 490.5, 306.5), (160.0, 100.0, 800.0, 500.0)
    assert view_sizes([zoomed("pixel", box, of_source)]) == {"a.png": (981, 613)}
    assert view_sizes([zoomed("norm1000", box, of_source)]) == {}
    assert view_sizes([zoomed("pixel", (5.0, 5.0, 5.0, 9.0), of_source)]) == {}


def test_what_is_recorded_counts_before_what_the_boxes_say() -> None:
    item = zoomed("pixel", (98.1, 61.3, 490.5, 306.5), (160.0, 100.0, 800.0, 500.0))
    recorded = item.trajectory.model_copy(update={"view_sizes": ((980, 616), (112, 112))})
    item = item.model_copy(update={"trajectory": recorded})
    assert view_sizes([item]) == {"a.png": (980, 616), "b.png": (112, 112)}


def test_a_large_view_is_the_only_copy(tmp_path: Path) -> None:
    name = store_image(tmp_path, png(Image.new("RGB", (2000, 1500), "teal")))
    write_lines(tmp_path, [seen_at((1000, 750), (2000, 1500), name)])
    html = build_page(tmp_path, PageLimits()).html
    detail = detail_of_first(html)
    assert detail["images"] == [None] and detail["views"] == [0]
    assert image_at(html, 0).size == (1000, 750)
    assert block(html, "head")["images"] == [["embedded", 2000, 1500]]


def test_an_image_that_the_model_saw_whole_has_one_copy(tmp_path: Path) -> None:
    name = store_image(tmp_path, png(Image.new("RGB", (300, 200), "teal")))
    write_lines(tmp_path, [seen_at((308, 196), (300, 200), name)])
    detail = detail_of_first(build_page(tmp_path, PageLimits()).html)
    assert detail["images"] == [0] and detail["views"] == [None]


def test_a_log_cannot_claim_a_view_that_fills_the_memory(tmp_path: Path) -> None:
    name = store_image(tmp_path, png(Image.new("RGB", (300, 200), "teal")))
    item = seen_at((10**9, 10**9), (300, 200), name)
    unknown = seen_at((1200, 900), (300, 200), name).model_copy(
        update={"id": "b", "image_sizes": ()}
    )
    for number, one in enumerate((item, unknown)):
        folder = tmp_path / str(number)
        write_lines(folder, [one])
        (folder / "images").symlink_to(tmp_path / "images")
        assert image_at(build_page(folder, PageLimits()).html, 0).size == (300, 200)


def test_an_image_with_two_copies_is_missing_once(tmp_path: Path) -> None:
    write_lines(tmp_path, [seen_at((100, 75), (2000, 1500), "gone.png")])
    page = build_page(tmp_path, PageLimits())
    assert "1 image file missing" in page.notes

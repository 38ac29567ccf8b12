from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swift_deepeyes.chat.identity import Listing
from swift_deepeyes.demo.families import FAMILIES, family_template
from swift_deepeyes.episode.boxes import Frame, Size
from swift_deepeyes.evaluation.names import Family
from swift_deepeyes.evaluation.served_model import Stated, UnknownModelError, identify
from swift_deepeyes.ms_swift.template import box_frame, view_recipe
from swift_deepeyes.settings import BoxFormat
from tests.ms_swift.conftest import pixel_settings as pixel_settings_fixture

pixel_settings = pixel_settings_fixture


def checkpoint(folder: Path, kind: str = "qwen2_5_vl", **processor: object) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def test_the_root_of_a_local_model_tells_everything(tmp_path: Path) -> None:
    root = checkpoint(tmp_path / "m", size={"shortest_edge": 3136, "longest_edge": 602112})
    listing = Listing(id="policy", root=str(root), max_model_len=4096)
    model = identify(listing, Stated(), BoxFormat.AUTO)
    assert model.family is Family.QWEN2_5_VL
    assert model.frame is Frame.PIXEL
    assert (model.min_pixels, model.max_pixels, model.max_context) == (3136, 602112, 4096)
    assert model.recipe.view_size(Size(1920, 1080)) == (1008, 560)


def test_the_older_spelling_of_limits(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", "qwen3_vl_moe", min_pixels=65536, max_pixels=1048576)
    model = identify(Listing(id="x"), Stated(checkpoint=folder), BoxFormat.AUTO)
    assert (model.family, model.frame) == (Family.QWEN3_VL, Frame.NORM1000)
    assert model.recipe.patch_size == 16
    assert (model.min_pixels, model.max_pixels) == (65536, 1048576)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", Family.QWEN2_5_VL),
        ("Qwen2-VL-2B", Family.QWEN2_VL),
        ("Qwen3-VL-8B", Family.QWEN3_VL),
    ],
)
def test_names_that_tell(name: str, family: Family) -> None:
    assert identify(Listing(id=name), Stated(max_pixels=602112), BoxFormat.AUTO).family is family


def test_a_small_image_as_ms_swift_shows_it(tmp_path: Path) -> None:
    """Its templates resize by qwen-vl-utils alone; other servers by the processor's own limits."""
    folder = checkpoint(
        tmp_path / "m", "qwen3_vl", size={"shortest_edge": 65536, "longest_edge": 16777216}
    )
    least = {}
    for owner in ("swift", "vllm", None):
        listing = Listing(id="x", owned_by=owner)
        model = identify(listing, Stated(checkpoint=folder), BoxFormat.AUTO)
        assert model.max_pixels == 16_777_216
        least[owner] = model.min_pixels
    assert least == {"swift": 4096, "vllm": 65536, None: 65536}
    stated = Stated(checkpoint=folder, min_pixels=65536)
    assert identify(Listing(id="x", owned_by="swift"), stated, BoxFormat.AUTO).min_pixels == 65536


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [(1920, 1080), (40, 40), (31, 31), (3000, 100)])
def test_views_are_those_of_ms_swifts_own_template(
    family: str, size: tuple[int, int], pixel_settings: Any
) -> None:
    """What `swift deploy` shows, by its template, with the limits that are stated here."""
    pixel_settings({"MAX_PIXELS": "602112"})
    template = family_template(family)
    listing = Listing(id="x", owned_by="swift")
    stated = Stated(family=Family(family), max_pixels=602_112)
    model = identify(listing, stated, BoxFormat.AUTO)
    theirs = view_recipe(template, None)
    assert model.frame is box_frame(template, BoxFormat.AUTO)
    assert (model.recipe.patch_size, model.min_pixels) == (theirs.patch_size, theirs.min_pixels)
    assert model.recipe.view_size(Size(*size)) == theirs.view_size(Size(*size))
    assert model.recipe.tokens(Size(*size)) == theirs.tokens(Size(*size))


def test_nothing_is_assumed() -> None:
    with pytest.raises(UnknownModelError, match="State --family"):
        identify(Listing(id="DeepEyes-7B"), Stated(max_pixels=602112), BoxFormat.AUTO)
    with pytest.raises(UnknownModelError, match="--max-pixels"):
        identify(Listing(id="Qwen2.5-VL-7B"), Stated(), BoxFormat.AUTO)
    with pytest.raises(UnknownModelError, match=r"no config\.json"):
        identify(Listing(id="x"), Stated(checkpoint=Path("/nowhere")), BoxFormat.AUTO)


def test_what_is_stated_wins(tmp_path: Path) -> None:
    root = checkpoint(tmp_path / "m", size={"shortest_edge": 3136, "longest_edge": 602112})
    stated = Stated(family=Family.QWEN2_VL, max_pixels=401408, max_context=1000)
    model = identify(Listing(id="x", root=str(root), max_model_len=9), stated, BoxFormat.PIXEL)
    assert (model.family, model.frame) == (Family.QWEN2_VL, Frame.PIXEL)
    assert (model.max_pixels, model.max_context) == (401408, 1000)

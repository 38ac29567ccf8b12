"""The toys through ms-swift's own loader and templates: image tokens, labels, the warm start."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import transformers

from swift_deepeyes.demo.commands import TOY_PLUGIN
from swift_deepeyes.demo.options import DemoFamily
from swift_deepeyes.demo.toy import build_model, build_warm_start
from swift_deepeyes.demo.toy.families import TOYS
from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.model import FamilyTooNewError
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.demo.toy.tokenizer import IMAGE_PAD

PER_IMAGE = 16  # tokens: a scene is seen at 8x8 patches, and so is a crop of a room
KNOWN = [toy for toy in TOYS.values() if hasattr(transformers, toy.model_class)]


@pytest.fixture(scope="module", params=KNOWN, ids=lambda toy: str(toy.name))
def toy(request: pytest.FixtureRequest) -> ToyFamily:
    family: ToyFamily = request.param
    return family


@pytest.fixture(scope="module")
def model_folder(toy: ToyFamily, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("toy") / "model", seed=0, family=toy)


@pytest.fixture(scope="module")
def template(toy: ToyFamily, model_folder: Path) -> Any:
    from swift.model import get_processor
    from swift.template import get_template
    from swift.utils import import_external_file

    import_external_file(str(TOY_PLUGIN))
    processor = get_processor(str(model_folder), model_type=toy.name)
    template = get_template(
        processor, template_type=toy.template, max_pixels=toy.view.pixels, enable_thinking=True
    )
    template.set_mode("train")
    return template


def _rows(folder: Path, count: int, toy: ToyFamily) -> list[dict[str, Any]]:
    path = build_warm_start(folder, seed=0, rows=count, family=toy)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_image_tokens_are_expanded(template: Any, toy: ToyFamily, tmp_path: Path) -> None:
    image_token = template.tokenizer.convert_tokens_to_ids(IMAGE_PAD)
    counts = set()
    for row in _rows(tmp_path, 40, toy):
        encoded = template.encode(row)
        images = len(row["images"])
        counts.add(images)
        assert encoded["input_ids"].count(image_token) == images * PER_IMAGE
        assert int(encoded["image_grid_thw"].prod(-1).sum()) == images * PER_IMAGE * 4
    assert counts == {1, 2}


def test_only_the_models_own_turns_are_trained(
    template: Any, toy: ToyFamily, tmp_path: Path
) -> None:
    row = next(row for row in _rows(tmp_path, 40, toy) if len(row["images"]) == 2)
    encoded = template.encode(row)
    trained = [token for token in encoded["labels"] if token != -100]
    turns = [message["content"] for message in row["messages"] if message["role"] == "assistant"]
    assert len(turns) == 2
    text = template.tokenizer.decode(trained)
    assert text.replace("\n", "") == "".join(f"{turn}<|im_end|>" for turn in turns)


def test_a_slow_reader_is_shown_some_rooms_in_their_own_size(
    toy: ToyFamily, tmp_path: Path
) -> None:
    rows = [row["images"] for row in _rows(tmp_path, 200, toy)]
    alone = [images[0] for images in rows if len(images) == 1]
    rooms = [name for name in alone if not name.endswith("_None.png")]
    assert len(rooms) / len(alone) == pytest.approx(toy.large_share, abs=0.1)


def test_prefixes_and_calls_stay_the_familys(template: Any, toy: ToyFamily) -> None:
    from swift.template import TEMPLATE_MAPPING

    usual, meta = TEMPLATE_MAPPING[toy.name], template.template_meta
    assert meta.agent_template == usual.agent_template
    assert (meta.thinking_prefix, meta.non_thinking_prefix, meta.is_thinking) == (
        *(usual.thinking_prefix, usual.non_thinking_prefix, usual.is_thinking),
    )
    assert (template.norm_bbox == "none") == toy.name.writes_pixels


def test_the_model_is_small_and_made_by_its_seed(
    toy: ToyFamily, model_folder: Path, tmp_path: Path
) -> None:
    import torch

    again = build_model(tmp_path / "again", seed=0, family=toy)
    other = build_model(tmp_path / "other", seed=1, family=toy)
    of_family = getattr(transformers, toy.model_class)
    models = [of_family.from_pretrained(folder) for folder in (model_folder, again, other)]
    assert 0.5e6 < models[0].num_parameters() < 2e6
    first, same, different = (model.lm_head.weight for model in models)
    assert torch.equal(first, same)
    assert not torch.equal(first, different)


def test_there_is_a_toy_for_each_name_of_the_command_line() -> None:
    assert [str(name) for name in DemoFamily] == [str(name) for name in TOYS]


def test_a_family_that_transformers_does_not_know_is_named(tmp_path: Path) -> None:
    unknown = replace(QWEN2_5_VL, model_class="Qwen9ForConditionalGeneration")
    with pytest.raises(FamilyTooNewError, match=r"has no Qwen9.*--family qwen2_5_vl"):
        build_model(tmp_path, seed=0, family=unknown)

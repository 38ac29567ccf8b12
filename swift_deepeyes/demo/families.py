"""ms-swift's own templates of four model families, with toy tokenizers, without a download.

For the tests and the tables that compare our view of an image with the template's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import transformers as t

_CONFIGS = {
    "qwen2_vl": "Qwen2VLConfig",
    "qwen2_5_vl": "Qwen2_5_VLConfig",
    "qwen3_vl": "Qwen3VLConfig",
    "qwen3_5": "Qwen3_5Config",
}
FAMILIES = tuple(family for family, name in _CONFIGS.items() if hasattr(t, name))
"""Those that the installed `transformers` knows."""
PATCH = {"qwen2_vl": 14, "qwen2_5_vl": 14, "qwen3_vl": 16, "qwen3_5": 16}
PIXEL_VARIABLES = ("MAX_PIXELS", "MIN_PIXELS", "IMAGE_MAX_TOKEN_NUM", "IMAGE_MIN_TOKEN_NUM")


def family_template(family: str, max_pixels: int | None = None) -> Any:
    """A template as ms-swift builds it for this family; `max_pixels` is `--max_pixels`."""
    from swift_deepeyes.ms_swift.compat import load_template

    template = load_template(str(_folder(family)), family, family, max_pixels)
    # The class attribute is Qwen's id; the toy tokenizer has another.
    template.image_token_id = template.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    template.set_mode("train")
    return template


@lru_cache(maxsize=1)
def _pixel_constants() -> dict[str, Any]:
    from qwen_vl_utils import vision_process

    names = ("IMAGE_MAX_TOKEN_NUM", "IMAGE_MIN_TOKEN_NUM")
    return {name: getattr(vision_process, name) for name in names}


def set_pixel_variables(variables: Mapping[str, str | None]) -> None:
    """Set pixel variables as if this process had started with them; load templates afterwards.

    ms-swift turns them into constants of qwen-vl-utils once per process, when it loads a processor.
    """
    from qwen_vl_utils import vision_process

    constants = _pixel_constants()
    for name in PIXEL_VARIABLES:
        os.environ.pop(name, None)
        if value := variables.get(name):
            os.environ[name] = value
    for name, value in constants.items():
        setattr(vision_process, name, value)
    vision_process.__dict__.pop("_patch", None)


@lru_cache(maxsize=4)
def _folder(family: str) -> Path:
    """A checkpoint folder without weights: what ms-swift reads to build a template."""
    folder = Path(mkdtemp(prefix=f"toy-{family}-"))
    _processor(family).save_pretrained(folder)
    getattr(t, _CONFIGS[family])().save_pretrained(folder)
    written = json.loads((folder / "config.json").read_text())
    written["torch_dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(written))
    return folder


def _processor(family: str) -> Any:
    from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
    from swift_deepeyes.demo.toy.tokenizer import build_tokenizer

    classes: dict[str, Any] = {
        "qwen2_vl": t.Qwen2VLProcessor,
        "qwen2_5_vl": t.Qwen2_5_VLProcessor,
        "qwen3_vl": t.Qwen3VLProcessor,
        "qwen3_5": t.Qwen3VLProcessor,
    }
    video: Any = t.Qwen3VLVideoProcessor if family.startswith("qwen3") else t.Qwen2VLVideoProcessor
    return classes[family](
        image_processor=t.Qwen2VLImageProcessor(patch_size=PATCH[family]),
        tokenizer=build_tokenizer(QWEN2_5_VL.view),
        video_processor=video(patch_size=PATCH[family]),
        chat_template="{{ messages }}",
    )

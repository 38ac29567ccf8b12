"""What ms-swift's template says about pixels and coordinates, as the core's own types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swift_deepeyes.core.boxes import Frame
from swift_deepeyes.core.pixels import ViewRecipe
from swift_deepeyes.core.settings import BoxFormat
from swift_deepeyes.host.ms_swift import load_template

# `version` of swift/template/templates/qwen.py and the patch size that `replace_tag` hands to
# `fetch_image` there. The Omni templates use a fork of it with the same sizes.
_DEFAULT_PATCH = {"v2": 14, "v2_5": 14, "omni_v2_5": 14}
_PATCH_FROM_PROCESSOR = frozenset({"v3", "omni_v3"})


def view_recipe(template: Any, chat_template_kwargs: Mapping[str, Any] | None) -> ViewRecipe:
    """The recipe by which `template` shows images to its model.

    `chat_template_kwargs` are the row's: ms-swift hands all of them to `fetch_image`, which reads
    `min_pixels`, `max_pixels`, `resized_height` and `resized_width`.
    """
    version = getattr(template, "version", None)
    rescale = getattr(template, "max_pixels", None)
    options = {} if chat_template_kwargs is None else dict(chat_template_kwargs)
    if version in _DEFAULT_PATCH:
        return ViewRecipe(_DEFAULT_PATCH[version], rescale, options)
    if version in _PATCH_FROM_PROCESSOR:
        patch_size = int(template.processor.image_processor.patch_size)
        return ViewRecipe(patch_size, rescale, options)
    return ViewRecipe(rescale_pixels=rescale, resizes=False)


def box_frame(template: Any, box_format: BoxFormat) -> Frame:
    """In which frame the model writes boxes; `auto` is the template's own `norm_bbox`."""
    if box_format is BoxFormat.PIXEL:
        return Frame.PIXEL
    if box_format is BoxFormat.NORM1000:
        return Frame.NORM1000
    return Frame.PIXEL if getattr(template, "norm_bbox", None) == "none" else Frame.NORM1000


def load_recipe(
    model: str,
    model_type: str | None = None,
    template_type: str | None = None,
    max_pixels: int | None = None,
    external_plugins: Sequence[Path] = (),
) -> ViewRecipe:
    """The recipe of a model's own template, loaded as ms-swift loads it, without the weights.

    The arguments are those of `swift rlhf`. Reads MAX_PIXELS and its like from the environment.
    """
    template = load_template(model, model_type, template_type, max_pixels, external_plugins)
    return view_recipe(template, None)

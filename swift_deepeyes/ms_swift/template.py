"""What ms-swift's template says about pixels and coordinates, as the core's own types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from swift_deepeyes.episode.boxes import Frame
from swift_deepeyes.episode.view import ViewRecipe
from swift_deepeyes.ms_swift.compat import load_template
from swift_deepeyes.ms_swift.request import row_options
from swift_deepeyes.settings import BoxFormat
from swift_deepeyes.tools.family_prompt import PromptForm, words_calls_itself

# `version` of swift/template/templates/qwen.py and the patch size that `replace_tag` hands to
# `fetch_image` there. The Omni templates use a fork of it with the same sizes.
_DEFAULT_PATCH = {"v2": 14, "v2_5": 14, "omni_v2_5": 14}
_PATCH_FROM_PROCESSOR = frozenset({"v3", "omni_v3"})


# What `fetch_image` reads of a row's `chat_template_kwargs`; ms-swift hands over all of them.
_FETCH_OPTIONS = ("min_pixels", "max_pixels", "resized_height", "resized_width")


def view_recipe(template: Any, chat_template_kwargs: object) -> ViewRecipe:
    """The recipe by which `template` shows images to its model.

    `chat_template_kwargs` are the row's, as they came: what is no positive number is left out.
    """
    version = getattr(template, "version", None)
    rescale = getattr(template, "max_pixels", None)
    given = row_options(chat_template_kwargs)
    options = {name: given[name] for name in _FETCH_OPTIONS if _is_positive(given.get(name))}
    if version in _DEFAULT_PATCH:
        return ViewRecipe(_DEFAULT_PATCH[version], rescale, options)
    if version in _PATCH_FROM_PROCESSOR:
        patch_size = int(template.processor.image_processor.patch_size)
        return ViewRecipe(patch_size, rescale, options)
    return ViewRecipe(rescale_pixels=rescale, resizes=False)


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value > 0


def box_frame(template: Any, box_format: BoxFormat) -> Frame:
    """In which frame the model writes boxes; `auto` is the template's own `norm_bbox`."""
    if box_format is BoxFormat.PIXEL:
        return Frame.PIXEL
    if box_format is BoxFormat.NORM1000:
        return Frame.NORM1000
    return Frame.PIXEL if getattr(template, "norm_bbox", None) == "none" else Frame.NORM1000


def prompt_form_of_run(args: Any, box_format: BoxFormat) -> PromptForm | None:
    """How the model of `swift rlhf`'s arguments is told of its tools; None where they do not tell.

    Asked before the template is made: its class and its agent template say the same.
    """
    meta = getattr(args, "template_meta", None)
    if meta is None:
        return None
    given = {name: getattr(args, name, None) for name in ("norm_bbox", "agent_template")}
    norm_bbox = given["norm_bbox"] or getattr(meta.template_cls, "norm_bbox", None)
    frame = box_frame(SimpleNamespace(norm_bbox=norm_bbox), box_format)
    return PromptForm(
        frame=frame,
        is_stated=not (frame is Frame.PIXEL and norm_bbox == "none"),
        in_column=words_calls_itself(given["agent_template"] or meta.agent_template),
    )


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

"""Templates that differ between rollout server and trainer, and a prompt that ends thoughts.

The server's template makes the prompt that a turn is sampled from, the trainer's the one that it is
trained on. ms-swift compares nothing of it, so the server's scheduler sends what its template does,
and the rewards compare it with the trainer's at the first batch.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.compat import agent_template_name
from swift_deepeyes.ms_swift.process import process
from swift_deepeyes.ms_swift.template import box_frame

logger = logging.getLogger(__name__)

TEMPLATE_KEY = "deepeyes_template"
"""In `rollout_infos`: what `template_facts` gives on the rollout server."""

_FLAGS = {
    "turns begin with": "--enable_thinking and --response_prefix",
    "tools are told as": "--agent_template",
    "boxes are": "DEEPEYES_BBOX_FORMAT and --norm_bbox",
}
_THINKING_MODEL = re.compile(r"qwen3[-_]?vl.*thinking", re.IGNORECASE)


class OtherTemplateError(DeepEyesError):
    """Rollout server and trainer make other prompts; the message names the flags."""


def template_facts(template: Any) -> dict[str, str]:
    """What a template does that a run's two sides must agree on; nothing for an older ms-swift."""
    if not hasattr(template, "_get_response_prefix"):
        return {}
    frame = box_frame(template, process.settings.bbox_format)
    values = (template._get_response_prefix() or "", agent_template_name(template), frame)
    return {name: repr(str(value)) for name, value in zip(_FLAGS, values, strict=True)}


def remember_template(trainer: Any) -> None:
    """Keep what the trainer's template does for `check_templates`."""
    template = getattr(trainer, "template", None)
    process.template_facts = {} if template is None else template_facts(template)


def check_templates(rows: Sequence[Mapping[str, Any]]) -> None:
    """Compare with the rollout server of these samples. Raises `OtherTemplateError`."""
    ours = process.template_facts
    for row in rows:
        infos = row.get("rollout_infos")
        theirs = infos.get(TEMPLATE_KEY) if isinstance(infos, Mapping) else None
        if not isinstance(theirs, Mapping):
            continue
        for name, flags in _FLAGS.items():
            if name in ours and name in theirs and ours[name] != theirs[name]:
                raise OtherTemplateError(
                    f"Templates differ: {name} {theirs[name]} on the rollout server and "
                    f"{ours[name]} in this trainer, which would train on other prompts than were "
                    f"generated from. The fix: the same {flags} for swift rollout and swift rlhf"
                )


def warn_of_thoughts(args: Any) -> None:
    """Warn of a run whose turns cannot begin with a thought although its model thinks."""
    meta = getattr(args, "template_meta", None)
    given = (getattr(args, name, None) for name in ("enable_thinking", "response_prefix"))
    if meta is None or any(value is not None for value in given):
        return
    if getattr(meta, "is_thinking", False) and getattr(meta, "non_thinking_prefix", ""):
        what = f"prompts end in an empty thought ({meta.non_thinking_prefix!r})"
    elif _THINKING_MODEL.search(str(getattr(args, "model", ""))):
        what = f"the template {meta.template_type} opens no thought, as the model's own does"
    else:
        return
    logger.warning(
        "%s, so no turn begins with one. The fix: --enable_thinking true for swift rlhf and swift "
        "rollout (ENABLE_THINKING=true for our scripts), or --enable_thinking false if this is "
        "meant",
        what[0].upper() + what[1:],
    )

"""What `swift rlhf` is asked of a run before it loads its model: names, masks, checkpoint, judge.

ms-swift itself looks up scheduler and rewards when model and data are loaded, and ends with a bare
`AssertionError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.ms_swift.checks.correction import warn_of_correction
from swift_deepeyes.ms_swift.checks.masking import MaskingError, check_masking
from swift_deepeyes.ms_swift.checks.resume import ResumeError, check_resume
from swift_deepeyes.ms_swift.checks.thinking import warn_of_thoughts
from swift_deepeyes.ms_swift.compat import multi_turns, orms
from swift_deepeyes.ms_swift.process import process, tell_launcher
from swift_deepeyes.ms_swift.rewards import meet_judge_of
from swift_deepeyes.ms_swift.row_prompt import warn_of_unreached
from swift_deepeyes.ms_swift.template import prompt_form_of_run


class UnknownNameError(DeepEyesError, ValueError):
    """A scheduler or reward that nobody registered; the message has the nearest name."""


def check_run(args: Any) -> None:
    """Raises the first error of `UnknownNameError`, `MaskingError`, `ResumeError`, `JudgeError`."""
    process.prompt_form = prompt_form_of_run(args, process.settings.bbox_format)
    scheduler = getattr(args, "multi_turn_scheduler", None)
    try:
        _check("--multi_turn_scheduler", [scheduler] if scheduler else [], multi_turns)
        _check("--reward_funcs", getattr(args, "reward_funcs", None) or [], orms)
        check_masking(args)
        warn_of_correction(args)
        warn_of_thoughts(args)
        warn_of_unreached(args)
        check_resume(args)
    except (UnknownNameError, MaskingError, ResumeError) as error:
        tell_launcher(error)
        raise
    meet_judge_of(args)


def _check(flag: str, names: Iterable[object], known: Iterable[str]) -> None:
    for name in names:
        if isinstance(name, str) and name not in known:
            near = get_close_matches(name, known, n=1)
            ours = ", ".join(sorted(one for one in known if one.startswith("deepeyes_")))
            meant = f"did you mean {near[0]}?" if near else f"ours: {ours}"
            raise UnknownNameError(
                f"{flag} {name}: no such name is registered ({meant}); a file that registers one "
                "of yours goes to --external_plugins"
            )

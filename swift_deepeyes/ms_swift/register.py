"""Everything that ms-swift must know of this package, put into its registries. Idempotent.

Runs when the plugin file is loaded: in the main process, in every rank, in the rollout server and
in spawned data-loader workers. So it is cheap and offline, and needs nothing of the trainer.
"""

from __future__ import annotations

import functools

from swift_deepeyes.ms_swift.callback import install_metrics
from swift_deepeyes.ms_swift.checks.run import check_run
from swift_deepeyes.ms_swift.compat import call_before_loading, mend_encoding, multi_turns, orms
from swift_deepeyes.ms_swift.limits import check_prompt, is_unbounded
from swift_deepeyes.ms_swift.process import process, tell_launcher
from swift_deepeyes.ms_swift.rewards import reward_classes
from swift_deepeyes.ms_swift.rows import install_row_preprocessor
from swift_deepeyes.ms_swift.scheduler import DeepEyesScheduler
from swift_deepeyes.settings import SettingsError
from swift_deepeyes.tools import load_entry_points


def register_all() -> None:
    """Register scheduler, rewards, row preprocessing and the tools of installed packages.

    Raises `SettingsError` for a wrong `DEEPEYES_*` value or name: better at start than after hours.
    """
    try:
        _ = process.settings
    except SettingsError as error:
        tell_launcher(error)
        raise
    load_entry_points()
    mend_encoding(is_unbounded, functools.partial(check_prompt, None))
    multi_turns["deepeyes_scheduler"] = DeepEyesScheduler
    orms.update(reward_classes())
    call_before_loading(check_run)
    install_row_preprocessor()
    install_metrics()

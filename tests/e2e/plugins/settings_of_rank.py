"""For `--external_plugins`, before ours: settings of one rank only, as if it had its own machine.

`OF_RANK_1_DEEPEYES_LOG_DIR=…` sets `DEEPEYES_LOG_DIR` on rank 1.
"""

from __future__ import annotations

import os

_prefix = f"OF_RANK_{os.environ.get('RANK', '0')}_"

for _name, _value in list(os.environ.items()):
    if _name.startswith(_prefix):
        os.environ[_name.removeprefix(_prefix)] = _value

"""What ms-swift and vLLM need to train on a machine without an accelerator.

Where a GPU exists nothing is patched. A process gets it in one of three ways: `install()` in this
process (our own command, the tests); `SITE_FOLDER` on `PYTHONPATH`, whose `sitecustomize.py` calls
`install()` when Python starts, for the processes that ms-swift and vLLM start themselves; or a
`.pth` file, which scripts/environment.sh puts into an environment for CPUs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from swift_deepeyes.demo.cpu_support import patches
from swift_deepeyes.demo.cpu_support.import_hook import PatchFinder

__all__ = ["SITE_FOLDER", "install"]

SITE_FOLDER = Path(__file__).resolve().parent / "site"
"""Put this first on `PYTHONPATH`. It holds `sitecustomize.py` and nothing that could shadow."""


def install() -> None:
    """Have each patch applied right when the module concerned is imported; once per process.

    A module that was imported before is patched now: a test session may have loaded it already.
    """
    if any(isinstance(finder, PatchFinder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, PatchFinder(patches.BEFORE_IMPORT, patches.AFTER_IMPORT))
    for name, patch in patches.AFTER_IMPORT.items():
        if name in sys.modules:
            patch(sys.modules[name])

"""For `--external_plugins`, after ours: on rank 1 every batch's recording fails."""

from __future__ import annotations

import os

from swift_deepeyes.ms_swift import recorder


def _fail(*args: object) -> None:
    raise RuntimeError("this rank cannot record")


if os.environ.get("RANK") == "1":
    recorder.record_of = _fail

#!/usr/bin/env -S python3 -S
"""First on PATH as `swift`, `megatron` and `ray`: writes down what a script starts, becomes it.

REHEARSAL_CALL names a JSON file: `written`, to which the call is added as a line, and `programs`,
the real ones by name; one that is not there is not started. The command is passed on as it is.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Write down, become the real program."""
    plan = json.loads(Path(os.environ["REHEARSAL_CALL"]).read_text())
    name, words = Path(sys.argv[0]).name, sys.argv[1:]
    call = {"program": name, "words": words, "environment": dict(os.environ)}
    if "--config" in words:  # the next call may overwrite it
        call["config"] = Path(words[words.index("--config") + 1]).read_text()
    with open(plan["written"], "a") as file:
        file.write(json.dumps(call) + "\n")
    real = plan["programs"].get(name)
    if real is not None:
        os.execv(real, [real, *words])


if __name__ == "__main__":
    main()

from __future__ import annotations

import pytest
from filelock import FileLock

from tests.e2e.toy import Toy, made_toy, make_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Toy:
    """Made once, some minutes of `swift sft`; of several workers by the first that asks."""
    if worker_id == "master":
        return make_toy(tmp_path_factory.mktemp("toy"))
    folder = tmp_path_factory.getbasetemp().parent / "toy"
    with FileLock(folder.with_suffix(".lock")):
        return made_toy(folder) or make_toy(folder)

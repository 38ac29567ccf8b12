from __future__ import annotations

import pytest

from tests.e2e.toy import Toy, make_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Made once: about a minute of `swift sft`."""
    return make_toy(tmp_path_factory.mktemp("toy"))

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from swift_deepeyes.demo import cpu_support
from tests.older import old_names, transformers_4

if old_names.are_needed():
    old_names.install()
    old_names.install_in_processes()
if transformers_4.is_installed():
    transformers_4.install()

# Beside a CPU build of torch, torchvision only imports with this; where a GPU is, it does nothing.
cpu_support.install()

# A shell that starts the tests in the background lets them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def one_environment() -> Iterator[None]:
    """`os.environ` stays the object that libraries keep.

    `datasets` puts a copy in its place after a map with several processes; rich, imported before,
    then reads variables that nobody sets any more.
    """
    environ = os.environ
    yield
    os.environ = environ  # noqa: B003

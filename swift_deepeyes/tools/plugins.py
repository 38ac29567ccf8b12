"""Tools of one's own on their way in: plugin files, and what installed packages announce.

ms-swift imports the files of `--external_plugins` itself; here the same is done without ms-swift,
under the same module name, so that a tool is evaluated as it was trained and never loaded twice.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path

import swift_deepeyes
from swift_deepeyes.errors import DeepEyesError
from swift_deepeyes.tools.toolboxes import all_toolboxes

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "swift_deepeyes.tools"
OWN_PLUGIN = Path(swift_deepeyes.__file__).parent / "plugin" / "deepeyes_plugin.py"


class PluginError(DeepEyesError):
    """A plugin file or an entry point cannot be loaded; the message says which, and why."""


def load_entry_points() -> None:
    """Import what installed packages announce under `swift_deepeyes.tools`.

    Such a module registers its tools with `register_tool` when it is imported. Raises
    `PluginError`.
    """
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        what = f"the entry point {entry_point.name} = {entry_point.value} of {ENTRY_POINT_GROUP}"
        _guarded(entry_point.load, what, None)


def load_plugin_files(files: Sequence[Path]) -> frozenset[str]:
    """Import plugin files as ms-swift does; returns the names of the toolboxes that they changed.

    Our own plugin is passed over: what it registers is for ms-swift. A file that registers no tool
    is named in the log. Raises `PluginError`.
    """
    changed: set[str] = set()
    for file in files:
        path = Path(os.path.abspath(os.path.expanduser(file)))
        if not path.is_file():
            raise PluginError(f"--external-plugins {file}: there is no such file")
        if path.samefile(OWN_PLUGIN):
            continue
        before = all_toolboxes()
        is_new = _import_file(path)
        new = {name for name, box in all_toolboxes().items() if box != before.get(name)}
        if is_new and not new:
            logger.warning("%s registers no tool: nothing of it is used here", file)
        changed |= new
    return frozenset(changed)


def _import_file(path: Path) -> bool:
    """Import a file as `import_external_file` of ms-swift 4.6 does; False: it was there already."""
    name = f"_swift_external_{sha256(str(path).encode()).hexdigest()}"
    sys.path.insert(0, str(path.parent))
    if name in sys.modules:
        return False
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"--external-plugins {path}: not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    loader = spec.loader
    try:
        _guarded(lambda: loader.exec_module(module), f"--external-plugins {path}", path)
    except PluginError:
        del sys.modules[name]
        raise
    return True


def _guarded(load: Callable[[], object], what: str, path: Path | None) -> None:
    """Load; whatever the user's own code raises becomes one line."""
    try:
        load()
    except (Exception, SystemExit) as error:
        logger.debug("What raised it:", exc_info=True)
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        place = _line_of(error, path)
        raise PluginError(f"{what} cannot be loaded{place}: {message}") from error


def _line_of(error: BaseException, path: Path | None) -> str:
    """The line of the file at which it stopped, where the error does not say so itself."""
    if path is None or isinstance(error, SyntaxError):
        return ""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f" (line {lines[-1]})" if lines else ""

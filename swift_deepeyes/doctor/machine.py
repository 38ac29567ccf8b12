"""Versions and ports of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from swift_deepeyes.doctor.finding import Finding, failed, ok, warning

PORTS = {
    18901: "the judge (scripts/deploy_judge.sh)",
    18902: "the rollout server (scripts/rollout.sh)",
    51216: "weight transfer to the rollout server",
    29500: "torchrun (MASTER_PORT)",
}


def check_versions() -> list[Finding]:
    """Each package that swift-deepeyes requires, against the range that it asks for."""
    requirements = [Requirement(line) for line in requires("swift-deepeyes") or []]
    return [
        _check_version(requirement)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]


def _check_version(requirement: Requirement) -> Finding:
    name = requirement.name
    try:
        installed = version(name)
    except PackageNotFoundError:
        return failed(name, "not installed", f'pip install "{requirement}"')
    if requirement.specifier.contains(installed, prereleases=True):
        return ok(name, installed)
    text = f"{installed} is outside {requirement.specifier}, which this package asks for"
    return warning(name, text, f'pip install "{requirement}"')


def check_ports(ports: Iterable[int]) -> list[Finding]:
    """Whether something listens already; ms-swift would then take the next port, silently."""
    return [_check_port(port) for port in ports]


def _check_port(port: int) -> Finding:
    check = f"port {port}"
    if not 0 <= port < 2**16:
        return failed(check, "there is no such port", "pass one of 1 to 65535")
    use = PORTS.get(port, "yours")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            fix = "fine if it is that very server; else stop what listens there or choose another"
            return warning(check, f"in use; it is meant for {use}", fix)
    return ok(check, f"free, for {use}")

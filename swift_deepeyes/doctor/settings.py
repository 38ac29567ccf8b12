"""The environment: names that nobody reads, and values that are not allowed."""

from __future__ import annotations

from swift_deepeyes.doctor.finding import Finding, failed
from swift_deepeyes.settings import Settings, SettingsError, check_names, read_values


def check_settings() -> tuple[Settings | None, list[Finding]]:
    """The settings, None where one has a wrong value; and what is wrong with the environment."""
    findings = []
    try:
        check_names()
    except SettingsError as error:
        text = str(error).removesuffix(" Correct it or unset it.")
        findings.append(failed("settings", text, "correct the name, or unset it"))
    try:
        return read_values(), findings
    except SettingsError as error:
        fix = "set it to an allowed value, or unset it for the default"
        return None, [*findings, failed("settings", str(error), fix)]

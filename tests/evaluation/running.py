"""The type of the `run_evaluation` fixture: evaluate what is named, return the report."""

from __future__ import annotations

from collections.abc import Callable

from swift_deepeyes.evaluation.reporting.report import Report

Evaluate = Callable[..., Report]

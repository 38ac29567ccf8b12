r"""Lines and curves of log format 1, made into those of today when they are read.

There the score's parts were fields of the line, and `\boxed{}` was called a box.
"""

from __future__ import annotations

from typing import Any

_TERMS = {"accuracy": None, "format": 0.0, "tool": 0.0}
_OF_SCORE = ("total", "format_errors", "verdict", "answer")
_NEW_NAMES = {
    "missing_box": "missing_boxed",
    "early_box": "early_boxed",
    "broken_box": "broken_boxed",
    "several_boxes": "several_boxed",
}


def converted(value: dict[str, Any]) -> dict[str, Any]:
    """A line's value in today's format; one that is in it already comes back as it is."""
    if isinstance(value.get("values"), dict):  # a line of metrics
        return {**value, "values": {new_name(key): part for key, part in value["values"].items()}}
    if "score" in value or "trajectory" not in value:
        return value
    score = {key: value[key] for key in _OF_SCORE if key in value}
    errors = score.get("format_errors")
    if isinstance(errors, list):
        score["format_errors"] = [
            _NEW_NAMES.get(error, error) if isinstance(error, str) else error for error in errors
        ]
    score["terms"] = {name: value.get(name, default) for name, default in _TERMS.items()}
    trajectory = value["trajectory"]
    if isinstance(trajectory, dict):
        score["crops"] = trajectory.get("crops", 0)
    return {**value, "score": score}


def new_name(curve: str) -> str:
    """A curve's name of today."""
    folder, slash, name = curve.rpartition("/")
    return f"{folder}{slash}{_NEW_NAMES.get(name, name)}"

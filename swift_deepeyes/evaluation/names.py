"""The names that users type. Alone here, so that the command line starts without the rest."""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    """Model families whose pixels and boxes are known."""

    QWEN2_VL = "qwen2_vl"
    QWEN2_5_VL = "qwen2_5_vl"
    QWEN3_VL = "qwen3_vl"
    QWEN3_5 = "qwen3_5"
    MIMO_VL = "mimo_vl"


class ToolMode(StrEnum):
    """Whether the model may call the tool."""

    ON = "on"
    OFF = "off"

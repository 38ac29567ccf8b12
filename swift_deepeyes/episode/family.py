"""Model families whose pixels and boxes are known. Imports nothing: the command line names them."""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    """A family, by the name that users type. The facts are those of ms-swift's templates."""

    QWEN2_VL = "qwen2_vl"
    QWEN2_5_VL = "qwen2_5_vl"
    QWEN3_VL = "qwen3_vl"
    QWEN3_5 = "qwen3_5"
    MIMO_VL = "mimo_vl"

    @property
    def patch_size(self) -> int:
        """Side of a vision patch in pixels."""
        return 16 if self in (Family.QWEN3_VL, Family.QWEN3_5) else 14

    @property
    def writes_pixels(self) -> bool:
        """Whether its boxes count pixels of the view; else thousandths of its sides."""
        return self in (Family.QWEN2_5_VL, Family.MIMO_VL)

    @property
    def agent_template(self) -> str:
        """The agent template that ms-swift's template of the family has."""
        return "qwen3_5" if self is Family.QWEN3_5 else "hermes"

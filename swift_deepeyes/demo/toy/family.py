"""What makes one family's toy differ from another's.

A toy is a model of the family's real classes with a configuration of about 1 M parameters, the
family's own template with the toy's token ids, and scenes of the size that its patches ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swift_deepeyes.demo.toy.view import ToyView
from swift_deepeyes.episode.family import Family


@dataclass(frozen=True)
class ToyFamily:
    """Names of classes are those of `transformers`; the mappings go over what all toys have."""

    name: Family
    title: str
    model_class: str
    config_class: str
    processor_class: str
    video_processor_class: str
    text: Mapping[str, Any]
    vision: Mapping[str, Any]
    image_processor: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    """Of every `swift` command with this toy."""
    warm_start_steps: int = 200
    zoom_share: float = 0.35
    """Of the warm start's trajectories: those that call the tool. The others guess."""
    large_share: float = 0.0
    """Of the warm start's trajectories without a call: those that are shown the room itself."""
    grpo_steps: int = 60

    @property
    def template(self) -> str:
        """The name under which the toy plugin registers the family's template."""
        return f"toy_{self.name}"

    @property
    def view(self) -> ToyView:
        """The sizes of its scenes, and the frame of its boxes."""
        return ToyView(self.name)

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which each of its processes runs."""
        return {"MAX_PIXELS": str(self.view.pixels)}

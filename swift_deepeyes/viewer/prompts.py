"""Which trajectories answer the same prompt: in other groups, at other steps, in another run."""

from __future__ import annotations

from swift_deepeyes.record.record import LoggedTrajectory

PromptKey = tuple[object, ...]


def prompt_key(item: LoggedTrajectory) -> PromptKey:
    """Equal for trajectories of one question about the same images.

    Names of images are made of their content, so runs that share their data share their prompts.
    """
    sources = item.images[: max(item.trajectory.source_images, 0)]
    return item.source, item.index, item.question, item.reference, sources

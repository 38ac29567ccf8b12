"""The default of a limit is stated once, in the settings: the engine's own values have none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import create_model

from swift_deepeyes.episode.boxes import BoxRules, Frame
from swift_deepeyes.episode.episode import EpisodeLimits
from swift_deepeyes.episode.start import Host, box_rules, crop_limits, episode_limits
from swift_deepeyes.episode.view import CropLimits, ViewRecipe
from swift_deepeyes.settings import Settings, SmallBoxes


def limits_of(settings: Settings) -> dict[str, Any]:
    """Everything that bounds an episode, as `EpisodeStarter` takes it."""
    recipe = ViewRecipe()
    host = Host(recipe, Frame.PIXEL, lambda image: pytest.fail("no image"), len)
    values = episode_limits(settings, host), crop_limits(settings, recipe), box_rules(settings)
    return {
        f"{type(value).__name__}.{name}": field
        for value in values
        for name, field in dataclasses.asdict(value).items()
    }


@pytest.mark.parametrize("limits", [EpisodeLimits, CropLimits, BoxRules])
def test_the_engine_has_no_defaults_of_its_own(limits: type[Any]) -> None:
    missing = dataclasses.MISSING
    fields = dataclasses.fields(limits)
    assert [f.name for f in fields if (f.default, f.default_factory) != (missing, missing)] == []


@pytest.mark.parametrize(
    ("setting", "default", "limit"),
    [
        ("max_calls_per_turn", 3, "EpisodeLimits.max_calls_per_turn"),
        ("max_images", 7, "EpisodeLimits.max_images"),
        ("min_crop_side", 11, "BoxRules.min_side"),
        ("small_boxes", SmallBoxes.ENLARGE, "BoxRules.small_boxes"),
        ("min_crop_pixels", 1234, "CropLimits.min_pixels"),
        ("max_crop_pixels", 4321, "CropLimits.max_pixels"),
        ("max_crop_scale", 2.5, "CropLimits.max_scale"),
    ],
)
def test_another_default_in_the_settings_is_all(setting: str, default: Any, limit: str) -> None:
    kind = type(default)
    changed = create_model("Changed", __base__=Settings, **{setting: (kind, default)})  # type: ignore[call-overload]
    before, after = limits_of(Settings()), limits_of(changed())
    assert {name for name in after if after[name] != before[name]} == {limit}
    assert after[limit] == default

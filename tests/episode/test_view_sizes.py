"""The record says at which size the model saw each image, so that a page can show it so."""

from __future__ import annotations

import base64

from PIL import Image

from swift_deepeyes.episode.trajectory import Trajectory
from tests.viewer.rollouts import call, make_episode, make_starter, png


def source() -> str:
    return base64.b64encode(png(Image.new("RGB", (400, 200), "teal"))).decode()


def test_the_record_has_the_size_of_each_view() -> None:
    episode = make_episode(source(), make_starter(), view_pixels=20_000)
    episode.advance(call((0, 0, 100, 100)), tokens=9, truncated=False)
    # The crop is cut from the original, 200 x 200 pixels, and seen at 20,000 pixels as well.
    assert episode.record.view_sizes == ((200, 100), (141, 141))
    sent = Trajectory.model_validate_json(episode.record.model_dump_json())
    assert sent == episode.record


def test_an_image_that_was_never_opened_has_no_view_size() -> None:
    episode = make_episode(source(), make_starter())
    episode.advance("<answer>teal</answer>", tokens=9, truncated=False)
    assert episode.record.view_sizes == (None,)


def test_a_source_that_cannot_be_opened_has_no_view_size() -> None:
    episode = make_episode("bm8gaW1hZ2U=", make_starter())
    episode.advance(call((0, 0, 100, 100)), tokens=9, truncated=False)
    assert episode.record.view_sizes == (None,)

"""The page opens on a right trajectory that zoomed, beside a wrong one."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from swift_deepeyes.record.record import LoggedTrajectory
from swift_deepeyes.viewer.build import PageLimits, build_page
from swift_deepeyes.viewer.pair import telling_pairs
from tests.record.scored import score_of
from tests.viewer.log_maker import make_item, store_image, write_lines
from tests.viewer.rollouts import png
from tests.viewer.striped import STORY, Rollout, write_striped
from tests.viewer.test_page import block


def rollout(
    name: str, accuracy: float | None, crops: int, step: int, group: str, index: str = "1"
) -> LoggedTrajectory:
    item = make_item(0, id=name, step=step, group=group, index=index, score=score_of(accuracy))
    trajectory = item.trajectory.model_copy(update={"crops": crops})
    return item.model_copy(update={"trajectory": trajectory})


def names(items: list[LoggedTrajectory]) -> tuple[str, ...] | None:
    pairs = telling_pairs(items)
    return tuple(item.id for item in pairs[0]) if pairs else None


def test_of_one_group_and_late_with_a_guess() -> None:
    items = [
        rollout("early right", 1.0, 1, 1, "a"),
        rollout("early wrong", 0.0, 0, 1, "a"),
        rollout("right", 1.0, 1, 5, "b"),
        rollout("guess", 0.0, 0, 5, "b"),
        rollout("wrong with a crop", 0.0, 1, 5, "b"),
        rollout("later right", 1.0, 1, 9, "c"),
        rollout("later wrong, with a crop", 0.0, 2, 9, "c"),
    ]
    assert names(items) == ("right", "guess")


def test_of_one_prompt_at_different_steps() -> None:
    items = [
        rollout("wrong", 0.0, 0, 2, "a", index="1"),
        rollout("other prompt", 0.0, 0, 7, "b", index="2"),
        rollout("right", 1.0, 1, 7, "c", index="1"),
    ]
    assert names(items) == ("right", "wrong")


def test_near_each_other_where_no_prompt_has_both() -> None:
    items = [
        rollout("far", 1.0, 1, 1, "a", index="1"),
        rollout("right", 1.0, 1, 8, "b", index="2"),
        rollout("wrong", 0.0, 0, 9, "c", index="3"),
    ]
    assert names(items) == ("right", "wrong")


def test_none_without_a_right_crop_or_without_a_wrong_answer() -> None:
    assert names([rollout("a", 1.0, 0, 1, "a"), rollout("b", 0.0, 1, 1, "a")]) is None
    assert names([rollout("a", 1.0, 1, 1, "a"), rollout("b", None, 0, 1, "a")]) is None


def test_the_pair_whose_crop_shows_what_the_view_lost_goes_first(tmp_path: Path) -> None:
    """Two groups at two steps; the later one's crop is plain grey, where the view lost nothing."""
    story = [Rollout(1, "A", True), Rollout(1, "B", False)]
    striped = write_striped(tmp_path, story)
    grey = store_image(tmp_path, png(Image.new("RGB", (224, 224), "grey")))
    plain = [
        item.model_copy(
            update={
                "id": f"plain-{number}",
                "step": 2,
                "group": "plain",
                "images": (item.images[0], grey)[: len(item.images)],
            }
        )
        for number, item in enumerate(striped)
    ]
    write_lines(tmp_path, plain, "rank1.jsonl")
    pair = block(build_page(tmp_path, PageLimits()).html, "head")["pair"]
    assert pair == [item.id for item in striped]


def test_two_runs_open_on_one_of_each(tmp_path: Path) -> None:
    first = write_striped(tmp_path / "a", name="good")
    second = write_striped(tmp_path / "b", [Rollout(6, "B", False)], name="bad")
    page = build_page([tmp_path / "a", tmp_path / "b"], PageLimits())
    head = block(page.html, "head")
    assert head["pair"] == [first[4].id, f"1:{second[0].id}"]
    # The right one is of the better run, and the runs keep their order.
    page = build_page([tmp_path / "b", tmp_path / "a"], PageLimits())
    assert block(page.html, "head")["pair"] == [second[0].id, f"1:{first[4].id}"]
    assert STORY[4].zooms

"""How large a toy scene is, and how a family's models see it: both follow from its patch."""

from __future__ import annotations

from dataclasses import dataclass

from swift_deepeyes.episode.family import Family

Box = tuple[int, int, int, int]

_PATCHES = 8  # along a side of the view: four image tokens
_SCALE = 4  # pixels of the file for one that the model sees
_NORMALISED = 1000


@dataclass(frozen=True)
class ToyView:
    """The sizes (pixels of a side) of a scene's file and of the model's view of it."""

    family: Family

    @property
    def side(self) -> int:
        """What the model sees."""
        return _PATCHES * self.family.patch_size

    @property
    def pixels(self) -> int:
        """`MAX_PIXELS`."""
        return self.side**2

    @property
    def scene_side(self) -> int:
        """The file; a room's half of it is what a crop has."""
        return _SCALE * self.side

    def room_box(self, room: int) -> Box:
        """A room as the family's models write boxes: pixels of the view, or thousandths."""
        half = (self.side if self.family.writes_pixels else _NORMALISED) // 2
        left, top = (room % 2) * half, (room // 2) * half
        return (left, top, left + half, top + half)

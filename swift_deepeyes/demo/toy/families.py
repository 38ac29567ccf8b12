"""The families that have a toy."""

from __future__ import annotations

from swift_deepeyes.demo.toy.family import ToyFamily
from swift_deepeyes.demo.toy.qwen2_5_vl import QWEN2_5_VL
from swift_deepeyes.demo.toy.qwen3_5 import QWEN3_5
from swift_deepeyes.demo.toy.qwen3_vl import QWEN3_VL
from swift_deepeyes.episode.family import Family

TOYS: dict[Family, ToyFamily] = {toy.name: toy for toy in (QWEN2_5_VL, QWEN3_VL, QWEN3_5)}

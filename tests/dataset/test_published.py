"""The published files have the same names in Python, in dataset_info.json and in the download."""

from __future__ import annotations

import json
import re
from pathlib import Path

from swift_deepeyes.dataset.columns import TO_MESSAGES
from swift_deepeyes.dataset.published import DATASET_INFO, DATASET_PREFIX, PUBLISHED

ROOT = Path(__file__).parents[2]


def test_dataset_info_names_the_published_files() -> None:
    entries = json.loads((ROOT / DATASET_INFO).read_text(encoding="utf-8"))
    names = {Path(entry["dataset_path"]).name: entry["dataset_name"] for entry in entries}
    assert names == PUBLISHED
    assert all(name.startswith(DATASET_PREFIX) for name in names.values())
    assert all(entry["columns"] == TO_MESSAGES for entry in entries)


def test_the_download_fetches_the_published_files() -> None:
    script = (ROOT / "scripts/download_data.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"\[(\S+\.parquet)\]=", script)) == set(PUBLISHED)

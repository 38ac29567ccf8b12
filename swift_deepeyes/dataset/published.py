"""The published files of DeepEyes-Datasets-47k, and under which names ms-swift knows datasets."""

from __future__ import annotations

DATASET_INFO = "dataset_info.json"
"""The file for ms-swift's `--custom_dataset_info`."""

DATASET_PREFIX = "deepeyes_"
"""By it the plugin knows whose rows to check."""

PUBLISHED = {
    "data_0.1.2_visual_toolbox_v2.parquet": "deepeyes_vstar",
    "data_v0.8_visual_toolbox_v2.parquet": "deepeyes_chart",
    "data_thinklite_reasoning_acc.parquet": "deepeyes_thinklite",
}
"""Dataset names by file names."""

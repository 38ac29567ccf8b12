"""A dataset whose images stay encoded: decoded by `datasets`, one corrupt one ends the loading."""

from __future__ import annotations

from typing import Any

import datasets
from datasets import Dataset, Features, Image, IterableDataset, LargeList

# Before version 4 of `datasets` a list is a `Sequence`, or a Python list with the type in it.
LISTS = (getattr(datasets, "List", datasets.Sequence), LargeList)


def with_encoded_images(dataset: Dataset | IterableDataset) -> Dataset | IterableDataset:
    """The same rows, their images as bytes and path, wherever they stand."""
    if isinstance(dataset, IterableDataset):
        return dataset.decode(False)
    features = Features({key: _encoded(value) for key, value in dataset.features.items()})
    if features == dataset.features:
        return dataset
    info = dataset.info.copy()
    info.features = features
    # A new view of the same table; `Dataset.cast` would write gigabytes of images once more.
    return Dataset(dataset.data, info=info, split=dataset.split, indices_table=dataset._indices)


def _encoded(feature: Any) -> Any:
    """The feature with `Image` left undecoded, at any depth of lists and structs."""
    if isinstance(feature, Image):
        return Image(decode=False)
    if isinstance(feature, list):
        return [_encoded(feature[0])]
    if isinstance(feature, LISTS):
        return type(feature)(_encoded(feature.feature))
    if isinstance(feature, dict):
        return {key: _encoded(value) for key, value in feature.items()}
    return feature

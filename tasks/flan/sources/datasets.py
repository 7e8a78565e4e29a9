"""Raw data sets: a local file, else what TensorFlow Datasets or Hugging Face has on this disk.

Nothing is downloaded. Both packages are imported only when one of their data sets is read.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import pathlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from t5lite.data.sources.record_files import Located

from . import rows
from .folders import Folders, file_problem
from .rows import Rows

_TRAIN_FILES = [f"train{suffix}" for suffix in rows.SUFFIXES]

# Data sets whose training examples are under another name; all others have `train`.
_TFDS_SPLITS = {"story_cloze/2016": "validation"}
_HUGGINGFACE_SPLITS = {"story_cloze/2016": "validation"}


@dataclasses.dataclass(frozen=True)
class Place:
    """A data set that is there.

    Attributes:
      where: its file or folder.
      files: its file, where it is one.
      problem: why it cannot be read; empty where nothing is known against it.
      open: opens it.
    """

    where: str
    files: tuple[pathlib.Path, ...]
    problem: str
    open: Callable[[], Rows]


def find_local(names: Sequence[str], folders: Folders) -> Place | None:
    """Looks for `flan/<name>/train.{jsonl,csv,parquet}` under the data root, for each name."""
    if folders.root is None:
        return None
    path = folders.first([folders.root / "flan" / name for name in names], _TRAIN_FILES)
    if path is None:
        return None
    return Place(str(path), (path,), file_problem(path), lambda: rows.open_file(path))


def find_tfds(name: str, folders: Folders) -> Place | None:
    """Looks for a prepared TFDS data set `NAME/CONFIG`, its newest version."""
    for base in folders.tfds:
        # A data set of one configuration may be stored with or without the configuration's name.
        for folder in dict.fromkeys((base / name, base / name.partition("/")[0])):
            versions = [v for v in folders.names(folder) if v.replace(".", "").isdecimal()]
            if versions:
                newest = max(versions, key=lambda text: [int(part) for part in text.split(".")])
                return _tfds_place(folder / newest, _TFDS_SPLITS.get(name, "train"), folders)
    return None


def _tfds_place(folder: pathlib.Path, split: str, folders: Folders) -> Place:
    problem = ""
    if "dataset_info.json" not in folders.names(folder):
        problem = "has no dataset_info.json; prepare the data set again"
    return Place(str(folder), (), problem, lambda: _TfdsRows(folder, split))


class _TfdsRows:
    """A split of a prepared TFDS data set, which lies in random order already."""

    in_order = True

    def __init__(self, folder: pathlib.Path, split: str):
        import tensorflow_datasets as tfds

        self._builder = tfds.builder_from_directory(str(folder))
        self._split = split
        if split not in self._builder.info.splits:
            found = ", ".join(self._builder.info.splits) or "none"
            raise ValueError(f"{folder}: no split {split!r}; it has {found}")
        self._where = f"{folder}, split {split}"

    def count(self) -> int:
        return self._builder.info.splits[self._split].num_examples

    def read(self, wanted: Collection[int]) -> Iterator[Located]:
        import tensorflow_datasets as tfds

        chosen = set(wanted)
        last = max(chosen, default=-1)
        read = tfds.core.utils.read_config.ReadConfig(interleave_cycle_length=1)
        dataset = self._builder.as_dataset(
            split=f"{self._split}[:{last + 1}]", shuffle_files=False, read_config=read
        )
        for index, row in enumerate(tfds.as_numpy(dataset)):
            if index in chosen:
                yield index, f"{self._where}, example {index}", _plain(row)


def _plain(value: Any) -> Any:
    """TFDS's arrays and bytes as Python's lists, numbers and texts."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if hasattr(value, "tolist"):
        value = value.tolist()
        return _plain(value) if isinstance(value, list | bytes) else value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if type(value).__name__ == "RaggedTensorValue":
        return [_plain(item) for item in value.to_list()]
    return value


def find_huggingface(name: str, folders: Folders, *, split: str = "train") -> Place | None:
    """Looks for a data set `NAME/CONFIG` in the cache of the `datasets` package.

    Data sets of an organisation (`ORGANISATION/NAME`) are found by their name alone too.
    """
    dataset, _, config = name.partition("/")
    cached = folders.names(folders.huggingface)
    found = next((n for n in sorted(cached) if n == dataset or n.endswith(f"___{dataset}")), None)
    if found is None:
        return None
    configs = folders.names(folders.huggingface / found)
    config = config if config in configs else next(iter(sorted(configs)), "") if not config else ""
    if not config:
        return None
    problem = ""
    if importlib.util.find_spec("datasets") is None:
        problem = "is in the cache of the package `datasets`, which is not installed"
    split = _HUGGINGFACE_SPLITS.get(name, split)
    where = folders.huggingface / found / config
    path = found.replace("___", "/")
    return Place(str(where), (), problem, lambda: _HuggingFaceRows(path, config, split))


class _HuggingFaceRows:
    """A split of a data set in the cache of the `datasets` package."""

    in_order = False

    def __init__(self, path: str, config: str, split: str):
        # Read at the package's first import: a data set that is not cached must not be fetched.
        os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
        import datasets

        self._where = f"{path}/{config}, split {split}"
        try:
            self._rows = datasets.load_dataset(path, config, split=split)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self._where}: the package `datasets` cannot load it from its cache: {error}"
            ) from error

    def count(self) -> int:
        return len(self._rows)

    def read(self, wanted: Collection[int]) -> Iterator[Located]:
        indices = sorted(wanted)
        for index, row in zip(indices, self._rows.select(indices), strict=True):
            yield index, f"{self._where}, example {index}", row

"""The files of a data set's splits, as users name them: files, patterns, and folders of `datasets`.

A folder is one that Hugging Face's `datasets` saved (`save_to_disk`), or one laid out as on its
hub, where files or their folders are named after the splits. No code of a data set is ever run,
and `datasets` itself is not needed.
"""

from __future__ import annotations

import dataclasses
import glob
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.sources import local_files
from t5lite.data.sources.record_files import (
    FORMATS,
    SUFFIXES,
    Record,
    RecordFile,
    open_records,
    suffix_of,
)
from t5lite.messages.suggest import did_you_mean

Place = str | Sequence[str]

# What the hub's folders call the three usual splits.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("training",),
    "validation": ("valid", "val", "dev"),
    "test": ("testing", "eval", "evaluation"),
}
# All names of the three.
SPLIT_NAMES = frozenset(name for names in _OTHER_NAMES.items() for name in (names[0], *names[1]))
_SAVED_DICT = "dataset_dict.json"
_SAVED_STATE = "state.json"
# What `datasets` and the hub keep beside the data.
_NOT_DATA = (_SAVED_DICT, _SAVED_STATE, "dataset_info.json", "dataset_infos.json", "config.json")


@dataclasses.dataclass(frozen=True)
class SplitFiles:
    """The records of a data set, split by split.

    Attributes:
      owner: who reads them, for errors ("Task 'x'").
      places: for each split paths of files, patterns or folders.
      format: the format of all files; None where each file's suffix says it.
      root: gives the folder that relative paths are under; asked when they are needed, and may
        raise ValueError.
    """

    owner: str
    places: Mapping[str, tuple[str, ...]]
    format: str | None = None
    root: Callable[[], pathlib.Path] = pathlib.Path

    def __post_init__(self) -> None:
        if not self.places:
            raise ValueError(f'{self.owner}: files is empty; give {{"train": "train.jsonl"}}')
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(
                f"{self.owner}: format is {self.format!r}; it must be one of "
                f"{', '.join(FORMATS)}.{did_you_mean(self.format, FORMATS)}"
            )

    def files(self, split: str) -> list[pathlib.Path]:
        """The files of a split, in their order.

        Raises:
          ValueError: a file is missing, a pattern matches none, or a folder does not say which
            files are the split's.
        """
        try:
            return [path for place in self.places[split] for path in self._find(place, split)]
        except ValueError as error:
            raise ValueError(f"{error} ({self.owner}, split {split!r})") from error

    def records(self, split: str) -> Iterator[tuple[str, Record]]:
        """Yields (what an error calls it, record) in a fixed order, one file after another.

        Raises:
          ValueError: as `files`, or a file cannot be read; names file and line.
        """
        for path in self.files(split):
            for _, where, record in self._open(path).read():
                yield where, record

    def count(self, split: str) -> int:
        """How many records a split has; raises as `records`."""
        return sum(self._open(path).count() for path in self.files(split))

    def fingerprint_parts(self) -> list[Any]:
        """All that the records depend on: the hash of a path takes in the file's state."""
        parts: list[Any] = [self.format]
        for split, places in self.places.items():
            for place in places:
                try:
                    parts.append((split, self._find(place, split)))
                except ValueError as error:  # For whoever reads them to say.
                    parts.append((split, str(error)))
        return parts

    def _find(self, place: str, split: str) -> list[pathlib.Path]:
        path = pathlib.Path(place).expanduser()
        return find_files(str(path if path.is_absolute() else self.root() / path), split)

    def _open(self, path: pathlib.Path) -> RecordFile:
        return open_records(path) if self.format is None else FORMATS[self.format](path)


def find_files(place: str, split: str) -> list[pathlib.Path]:
    """The files that a place means.

    Args:
      place: a file, a pattern such as `data/train-*.parquet`, or a folder.
      split: which split of a folder.

    Raises:
      ValueError: there is none, or the folder does not say.
    """
    path = pathlib.Path(place)
    if path.is_dir():
        return _files_of_folder(path, split)
    if path.is_file():
        return [path]
    if not glob.has_magic(place):
        raise ValueError(f"{place}: cannot be read: No such file or directory")
    matches = map(pathlib.Path, glob.glob(place, recursive=True))
    found = sorted(match for match in matches if match.is_file())
    if not found:
        raise ValueError(f"{place}: no file matches this pattern")
    return found


def _files_of_folder(folder: pathlib.Path, split: str) -> list[pathlib.Path]:
    if (folder / _SAVED_DICT).is_file():
        splits = _list_of(folder / _SAVED_DICT, "splits")
        if split not in splits:
            raise ValueError(
                f"{folder}: the saved data set has no split {split!r}; it has "
                f"{', '.join(splits)}.{did_you_mean(split, splits)} For another name of yours, "
                f"give the folder of the split, such as {folder / str(splits[0])}"
            )
        return _files_of_saved(folder / split)
    if (folder / _SAVED_STATE).is_file():
        return _files_of_saved(folder)
    return _files_of_hub_folder(folder, split)


def _files_of_saved(folder: pathlib.Path) -> list[pathlib.Path]:
    """What `Dataset.save_to_disk` wrote, in its order."""
    state = folder / _SAVED_STATE
    if local_files.read_json(state).get("_indices_data_files"):
        raise ValueError(
            f"{folder}: saved by an old `datasets` with its rows chosen by a file of indices; "
            "load it with `datasets.load_from_disk`, and save its `flatten_indices()`"
        )
    names = [pathlib.PurePath(f["filename"]).name for f in _list_of(state, "_data_files")]
    return [folder / name for name in names]


def _list_of(path: pathlib.Path, field: str) -> list[Any]:
    values: list[Any] = local_files.require(
        local_files.read_json(path), field, list, where=str(path)
    )
    return values


def _files_of_hub_folder(folder: pathlib.Path, split: str) -> list[pathlib.Path]:
    """Files of one format and folder that are named after the split, or lie in a folder so named.

    Where no file is named after a split, all are the training data, as for `load_dataset`.
    """
    found = sorted(path for path in folder.rglob("*") if _holds_data(path, folder))
    by_split = {name: _named_after(name, found, folder) for name in {split, *_OTHER_NAMES}}
    chosen = by_split[split]
    if not chosen and split == "train" and not any(by_split.values()):
        chosen = found
    if not chosen:
        named = [name for name, paths in by_split.items() if paths]
        raise ValueError(
            f"{folder}: no {', '.join(SUFFIXES)} file in it is named after the split {split!r}, as "
            f"{split}.csv or data/{split}-00000-of-00001.parquet are; "
            + (f"there are files of {', '.join(sorted(named))}" if named else "name the files")
        )
    places = {(path.parent, suffix_of(path)) for path in chosen}
    if len(places) > 1:
        listed = ", ".join(f"{parent}/*{suffix}" for parent, suffix in sorted(places))
        raise ValueError(
            f"{folder}: files of the split {split!r} are in several places, {listed}: name one of "
            "these"
        )
    return chosen


def _holds_data(path: pathlib.Path, folder: pathlib.Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    known = suffix_of(path) in SUFFIXES and path.name not in _NOT_DATA
    return known and not hidden and path.is_file()


def _named_after(
    split: str, paths: Sequence[pathlib.Path], folder: pathlib.Path
) -> list[pathlib.Path]:
    names = "|".join(map(re.escape, (split, *_OTHER_NAMES.get(split, ()))))
    whole_word = re.compile(rf"(?:^|[^a-z])(?:{names})(?:[^a-z]|$)", re.IGNORECASE)
    return [path for path in paths if whole_word.search(str(path.relative_to(folder)))]

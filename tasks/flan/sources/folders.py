"""Which files lie where: folders are listed, no file is opened."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import stat
from collections.abc import Iterable, Sequence

from t5lite.data.tasks import environment


@dataclasses.dataclass(frozen=True)
class Folders:
    """The places where data may lie. A folder is listed again only when it has changed.

    Attributes:
      root: the data root, or None where none is set.
      tfds: folders of prepared TensorFlow datasets, the first that has one wins.
      huggingface: the cache of the Hugging Face `datasets` package.
    """

    root: pathlib.Path | None
    tfds: tuple[pathlib.Path, ...]
    huggingface: pathlib.Path
    _listed: dict[pathlib.Path, tuple[int, frozenset[str]]] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def names(self, folder: pathlib.Path) -> frozenset[str]:
        """Names of what is in a folder; none where there is no such folder."""
        try:
            changed = os.stat(folder).st_mtime_ns
            known = self._listed.get(folder)
            if known is None or known[0] != changed:
                known = self._listed[folder] = (changed, frozenset(os.listdir(folder)))
        except OSError:
            return frozenset()
        return known[1]

    def first(self, folders: Iterable[pathlib.Path], names: Sequence[str]) -> pathlib.Path | None:
        """The first of the names that is in the first of the folders that has one."""
        for folder in folders:
            present = self.names(folder)
            for name in names:
                if name in present:
                    return folder / name
        return None


def current() -> Folders:
    """The places that the settings name now: `T5LITE_DATA_DIR`, `TFDS_DATA_DIR`, `HF_HOME`.

    Prepared TensorFlow datasets are looked for in `tfds/` under the data root first.

    Raises:
      ValueError: if the data root that is set is not a folder.
    """
    variables = (environment.DATA_DIR_VARIABLE, "TFDS_DATA_DIR", "HF_DATASETS_CACHE", "HF_HOME")
    return _folders(*(os.environ.get(name, "") for name in variables))


@functools.lru_cache(maxsize=8)
def _folders(data_dir: str, tfds: str, cache: str, home: str) -> Folders:
    root = environment.data_dir() if data_dir else None
    user = pathlib.Path.home()
    prepared = pathlib.Path(tfds).expanduser() if tfds else user / "tensorflow_datasets"
    huggingface = pathlib.Path(home).expanduser() if home else user / ".cache" / "huggingface"
    return Folders(
        root,
        (prepared,) if root is None else (root / "tfds", prepared),
        pathlib.Path(cache).expanduser() if cache else huggingface / "datasets",
    )


def file_problem(path: pathlib.Path) -> str:
    """What keeps a file from being read, as far as its folder entry says; empty if nothing."""
    try:
        found = path.stat()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(found.st_mode):
        return "is not a file"
    if not os.access(path, os.R_OK):
        return "may not be read by this user"
    return "" if found.st_size else "is empty"

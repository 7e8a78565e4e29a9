"""Which files lie where: folders are listed, no file is opened."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import stat

from t5lite.data import environment


@dataclasses.dataclass(frozen=True)
class Folders:
    """The places where data may lie. A folder is listed again only when it has changed.

    Attributes:
      root: the data root, or None where none is set.
      tfds: the folder of prepared TensorFlow datasets.
      huggingface: the cache of the Hugging Face `datasets` package.
    """

    root: pathlib.Path | None
    tfds: pathlib.Path
    huggingface: pathlib.Path
    _listed: dict[str, tuple[int, frozenset[str]]] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def names(self, folder: pathlib.Path) -> frozenset[str]:
        """Names of what is in a folder; none where there is no such folder."""
        key = str(folder)
        try:
            changed = os.stat(key).st_mtime_ns
            known = self._listed.get(key)
            if known is None or known[0] != changed:
                known = self._listed[key] = (changed, frozenset(os.listdir(key)))
        except OSError:
            return frozenset()
        return known[1]

    def has(self, path: pathlib.Path) -> bool:
        """Whether a path is there, looked up in the listing of its folder."""
        return path.name in self.names(path.parent)

    def first(self, *candidates: pathlib.Path) -> pathlib.Path | None:
        """The first path that is there."""
        return next((path for path in candidates if self.has(path)), None)


def current() -> Folders:
    """The places that the settings name now: `T5LITE_DATA_DIR`, `TFDS_DATA_DIR`, `HF_HOME`.

    Prepared TensorFlow datasets are looked for in `tfds/` under the data root first.

    Raises:
      ValueError: if the data root that is set is not a folder.
    """
    is_set = os.environ.get(environment.DATA_DIR_VARIABLE, "")
    root = environment.data_dir() if is_set else None
    home = pathlib.Path.home()
    tfds = os.environ.get("TFDS_DATA_DIR", "") or home / "tensorflow_datasets"
    if root is not None and (root / "tfds").is_dir():
        tfds = root / "tfds"
    cache = os.environ.get("HF_HOME", "") or home / ".cache" / "huggingface"
    datasets = os.environ.get("HF_DATASETS_CACHE", "") or pathlib.Path(cache) / "datasets"
    return _folders(root, pathlib.Path(tfds).expanduser(), pathlib.Path(datasets).expanduser())


@functools.lru_cache(maxsize=8)
def _folders(root: pathlib.Path | None, tfds: pathlib.Path, huggingface: pathlib.Path) -> Folders:
    return Folders(root, tfds, huggingface)


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

"""Where data, vocabulary and caches are: settings that task modules and workers read.

They travel as environment variables because a task module is imported by name, in this process
and in every worker process, and takes no arguments.
"""

import os
import pathlib

from t5lite.files.buckets import copy_place, is_in_bucket, local_copy
from t5lite.files.local_paths import storage_path

DATA_DIR_VARIABLE = "T5LITE_DATA_DIR"
VOCABULARY_VARIABLE = "T5LITE_VOCABULARY"
CACHE_DIR_VARIABLE = "T5LITE_CACHE_DIR"

_DATA_DIR_SETTINGS = f"flag --data_dir, gin macro DATA_DIR, variable {DATA_DIR_VARIABLE}"


def data_dir() -> pathlib.Path:
    """Folder under which task modules find their files; of one in a bucket, its copy.

    Raises:
      ValueError: if it is not set, or is not a folder.
    """
    value = os.environ.get(DATA_DIR_VARIABLE, "")
    if not value:
        raise ValueError(
            f"These tasks read files, and no data folder is set ({_DATA_DIR_SETTINGS}). "
            "Give the folder that holds them."
        )
    path = storage_path(value, name=_DATA_DIR_SETTINGS)
    if is_in_bucket(path) and path.is_dir():
        path = local_copy(path)
        os.environ[DATA_DIR_VARIABLE] = str(path)  # Worker processes need not look again.
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise ValueError(
            f"The data folder {value!r} ({_DATA_DIR_SETTINGS}) is not a folder: found {found} "
            f"there, seen from {pathlib.Path.cwd()}."
        )
    return path.absolute()


def vocabulary_is_given() -> bool:
    """Whether anybody chose a vocabulary."""
    return bool(os.environ.get(VOCABULARY_VARIABLE, ""))


def vocabulary_name() -> str:
    """The vocabulary that task modules tokenise with, as `parse_vocabulary` reads it."""
    return os.environ.get(VOCABULARY_VARIABLE, "") or "bytes"


def cache_dir() -> pathlib.Path:
    """Folder of the token stores, on this machine or in a bucket; made on first use."""
    value = os.environ.get(CACHE_DIR_VARIABLE, "") or "~/.cache/t5lite"
    return storage_path(value, name=f"--cache_dir ({CACHE_DIR_VARIABLE})").absolute()


def local_cache_dir(folder: str | os.PathLike[str] | None = None) -> pathlib.Path:
    """Folder of what is kept on this machine, whatever the cache folder; for a bucket, its copy."""
    path = storage_path(folder or cache_dir(), name="--cache_dir").absolute()
    return copy_place(path) if is_in_bucket(path) else path

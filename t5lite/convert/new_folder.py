"""Folders that come to be as a whole or not at all."""

import contextlib
import errno
import os
import pathlib
import tempfile
from collections.abc import Iterator

from t5lite.files.buckets import check_bucket, is_in_bucket, upload_folder
from t5lite.files.local_paths import check_storable, storage_path
from t5lite.files.whole_file import is_full_disk

# Readers know a model's folder by these files.
_LAST = ("config.json", "t5lite.json")


def check_new(dst: str | pathlib.Path) -> pathlib.Path:
    """The path, if a folder may be written there.

    Raises:
      ValueError: it is a file, has files in it already, or has a name that cannot be.
    """
    dst = storage_path(dst, name="DST")
    check_storable(dst, name="DST")
    if is_in_bucket(dst):
        check_bucket(dst, name="DST", writes=True)
    if dst.exists() and not dst.is_dir():
        raise ValueError(f"{dst} is there already and no folder; give a new folder")
    if dst.exists() and any(dst.iterdir()):
        raise ValueError(f"{dst} is there already and not empty; give a new folder")
    return dst


@contextlib.contextmanager
def new_folder(dst: str | pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives an empty folder that takes the name `dst` if all goes well, and is deleted if not.

    Raises:
      ValueError: as `check_new`, or another process wrote there meanwhile.
      OSError: the disk is full; names `dst`.
    """
    dst = check_new(dst)
    if is_in_bucket(dst):  # Made on this machine: weights are written in places, models verified.
        with tempfile.TemporaryDirectory() as work:
            yield pathlib.Path(work)
            upload_folder(pathlib.Path(work), dst, last=_LAST)
        return
    dst.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dst.parent, prefix=f".{dst.name}.") as work:
        folder = pathlib.Path(work) / dst.name
        folder.mkdir()
        with _explaining_full_disk(dst):
            yield folder
        try:
            os.replace(folder, dst)  # Replaces an empty folder too.
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise ValueError(
                f"{dst} was written by another process meanwhile, and is left as it is; give a new "
                "folder"
            ) from error


@contextlib.contextmanager
def _explaining_full_disk(dst: pathlib.Path) -> Iterator[None]:
    """Says so in one line: libraries say it with the names of files that are deleted by then."""
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(dst)) from error

"""Folders that come to be as a whole or not at all."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def new_folder(dst: str | pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives an empty folder that takes the name `dst` if all goes well, and is deleted if not.

    Raises:
      ValueError: `dst` is a file, or has files in it already.
    """
    dst = pathlib.Path(dst)
    if dst.exists() and (not dst.is_dir() or any(dst.iterdir())):
        raise ValueError(f"{dst} is there already and not empty; give a new folder")
    dst.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dst.parent, prefix=f".{dst.name}.") as work:
        folder = pathlib.Path(work) / dst.name
        folder.mkdir()
        yield folder
        # Replaces an empty folder too.
        os.replace(folder, dst)

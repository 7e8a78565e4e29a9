"""Token stores that lie in a bucket: copied to this machine to be read, and there when built.

Stores are mapped into memory, so what is read is a copy. It is never changed: a store's folder has
the fingerprint of all that it depends on in its name.
"""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Iterator, Sequence

from t5lite.data.stores.store_meta import META_FILE
from t5lite.files.buckets import check_bucket, copy_place, download_folders, upload_folder
from t5lite.files.local_paths import storage_path
from t5lite.files.locks import take_lock

_SECONDS_BETWEEN_LOOKS = 2.0
_MAX_LOOKS = 12 * 60 * 30  # of two seconds: twelve hours


class SharedStores:
    """The stores of a cache folder in a bucket.

    Attributes:
      root: the folder on this machine that holds their copies.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        """Names them.

        Raises:
          ValueError: the bucket is missing or forbidden.
        """
        check_bucket(folder, name="--cache_dir", writes=True)
        # The text, for processes that this travels to open the bucket by themselves.
        self.root, self._address = copy_place(folder), str(folder)

    def fetch(self, paths: Sequence[str]) -> None:
        """Copies those stores to this machine that are finished in the bucket and not here."""
        absent = [p for p in map(pathlib.Path, paths) if not (p / META_FILE).exists()]
        download_folders({path: self._remote(path) for path in absent}, last=META_FILE)

    def publish(self, path: str) -> None:
        """Copies a store of this machine into the bucket; it is found there when it is whole."""
        upload_folder(pathlib.Path(path), self._remote(pathlib.Path(path)), last=(META_FILE,))

    @contextlib.contextmanager
    def building(self, path: str) -> Iterator[None]:
        """Holds the right to build a store, which one process of all machines has at a time."""
        folder = self._remote(pathlib.Path(path))
        lock_path = folder.with_name(f".{folder.name}.lock")
        for _ in range(_MAX_LOOKS):
            try:
                lock = take_lock(lock_path, held=f"another process builds {folder}", remedy="wait.")
            except ValueError:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                continue
            try:
                yield
            finally:
                lock.release()
            return
        raise ValueError(f"another process builds {folder}, and has not finished in half a day")

    def _remote(self, path: pathlib.Path) -> pathlib.Path:
        folder = storage_path(self._address, name="--cache_dir")
        return folder / path.relative_to(self.root).as_posix()

"""Files that come to be as a whole or not at all, and errors that name the file."""

import contextlib
import errno
import pathlib
import re
from collections.abc import Iterator

from t5lite.files.buckets import is_in_bucket

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full_disk(error: BaseException | None) -> bool:
    """Whether a full disk is what an error came of, however libraries wrap it."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            return True
        found = re.search(r"os_error_code='(\d+)'", str(error))  # how tensorstore passes it on
        if found and int(found[1]) in FULL_DISK:
            return True
        error = error.__cause__ or error.__context__
    return False


def write_whole(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file, text as UTF-8; who reads it finds all of it, or what was there before.

    Raises:
      OSError: of this file, such as on a full disk.
    """
    content = content.encode("utf-8") if isinstance(content, str) else content
    if is_in_bucket(path):  # Where an object is whole or not there.
        path.write_bytes(content)
        return
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with naming_file(path):
            temporary.write_bytes(content)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming_file(path: pathlib.Path) -> Iterator[None]:
    """Makes errors of the system name the file where they do not; those of writing never do."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise

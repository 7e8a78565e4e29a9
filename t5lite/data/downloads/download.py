"""Gets files over HTTP: resumed where they stopped, checked, unpacked only inside their folder.

The standard library does all of it. pooch, the usual package for this, cannot resume a download
and unpacks archives itself, links and all; here both matter, for archives are gigabytes and come
from anywhere.

Under the data root, `fetched.json` is the lock file: the SHA-256 of whatever was got, by address.
Unfinished downloads lie in `.fetch/`, and nothing appears in its place before it is whole.
"""

import contextlib
import hashlib
import http.client
import os
import pathlib
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import filelock

from t5lite.data.downloads.archives import MAX_BYTES, NoRoomError, unpack
from t5lite.data.downloads.downloads import Download, File
from t5lite.files.json_files import read_object, write_object
from t5lite.messages.progress import Bar, progress_bar

LOCK_FILE = "fetched.json"
_WORK_FOLDER = ".fetch"
_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 60
# Attempts in a row that get nothing at all.
_MAX_FRUITLESS = 4
# URLError, TimeoutError, ConnectionError and SSLError are OSErrors.
_NETWORK_ERRORS = (OSError, http.client.HTTPException)
_SCHEMES = ("http", "https")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def fetch(
    download: Download,
    root: pathlib.Path,
    *,
    progress: bool = True,
    wait_seconds: float = 1.0,
) -> list[str]:
    """Gets all files of a download that are not there yet.

    Args:
      download: what to get.
      root: the data root, a folder.
      progress: whether to show a progress bar on stderr.
      wait_seconds: before the first new attempt after a broken connection; doubles each time.

    Returns:
      A line on each file: whether it was there, and how it was checked.

    Raises:
      ValueError: if the server cannot be reached or refuses, what comes is not what it ought to be,
        an archive has a member that leaves its folder, or something else lies in the way.
    """
    work = root / _WORK_FOLDER
    work.mkdir(exist_ok=True)
    with filelock.FileLock(work / "lock"):
        notes = [
            _fetch_file(file, download, root, progress, wait_seconds) for file in download.files
        ]
    with contextlib.suppress(OSError):  # Other downloads may be unfinished.
        (work / "lock").unlink()
        work.rmdir()
    return notes


def _fetch_file(
    file: File, download: Download, root: pathlib.Path, progress: bool, wait_seconds: float
) -> str:
    folder = root / download.folder
    recorded = _read_lock(root).get(file.url)
    target = folder if file.unpack else folder / file.path
    is_empty_folder = file.unpack and target.is_dir() and not any(target.iterdir())
    if target.exists() and not is_empty_folder:
        return _check_present(file, target, recorded)
    part = root / _WORK_FOLDER / f"{hashlib.sha256(file.url.encode()).hexdigest()[:24]}.part"
    _download(file.url, part, progress=progress, wait_seconds=wait_seconds)
    digest = _sha256(part)
    checked = _check(file, part, digest, recorded, root)
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.unpack:
        unpacked = _unpack_archive(file, part)
    # Noted first: whatever is in place has been noted, however this ends.
    _write_lock(root, file.url, {"path": str(target.relative_to(root)), "sha256": digest})
    if file.unpack:
        os.replace(unpacked, folder)  # Replaces an empty folder.
        part.unlink()
    else:
        os.replace(part, target)
    return f"{target}: fetched, {checked}"


# -------------------------------------------------------------------------------------- checking


def _check_present(file: File, target: pathlib.Path, recorded: Any) -> str:
    """What to say of a file or folder that is there already.

    Raises:
      ValueError: if it was fetched and has changed since, or something else is in the way.
    """
    if recorded is None:
        if file.unpack:
            raise ValueError(
                f"{target} is there and was not fetched from {file.url}; move it away to fetch"
            )
        return f"{target}: there already, not fetched by t5lite; left as it is"
    if not file.unpack and _sha256(target) != recorded["sha256"]:
        raise ValueError(
            f"{target} has changed since it was fetched (SHA-256 in {LOCK_FILE}); remove it to "
            "fetch it again"
        )
    return f"{target}: there already"


def _check(file: File, part: pathlib.Path, digest: str, recorded: Any, root: pathlib.Path) -> str:
    """Compares what was got with what it must be; says with what.

    Raises:
      ValueError: if they differ; what was got is deleted.
    """
    if file.sha256:
        expected, found, source = file.sha256, digest, "the published SHA-256"
    elif file.git_blob:
        expected, found, source = file.git_blob, _git_blob(part), "the id of its git blob"
    elif recorded is not None:
        expected, found, source = recorded["sha256"], digest, f"the SHA-256 in {LOCK_FILE}"
    else:
        return f"its SHA-256, {digest[:16]}..., trusted on first use and noted in {LOCK_FILE}"
    if found != expected:
        part.unlink()
        raise ValueError(
            f"{file.url}: what was downloaded is not what it ought to be: {source} is {expected}, "
            f"found {found}. It was deleted. If the data set itself was renewed, remove its entry "
            f"from {root / LOCK_FILE} and what was fetched before"
        )
    return f"checked against {source}"


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _git_blob(path: pathlib.Path) -> str:
    """The id that git gives a file's content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _read_lock(root: pathlib.Path) -> dict[str, Any]:
    path = root / LOCK_FILE
    try:
        record = read_object(path, missing_ok=True)
        for url, entry in record.items():
            if not isinstance(entry, dict) or not _is_sha256(entry.get("sha256")):
                raise ValueError(f"{path}: the entry of {url!r} has no SHA-256 of 64 hex digits")
    except ValueError as error:
        raise ValueError(f"{error}; remove it to trust anew") from error
    return record


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _write_lock(root: pathlib.Path, url: str, entry: dict[str, str]) -> None:
    write_object(root / LOCK_FILE, {**_read_lock(root), url: entry}, sort_keys=True)


# ------------------------------------------------------------------------------------ downloading


def _download(url: str, part: pathlib.Path, *, progress: bool, wait_seconds: float) -> None:
    """Downloads until the file is whole, going on where it stopped, now or in an earlier run."""
    _check_scheme(url)
    fruitless, most = 0, _size(part)
    with progress_bar(
        total=None,
        desc=url.rsplit("/", 1)[-1],
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=not progress,
    ) as bar:
        while True:
            try:
                if _continue_download(url, part, bar):
                    _tag_path(part).unlink(missing_ok=True)
                    return
                reason: object = "the connection ended early"
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise ValueError(
                        f"{url}: the server answers {error.code} {error.reason}"
                    ) from error
                reason = f"the server answers {error.code} {error.reason}"
            except _NETWORK_ERRORS as error:
                reason = getattr(error, "reason", error)
            # Beyond what there ever was: a server that begins again and again gets nowhere.
            fruitless = 0 if _size(part) > most else fruitless + 1
            most = max(most, _size(part))
            if fruitless == _MAX_FRUITLESS:
                raise ValueError(
                    f"{url}: cannot be fetched: {reason}; {_size(part):,} bytes are kept, the same "
                    "command resumes from there"
                )
            time.sleep(wait_seconds * 2**fruitless)


def _continue_download(url: str, part: pathlib.Path, bar: Bar) -> bool:
    """Appends what the server sends; returns whether the file is whole then."""
    have = _size(part)
    tag = _tag_path(part).read_text(encoding="utf-8") if _tag_path(part).exists() else ""
    request = urllib.request.Request(
        url, headers={"User-Agent": "t5lite", "Accept-Encoding": "identity"}
    )
    if have and tag:
        # Without a tag nobody could tell whether the rest is of the same content.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    try:
        response = _opener().open(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        part.unlink(missing_ok=True)
        return False
    except ValueError as error:  # an address that is none, here or where it leads
        raise ValueError(f"{url}: cannot be fetched: {error}") from error
    with response:
        start, total = _extent(response, url=url, first=have if request.has_header("Range") else 0)
        if total is not None and total > MAX_BYTES:
            raise ValueError(f"{url}: has {total:,} bytes; the most is {MAX_BYTES >> 30} GiB")
        _tag_path(part).write_text(_strong_tag(response), encoding="utf-8")
        bar.total, bar.n = total, start
        with part.open("r+b" if part.exists() else "wb") as file:
            file.truncate(start)
            file.seek(start)
            for chunk in _chunks(response):
                try:
                    file.write(chunk)
                    file.flush()
                except OSError as error:
                    raise ValueError(
                        f"{url}: {part} cannot be written: {error.strerror}; what is there is "
                        "kept, the same command resumes from there"
                    ) from error
                bar.update(len(chunk))
                if file.tell() > MAX_BYTES:
                    raise ValueError(f"{url}: sends more than {MAX_BYTES >> 30} GiB")
    return total is None or _size(part) == total


def _check_scheme(url: str) -> None:
    if urllib.parse.urlsplit(url).scheme.lower() not in _SCHEMES:
        raise ValueError(f"{url}: only http and https addresses are fetched")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only; Python's own follows ftp too."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str):  # type: ignore[no-untyped-def]
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """What opens addresses of http and https, and none of the file, ftp and data ones."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _chunks(response: Any) -> Iterator[bytes]:
    """What the response holds, in pieces; what came before an early end is not lost."""
    while True:
        try:
            chunk = response.read1(_CHUNK_BYTES)
        except http.client.IncompleteRead as error:
            yield error.partial
            raise
        if not chunk:
            return
        yield chunk


def _extent(response: Any, *, url: str, first: int) -> tuple[int, int | None]:
    """(first byte, size of the whole) of what the server sends; None where it does not say.

    Args:
      response: what the server answers.
      url: the address that was asked for.
      first: the first byte that was asked for; 0 where all were.

    Raises:
      ValueError: it is neither the file nor the part of it that was asked for.
    """
    if response.status == http.HTTPStatus.OK:
        length = response.headers["Content-Length"] or ""
        return 0, int(length) if length.isascii() and length.isdecimal() else None
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        raise ValueError(f"{url}: the server answers {response.status} {response.reason}, no file")
    sent = response.headers["Content-Range"] or "no range that it names"
    match = _RANGE.fullmatch(sent)
    if not first or match is None or int(match[1]) != first:
        asked = f"bytes from {first:,}" if first else "the whole file"
        raise ValueError(f"{url}: asked for {asked}, the server sends a part of it: {sent}")
    return first, None if match[2] == "*" else int(match[2])


def _strong_tag(response: Any) -> str:
    """What tells this content from a later one at the same address; empty if nothing does."""
    tag = response.headers["ETag"] or ""
    return tag if tag and not tag.startswith("W/") else response.headers["Last-Modified"] or ""


def _tag_path(part: pathlib.Path) -> pathlib.Path:
    return part.with_suffix(".tag")


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.exists() else 0


# -------------------------------------------------------------------------------------- unpacking


def _unpack_archive(file: File, part: pathlib.Path) -> pathlib.Path:
    """Unpacks into a folder beside the archive, which takes its place when all is well."""
    unpacked = part.with_suffix(".unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    try:
        unpack(part, unpacked, name=file.path, strip=file.strip, keep=file.keep)
    except NoRoomError as error:  # The archive is kept: it need not come again.
        shutil.rmtree(unpacked, ignore_errors=True)
        raise ValueError(f"{file.url}: {error}") from error
    except ValueError as error:
        shutil.rmtree(unpacked, ignore_errors=True)
        part.unlink()
        raise ValueError(
            f"{file.url}: {error}. It was deleted: fetch it again, and if it comes so again, get "
            f"the archive elsewhere and unpack it there by hand"
        ) from error
    return unpacked

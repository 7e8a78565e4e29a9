"""Folders in buckets: `gs://` of Google Cloud Storage and `s3://` of S3, and what they lack.

The path of a bucket's folder is a `upath.UPath`, which has the methods of `pathlib.Path` (etils'
paths lack some of them, and go through TensorFlow where it is installed) and which functions of
`os` refuse. Writing an object is atomic there, so that a file is whole or as it was. A bucket has
no folders, no links, no renaming and no appending: what needs those is in this package
(`appended_file.py`, `locks.py`), or works on a copy on this machine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import pathlib
import re
import tempfile
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from t5lite.files import strict_json

log = logging.getLogger(__name__)

# The extra of setup.py that brings a scheme's driver.
_EXTRAS = {"gs": "gcs", "s3": "s3"}
_ADDRESS = re.compile(r"(gs|s3)://[^/]+(/|$)")
_COPIES = "~/.cache/t5lite/buckets"
_PATTERN = "[]*?"
# How long a bucket may take to say whether it can be used.
_ANSWER_SECONDS = 60.0
_STATE_FIELDS = ("generation", "etag", "ETag", "size")


def is_address(text: str) -> bool:
    """Whether a text is the address of a bucket or of something in it."""
    return bool(_ADDRESS.match(text))


def is_in_bucket(path: pathlib.Path) -> bool:
    """Whether a path is one of a bucket."""
    return not isinstance(path, pathlib.PurePath)


def bucket_path(address: str, *, name: str) -> pathlib.Path:
    """The path that an address means.

    Args:
      address: `gs://bucket/...` or `s3://bucket/...`.
      name: the flag or macro that gave it, for messages.

    Raises:
      ValueError: what reads and writes such buckets is not installed, the name is a pattern, or the
        bucket is missing or forbidden.
    """
    scheme = address.partition("://")[0]
    if set(address) & set(_PATTERN):
        raise ValueError(
            f"{name} {address}: names in buckets are without {' '.join(_PATTERN)} here, which the "
            "drivers take for patterns. Give another name."
        )
    try:
        _make_drivers_fit()
        from upath import UPath

        path = UPath(address.rstrip("/"))
        path.fs  # noqa: B018 (imports the driver)
    except ImportError as error:
        raise ValueError(
            f"{name} {address}: what reads and writes {scheme}:// is not installed ({error}): "
            f"pip install 't5lite[{_EXTRAS[scheme]}]'."
        ) from error
    check_bucket(cast(pathlib.Path, path), name=name)
    return cast(pathlib.Path, path)


@functools.cache
def _make_drivers_fit() -> None:
    """Settings of libraries that read them once: for orbax's paths as for ours."""
    import fsspec.config
    from etils.epath import gpath

    # TensorFlow's own drivers know neither s3:// nor the credentials of the others.
    os.environ["EPATH_USE_TF"] = "false"
    gpath._is_tf_installed.cache_clear()
    for protocol in ("gs", "gcs", "s3"):  # Another host may have written since.
        fsspec.config.conf.setdefault(protocol, {})["use_listings_cache"] = False


def check_bucket(path: pathlib.Path, *, name: str, writes: bool = False) -> None:
    """Looks whether a bucket is there and may be used, before anything is computed.

    Args:
      path: of the bucket, or in it.
      name: the flag or macro that gave it, for messages.
      writes: whether it is to be written to, which is tried.

    Raises:
      ValueError: it is missing or forbidden, or there are no credentials; says what to do.
    """
    bucket = _driver(path)[1].partition("/")[0]
    try:
        if writes:
            _write_probe(path)
        else:
            _list_once(str(path).partition("://")[0], bucket)
    except Exception as error:  # Of either driver, its HTTP library or its credentials.
        problem = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be used"
        access = "written to" if writes else "read"
        reason = str(error).strip().partition("\n")[0][:200]
        raise ValueError(
            f"{name} {path}: bucket {bucket} {problem} ({type(error).__name__}: {reason}). Make "
            f"the bucket, or give this machine credentials with which it can be {access} "
            "(docs/storage.md)."
        ) from error


@functools.cache
def _list_once(scheme: str, bucket: str) -> None:
    """Raises what the driver does where a bucket cannot be listed; asks once where it can."""
    import fsspec

    _ask(fsspec.filesystem(scheme), "_ls", bucket)


def _write_probe(path: pathlib.Path) -> None:
    """Raises what the driver does where nothing can be written, or deleted."""
    fs, key = _driver(path)
    probe = f"{key}/.t5lite-{uuid.uuid4().hex}"
    _ask(fs, "_pipe_file", probe, b"")
    _ask(fs, "_rm_file", probe)


def _ask(fs: Any, method: str, *arguments: Any) -> None:
    """Calls a driver, which of itself may try for ten minutes; see `_ANSWER_SECONDS`."""
    import fsspec.asyn

    fsspec.asyn.sync(fs.loop, getattr(fs, method), *arguments, timeout=_ANSWER_SECONDS)


def create_object(path: pathlib.Path, content: bytes) -> bool:
    """Writes an object unless there is one of this name; of several who try, one does."""
    fs, key = _driver(path)
    try:
        fs.pipe_file(key, content, mode="create")
    except FileExistsError:
        return False
    return True


def list_objects(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """What the bucket says of each object below a folder, by its path from there."""
    fs, key = _driver(folder)
    found: dict[str, dict[str, Any]] = fs.find(key, detail=True)
    return {
        name.removeprefix(f"{key}/"): info
        for name, info in found.items()
        if name.startswith(f"{key}/") and not name.endswith("/")
    }


def object_hash(info: Mapping[str, Any]) -> str:
    """The hash of an object's content, "kind:hash" of the kind that its bucket keeps."""
    kind = "crc32c" if "crc32c" in info else "etag"
    text = str(info.get("crc32c") or info.get("ETag", "")).strip('"')
    # Of an object that was written in parts, S3 hashes how it was divided too.
    return "size:" if kind == "etag" and "-" in text else f"{kind}:{text}"


def object_state(info: Mapping[str, Any]) -> str:
    """What tells the content of an object from any other that had its name; not its hash."""
    return "/".join(str(info[field]).strip('"') for field in _STATE_FIELDS if field in info)


def copy_place(path: pathlib.Path) -> pathlib.Path:
    """Where on this machine the copy of something in a bucket lies, if it was made."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return pathlib.Path(_COPIES).expanduser() / digest / path.name


def local_copy(path: pathlib.Path, names: Collection[str] | None = None) -> pathlib.Path:
    """A file or folder on this machine that is as `path` is now.

    What is on this machine is given back as it is. Of what is in a bucket a copy is kept below
    `~/.cache/t5lite/buckets`: what has changed since is copied anew, each file as a whole, with the
    time of its change in the bucket. Several processes may ask at once.

    Args:
      path: the file or folder.
      names: only these files of a folder, by their paths from it; all when None.

    Raises:
      FileNotFoundError: there is nothing in the bucket.
      ValueError: an object has a name that is no path below the folder.
    """
    if not is_in_bucket(path):
        return path
    import filelock

    fs, key = _driver(path)
    objects = list_objects(path) or ({"": fs.info(key)} if fs.isfile(key) else {})
    objects = {n: info for n, info in objects.items() if names is None or n in names}
    if not objects:
        raise FileNotFoundError(f"{path} does not exist")
    copy, states = copy_place(path), {n: object_state(info) for n, info in objects.items()}
    for name in states:
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"{path} holds an object {name!r}, which cannot be a file below it")
    copy.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(copy.parent / ".lock"):
        manifest = copy.parent / ".states.json"
        known = strict_json.loads(manifest.read_text(), where="") if manifest.exists() else {}
        stale = [n for n in states if known.get(n) != states[n] or not (copy / n).exists()]
        if stale:
            num_bytes = sum(objects[name]["size"] for name in stale)
            log.info("copying %d files, %s bytes, of %s to %s", len(stale), num_bytes, path, copy)
            with tempfile.TemporaryDirectory(dir=copy.parent) as work:
                parts = [pathlib.Path(work, str(number)) for number in range(len(stale))]
                fs.get([f"{key}/{name}".rstrip("/") for name in stale], list(map(str, parts)))
                for name, part in zip(stale, parts, strict=True):
                    changed = objects[name].get("LastModified") or fs.modified(f"{key}/{name}")
                    os.utime(part, (changed.timestamp(),) * 2)
                    (copy / name).parent.mkdir(parents=True, exist_ok=True)
                    part.replace(copy / name)
        for name in known.keys() - states.keys() if names is None else ():
            (copy / name).unlink(missing_ok=True)
        manifest.write_text(strict_json.dumps({**(known if names else {}), **states}))
    return copy


def download_folders(sources: Mapping[pathlib.Path, pathlib.Path], *, last: str) -> None:
    """Copies folders of a bucket to this machine, each as a whole or not at all.

    Args:
      sources: by the folder to make here, the one in the bucket, all of one bucket.
      last: the file by which a folder in the bucket is known to be whole; others are left out.
    """
    if not sources:
        return
    fs, _ = _driver(next(iter(sources.values())))
    keys = {target: _driver(source)[1] for target, source in sources.items()}
    parents = {key.rpartition("/")[0] for key in keys.values()}
    there = {name for parent in sorted(parents) for name in fs.find(parent)}
    whole = {target: key for target, key in keys.items() if f"{key}/{last}" in there}
    for target, key in whole.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as work:
            names = sorted(name for name in there if name.startswith(f"{key}/"))
            fs.get(names, [f"{work}/store{name.removeprefix(key)}" for name in names])
            with contextlib.suppress(FileExistsError):  # Another process was faster.
                pathlib.Path(work, "store").rename(target)


def upload_folder(source: pathlib.Path, target: pathlib.Path, *, last: Sequence[str] = ()) -> None:
    """Copies a folder of this machine into a bucket.

    Args:
      source: the folder.
      target: what it is called in the bucket.
      last: names of files by which readers see that the folder is whole; they come last.
    """
    fs, key = _driver(target)
    names = [p.relative_to(source).as_posix() for p in sorted(source.rglob("*")) if p.is_file()]
    ends = [name for name in last if name in names]
    for part in ([name for name in names if name not in ends], *([name] for name in ends)):
        if part:
            fs.put([str(source / name) for name in part], [f"{key}/{name}" for name in part])


def _driver(path: pathlib.Path) -> tuple[Any, str]:
    """Fsspec's filesystem and what it calls a path."""
    bucket: Any = path
    return bucket.fs, bucket.path.rstrip("/")

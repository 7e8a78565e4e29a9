"""Checkpoints of other formats where a t5lite model folder is wanted: converted once, and kept.

The conversions lie in `converted/` of the cache folder, one folder for each state of a source. What
is asked for again is found again; a source that has changed since is converted anew, and what was
made of its earlier state is deleted.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import filelock

import t5lite
from t5lite.checkpoints.checkpointer import FOLDER as CHECKPOINTS
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert.convert import convert
from t5lite.convert.load import EXTERNAL_FORMATS, FORMATS, open_any, unrecognised
from t5lite.convert.model_folder import FORMAT as MODEL_FOLDER
from t5lite.convert.peft.conversion import base_of, no_adapters
from t5lite.convert.peft.folder import is_peft_folder
from t5lite.convert.vocabulary import own_vocabulary
from t5lite.data.tasks import environment
from t5lite.data.vocabularies.load import parse_vocabulary, same_vocabulary
from t5lite.files import strict_json
from t5lite.files.buckets import is_in_bucket, local_copy
from t5lite.files.hashes import verify_is_on
from t5lite.files.local_paths import storage_path, writable_folder

log = logging.getLogger(__name__)

FOLDER = "converted"

# Files that readers look for beside and above a checkpoint, at most so many folders up.
_NEIGHBOURS = ("tok*.bin", "tokenizer.*", "config.gin", "model.gin")
_LEVELS = 3


def model_folder(
    path: str | pathlib.Path,
    *,
    vocabulary: str | None = None,
    cache_dir: str | pathlib.Path | None = None,
    named_by: str = "--model_dir",
    is_alone: bool = True,
    before: Callable[[], None] = lambda: None,
) -> pathlib.Path:
    """The t5lite model folder that is, or holds the same model as, a checkpoint of any format.

    Several processes may ask at once; one of them converts.

    Args:
      path: A t5lite model folder, which is given back as it is, or what `t5lite convert` reads.
      vocabulary: The vocabulary, as `--vocabulary` gives it, of a checkpoint that holds none.
      cache_dir: The cache folder; None for the default one.
      named_by: The flag or macro that gave `path`, for messages.
      is_alone: Whether this process is not one of several of a run, which would have to write the
        conversion together.
      before: Called before anything is converted; its errors save the work.

    Raises:
      ValueError: There is nothing, or nothing that t5lite reads; or it holds no tokenizer and
        `vocabulary` is None, or another one than that; or it is damaged; or it was not converted
        before, and this process is one of several.
    """
    path = storage_path(path, name=named_by)
    spec = None if vocabulary is None else parse_vocabulary(vocabulary).spec()
    if MODEL_FOLDER.recognise(path):
        if spec is not None:
            _check_vocabulary(ModelDescription.load(path).vocabulary, spec, path, named_by)
        return path
    if is_in_bucket(path) and path.exists():
        path = local_copy(path)
    _check_readable(path, named_by)
    return _converted(
        path,
        base=str(base_of(path)) if is_peft_folder(path) else None,
        vocabulary=vocabulary,
        cache_dir=cache_dir,
        named_by=named_by,
        is_alone=is_alone,
        before=before,
    )


def adapter_folder(
    path: str | pathlib.Path,
    *,
    base: str,
    vocabulary: str | None = None,
    cache_dir: str | pathlib.Path | None = None,
    is_alone: bool = True,
    before: Callable[[], None] = lambda: None,
) -> pathlib.Path:
    """The folder of a run that trained adapters, or one that holds the same as a folder of peft.

    Args:
      path: Such a folder, which is given back as it is; or an adapter of peft.
      base: Where the adapter's model lies, a checkpoint of any format.
      vocabulary: See `model_folder`.
      cache_dir: The cache folder; None for the default one.
      is_alone: See `model_folder`.
      before: See `model_folder`.

    Raises:
      ValueError: It is neither; or as `model_folder`.
    """
    path = storage_path(path, name="--adapter")
    if MODEL_FOLDER.recognise(path):
        return path
    if is_in_bucket(path) and path.exists():
        path = local_copy(path)
    if not is_peft_folder(path):
        raise ValueError(no_adapters(path))
    return _converted(
        path,
        base=base,
        vocabulary=vocabulary,
        cache_dir=cache_dir,
        named_by="--adapter",
        is_alone=is_alone,
        before=before,
    )


def _converted(
    path: pathlib.Path,
    *,
    base: str | None,
    vocabulary: str | None,
    cache_dir: str | pathlib.Path | None,
    named_by: str,
    is_alone: bool,
    before: Callable[[], None],
) -> pathlib.Path:
    """What a checkpoint was converted to before, or is now."""
    root = environment.local_cache_dir(cache_dir) / FOLDER
    writable_folder(root, name=f"--cache_dir ({environment.CACHE_DIR_VARIABLE})")
    root.mkdir(parents=True, exist_ok=True)
    path = pathlib.Path(os.path.abspath(path))
    name = f"{path.name}-{_digest(str(path))[:8]}"
    state = f"{name}-{_digest(_state(path))[:12]}"
    asked: Any = None if vocabulary is None else _without_path(parse_vocabulary(vocabulary).spec())
    if base is not None:
        model = storage_path(base, name="--model_dir")
        base = str(model if is_in_bucket(model) else model.absolute())
        asked = [asked, base, [] if is_in_bucket(model) else _state(model)]
    folder = root / (state if asked is None else f"{state}-{_digest(asked)[:8]}")
    if not verify_is_on() and not MODEL_FOLDER.recognise(folder):
        folder = folder.with_name(f"{folder.name}-unverified")  # not for who wants it verified
    with filelock.FileLock(root / f".{name}.lock"):
        if MODEL_FOLDER.recognise(folder):
            log.info("%s was converted before: %s", path, folder)
            return folder
        if not is_alone:
            raise ValueError(
                f"{named_by} {path} is no t5lite model folder, and a run of several processes does "
                f"not convert it. Do so once with `t5lite convert {path} FOLDER`, and give FOLDER."
            )
        before()
        _clear(root, name, state=state)
        _convert(path, folder, base, vocabulary, named_by)
    return folder


def _convert(
    path: pathlib.Path,
    folder: pathlib.Path,
    base: str | None,
    vocabulary: str | None,
    named_by: str,
) -> None:
    if vocabulary is not None:
        model = path if base is None else storage_path(base, name="--model_dir")
        with tempfile.TemporaryDirectory() as scratch:
            own = own_vocabulary(open_any(model, FORMATS), scratch=pathlib.Path(scratch))
        if own is not None:
            _check_vocabulary(own.spec(), parse_vocabulary(vocabulary).spec(), path, named_by)
    log.info("%s is no t5lite model folder; converting it, once, into %s", path, folder)
    convert(
        str(path),
        str(folder),
        to=MODEL_FOLDER.name,
        vocabulary=vocabulary,
        model_dir=base,
        verified=False,
        say=log.debug,
    )


def _check_vocabulary(
    own: Mapping[str, Any], given: Mapping[str, Any], path: pathlib.Path, named_by: str
) -> None:
    if not same_vocabulary(own, given):
        raise ValueError(
            f"{named_by} {path} holds a vocabulary of its own, {_without_path(own)}, and "
            f"--vocabulary (macro VOCABULARY) is another, {_without_path(given)}. Leave it out."
        )


def _check_readable(path: pathlib.Path, named_by: str) -> None:
    if not path.exists():
        raise ValueError(
            f"{named_by} {path} does not exist. It is a folder or file on this machine or in a "
            "bucket; nothing else is downloaded."
        )
    for folder in (path.resolve(), path.resolve().parent):
        if folder.name == CHECKPOINTS and MODEL_FOLDER.recognise(folder.parent):
            raise ValueError(
                f"{named_by} {path} holds checkpoints of the t5lite model folder {folder.parent}. "
                "Give that folder, and --step where another checkpoint than the latest is meant."
            )
    if not any(format_.recognise(path) for format_ in EXTERNAL_FORMATS) and not is_peft_folder(
        path
    ):
        raise ValueError(f"{named_by}: {unrecognised(path, (MODEL_FOLDER, *EXTERNAL_FORMATS))}")


def _state(path: pathlib.Path) -> list[tuple[str, int, int]]:
    """Name, size and time of the last change of all that a conversion may read."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for folder in path.parents[:_LEVELS]:
        files += (file for pattern in _NEIGHBOURS for file in sorted(folder.glob(pattern)))
    stats = ((file, file.stat()) for file in files if file.is_file())
    return [(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats]


def _clear(root: pathlib.Path, name: str, *, state: str) -> None:
    """Deletes what was made of earlier states of a source, and what killed conversions left."""
    for folder in root.glob(f"{glob.escape(name)}-*"):
        if not folder.name.startswith(state):
            log.info("made of an earlier state, and deleted: %s", folder)
            shutil.rmtree(folder)
    for folder in root.glob(f".{glob.escape(name)}-*"):
        shutil.rmtree(folder)


def _without_path(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != "path"}


def _digest(value: object) -> str:
    return hashlib.sha256(strict_json.dumps([t5lite.__version__, value]).encode()).hexdigest()

"""Whether a checkpoint is what was written: hashes of its files, kept in its folder.

Process 0 writes them when all processes have written their parts and orbax has put these together,
before the folder gets the name of a finished checkpoint; with an asynchronous checkpointer in its
thread. So every finished checkpoint has them, and training does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import pathlib
from typing import Any, cast

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from t5lite.checkpoints.buckets import COMMIT_FILE
from t5lite.checkpoints.model_dir import CONVERSION_FILE
from t5lite.files.buckets import is_in_bucket
from t5lite.files.hashes import FileHashes, files_below, verify_is_on
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import check_all_regular

log = logging.getLogger(__name__)

_SHOWN_FILES = 3


class _Hashed:
    """Orbax's folder of an unfinished checkpoint, which is hashed before it becomes a finished one.

    Mixed into what orbax finishes a folder with.
    """

    async def finalize(self) -> None:
        """Hashes, finishes, and hashes what orbax writes while it finishes."""
        path, finish = cast(ocp.path.atomicity_types.TemporaryPath, self), cast(Any, super())
        folder = storage_path(str(path.get()), name="MODEL_DIR")
        final = storage_path(str(path.get_final()), name="MODEL_DIR")
        if not final.name.isdecimal():  # the folder of one item, orbax's own affair
            await finish.finalize()
            return
        names = await asyncio.to_thread(files_below, folder)
        # Those beside folders change until last.
        inside = [name for name in names if "/" in name]
        hashes = await asyncio.to_thread(FileHashes.of, folder, inside)
        hashes.save()
        await finish.finalize()
        try:
            at_top = {name for name in (*names, *files_below(final)) if "/" not in name}
            last = FileHashes.of(final, at_top)
            FileHashes(final, {**hashes.files, **last.files}).save()
        except Exception:
            with contextlib.suppress(Exception):
                path.get_final().rmtree(missing_ok=True)
            raise


class RenamedPath(_Hashed, ocp.path.atomicity.AtomicRenameTemporaryPath):
    """On a disk, where a folder gets its name when it is finished."""


class _CommittedPath(_Hashed, ocp.path.atomicity.CommitFileTemporaryPath):
    """In a bucket, where nothing can be renamed, and a file is written last."""


def path_class(checkpoints: pathlib.Path) -> type[Any]:
    """How orbax writes checkpoints into a folder."""
    return _CommittedPath if is_in_bucket(checkpoints) else RenamedPath


def is_finished(folder: pathlib.Path) -> bool:
    """Whether a folder is a finished checkpoint, by its name or, in a bucket, by what is in it."""
    if not folder.name.isdecimal():
        return False
    return not is_in_bucket(folder) or (folder / COMMIT_FILE).exists()


def check_step(
    checkpoints: pathlib.Path, step: int, *, files: str = "", all_processes: bool = False
) -> None:
    """Compares a checkpoint's files with their hashes, before they are read.

    Args:
      checkpoints: the folder of all checkpoints.
      step: which of them.
      files: what the paths of those to compare begin with, from the checkpoint's folder.
      all_processes: whether all processes call this together, and share the work.

    Raises:
      ValueError: naming a file that is not as it was written, and what to do; or one that is a
        pipe or a device, which orbax would wait for.
    """
    folder = checkpoints / str(step)
    check_all_regular(folder)
    if not verify_is_on():
        return
    try:
        hashes = FileHashes.read(folder)
    except ValueError as error:
        raise ValueError(f"{error}. {remedy(checkpoints, step)}") from error
    if hashes is None:
        _say_read_as_it_is(folder)
        return
    names = hashes.named(files)
    found = _shared(hashes, names) if all_processes else hashes.differences(names)
    if found:
        raise ValueError(f"{damage(folder, found)} {remedy(checkpoints, step)}")


@functools.cache
def _say_read_as_it_is(folder: pathlib.Path) -> None:
    log.info("checkpoint %s has no hashes to be compared with; it is read as it is", folder)


def _shared(hashes: FileHashes, names: list[str]) -> dict[str, str]:
    """The differences that any process finds, each in its share of the files."""
    count = jax.process_count()
    if count == 1:
        return hashes.differences(names)
    by_size = sorted(names, key=lambda name: hashes.files[name][0], reverse=True)
    mine = hashes.differences(by_size[jax.process_index() :: count])
    is_different_F = np.array([name in mine for name in names], np.int32)
    found_F = np.max(multihost_utils.process_allgather(is_different_F), axis=0)
    others = "is not what was written"
    return {name: mine.get(name, others) for name, bad in zip(names, found_F, strict=True) if bad}


def damage(folder: pathlib.Path, found: dict[str, str]) -> str:
    """One sentence on the damaged files of a checkpoint."""
    shown = [f"{name} {what}" for name, what in list(found.items())[:_SHOWN_FILES]]
    more = f", and {len(found) - len(shown)} more files" if len(found) > len(shown) else ""
    return f"checkpoint {folder} is damaged: {'; '.join(shown)}{more}."


def remedy(checkpoints: pathlib.Path, step: int) -> str:
    """What to do about a damaged checkpoint; reads others until one is found that is whole."""
    folder, unknown = checkpoints / str(step), []
    for other in sorted(steps(checkpoints) - {step}, key=lambda s: (s > step, -s)):
        is_whole = _is_whole(checkpoints / str(other))
        if is_whole:
            return (
                f"Checkpoint {other} is whole: delete the folder {folder}, and training goes on "
                f"from the latest left; or read that one with --step={other}."
            )
        unknown += [other] if is_whole is None else []
    if unknown:
        return (
            f"Delete the folder {folder} to go on from the latest left (there are {unknown}, kept "
            "without hashes), or restore it from a copy."
        )
    if (checkpoints.parent / CONVERSION_FILE).is_file():
        return f"Delete {checkpoints.parent} and convert it again."
    return "No other checkpoint there is whole; restore the folder from a copy."


def steps(checkpoints: pathlib.Path) -> set[int]:
    """The steps of finished checkpoints."""
    if not checkpoints.is_dir():
        return set()
    return {int(path.name) for path in checkpoints.iterdir() if is_finished(path)}


def _is_whole(folder: pathlib.Path) -> bool | None:
    """Whether a checkpoint is as it was written; None where nothing says how that was."""
    try:
        hashes = FileHashes.read(folder)
    except ValueError:
        return False
    return None if hashes is None else not hashes.differences()

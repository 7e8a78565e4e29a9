"""Whether a checkpoint is what was written: hashes of its files, kept in its folder.

Process 0 writes them when all processes have written their parts and orbax has put these together,
before the folder gets the name of a finished checkpoint; with an asynchronous checkpointer in its
thread. So every finished checkpoint has them, and training does not wait.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import pathlib
import shutil

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from t5lite.checkpoints.model_dir import CONVERSION_FILE
from t5lite.files.hashes import FileHashes, verify_is_on
from t5lite.files.regular_files import check_all_regular

log = logging.getLogger(__name__)

_SHOWN_FILES = 3


class HashedPath(ocp.path.atomicity.AtomicRenameTemporaryPath):
    """Orbax's folder of an unfinished checkpoint, which is hashed before it is renamed."""

    async def finalize(self) -> None:
        """Hashes, renames, and hashes what orbax writes while it renames."""
        folder = pathlib.Path(self.get())
        is_step = pathlib.Path(self.get_final()).name.isdecimal()
        if not is_step:  # the folder of one item, orbax's own affair
            await super().finalize()
            return
        at_top = {path.name for path in folder.iterdir() if path.is_file()}
        hashes = await asyncio.to_thread(FileHashes.of, folder, _files_below(folder))
        hashes.save()
        await super().finalize()
        final = pathlib.Path(self.get_final())
        try:
            at_top |= {path.name for path in final.iterdir() if path.is_file()}
            last = FileHashes.of(final, at_top)
            FileHashes(final, {**hashes.files, **last.files}).save()
        except OSError:
            shutil.rmtree(final, ignore_errors=True)
            raise


def _files_below(folder: pathlib.Path) -> list[str]:
    """Files in folders of a folder, by their paths from it; those beside them change until last."""
    paths = (path for path in folder.glob("*/**/*") if path.is_file())
    return [path.relative_to(folder).as_posix() for path in paths]


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
    return {int(path.name) for path in checkpoints.iterdir() if path.name.isdecimal()}


def _is_whole(folder: pathlib.Path) -> bool | None:
    """Whether a checkpoint is as it was written; None where nothing says how that was."""
    try:
        hashes = FileHashes.read(folder)
    except ValueError:
        return False
    return None if hashes is None else not hashes.differences()

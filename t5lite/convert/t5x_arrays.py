"""Arrays of a T5X checkpoint where they lie, each read when it is asked for, whole or one layer.

An array lies in the msgpack tree itself, as flax.serialization packs it, or beside the tree in a
zarr array that TensorStore reads: a folder of its own, or a part of orbax's one OCDBT store.
"""

import dataclasses
import functools
import operator
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes  # noqa: F401 - NumPy learns "bfloat16" from it, and checkpoints ask by name
import msgpack
import numpy as np
from flax import serialization

from t5lite.convert.names import LazyArray
from t5lite.files.json_files import read_object
from t5lite.files.regular_files import check_all_regular, has_file
from t5lite.messages.value_types import check_fields

OCDBT_FILE = "manifest.ocdbt"

# What an array may be read by: integers and slices of its first axes.
Index = tuple[int | slice, ...]

# Layers of scanned stacks share chunks; this much of what was decoded last is kept.
_CACHE_BYTES = 2**27
# More than an array's shape and type take.
_HEADER_BYTES = 256


# What is read of a TensorStore spec, and of zarr's own description of an array.
_SPEC_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(("driver", "dtype", "path"), str),
    **dict.fromkeys(("kvstore", "metadata"), Mapping[str, Any]),
}
_ZARR_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(("shape", "chunks"), list[int]),
    "dtype": str,
    "compressor": Mapping[str, Any],
}


@dataclasses.dataclass(frozen=True)
class StoredArray:
    """An array on disk.

    Attributes:
      shape: Its shape.
      dtype: Its type.
      read: Reads the part that an index selects; all of it for `()`.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[Index], np.ndarray]

    def whole(self) -> LazyArray:
        """The array, to be read at once."""
        return LazyArray(self.shape, self.dtype, functools.partial(self.read, ()))

    def layer(self, layer: int, *, axis: int) -> LazyArray:
        """One layer of a scanned stack, whose layers lie along `axis`."""
        index: Index = (*(slice(None),) * axis, layer)
        shape = self.shape[:axis] + self.shape[axis + 1 :]
        return LazyArray(shape, self.dtype, functools.partial(self.read, index))


@dataclasses.dataclass(frozen=True)
class Packed:
    """A packed value in a msgpack file, from one of its bytes up to another."""

    file: pathlib.Path
    start: int
    end: int

    def unpack(self) -> Any:
        """The value."""
        return serialization.msgpack_restore(self._read(self.end - self.start))

    def header(self) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of the array that this is; its numbers are not looked at.

        Raises:
          ValueError: it is no array.
        """
        # Extension type 1 is an array: its shape, the name of its type, and its bytes.
        head = self._read(_HEADER_BYTES)
        code = 1 + {0xC7: 1, 0xC8: 2, 0xC9: 4}.get(head[0], 0)
        if head[code] != 1:
            raise ValueError("not an array")
        unpacker = msgpack.Unpacker()
        unpacker.feed(head[code + 1 :])
        if unpacker.read_array_header() != 3:
            raise ValueError("not an array")
        shape, dtype = unpacker.unpack(), unpacker.unpack()
        return tuple(shape), np.dtype(dtype)

    def _read(self, num_bytes: int) -> bytes:
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            return stream.read(num_bytes)


def packed_array(leaf: Any, *, what: str) -> StoredArray:
    """An array inside the tree: unpacked already, packed, or in chunks, as flax packs above 1 GB.

    Args:
      leaf: A NumPy value, a `Packed`, or flax's record of chunks.
      what: What messages call it.

    Raises:
      ValueError: it is not an array.
    """
    if isinstance(leaf, Mapping):
        try:
            shape = tuple(operator.index(size) for size in _in_order(leaf["shape"]))
            parts = _in_order(leaf["chunks"])
            parts[0]
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{what} is no array in chunks ({error!r})") from error
        chunks = [packed_array(chunk, what=what) for chunk in parts]
        return StoredArray(shape, chunks[0].dtype, functools.partial(_read_chunks, chunks, shape))
    if isinstance(leaf, Packed):
        try:
            shape, dtype = leaf.header()
        except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
            raise ValueError(f"{what} is no array ({error})") from error
        return StoredArray(
            shape, _checked(dtype, what), functools.partial(_read_packed, leaf, what)
        )
    if isinstance(leaf, np.ndarray | np.generic | int | float):
        array = np.asarray(leaf)
        return StoredArray(array.shape, _checked(array.dtype, what), array.__getitem__)
    raise ValueError(f"{what} is {leaf!r:.80}, neither an array nor where an array lies")


class ArrayFolder:
    """A folder with arrays in it, wherever the checkpoint was when they were written."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._is_ocdbt = has_file(path / OCDBT_FILE)
        if self._is_ocdbt:
            check_all_regular(path)

    @functools.cached_property
    def _context(self) -> Any:
        import tensorstore  # Slow to import, and one-file checkpoints do without.

        return tensorstore.Context({"cache_pool": {"total_bytes_limit": _CACHE_BYTES}})

    def described(self, fields: Mapping[str, Any], *, what: str) -> StoredArray:
        """The array of a TensorStore spec; opened at the first reading.

        Raises:
          ValueError: the spec is not one of T5X's, or is of bfloat16 kept as uint16.
        """
        check_fields(fields, _SPEC_FIELDS, name=what)
        metadata, store = fields.get("metadata") or {}, fields.get("kvstore") or {}
        check_fields(metadata, _ZARR_FIELDS, name=f"{what}: metadata")
        check_fields(store, {"path": str}, name=f"{what}: kvstore")
        name = pathlib.PurePosixPath(store.get("path") or fields.get("path") or "").name
        dtype = fields.get("dtype") or metadata.get("dtype")
        if fields.get("driver") != "zarr" or not name or not metadata.get("shape") or not dtype:
            raise ValueError(f"{what} is described as {dict(fields)!r:.200}, unlike T5X's arrays")
        shape = tuple(metadata["shape"])
        opened = functools.cache(lambda: self._open(name, metadata | {"dtype": dtype}, what))
        read = functools.partial(_read_described, opened, shape, what)
        return StoredArray(shape, _checked(_dtype(dtype, what), what), read)

    def named(self, name: str, *, what: str) -> StoredArray:
        """The array of this name; what it is is read from the store.

        Raises:
          ValueError: there is none, it is damaged, or it is bfloat16 kept as uint16.
        """
        store = self._open(name, None, what)
        dtype = _checked(store.dtype.numpy_dtype, what)
        return StoredArray(tuple(store.shape), dtype, functools.partial(_read, store, what))

    def _open(self, name: str, metadata: Mapping[str, Any] | None, what: str) -> Any:
        import tensorstore  # As above.

        if pathlib.PurePath(name).name != name or name in ("", ".", "..") or "\0" in name:
            raise ValueError(
                f"{what} is said to lie in {name!r}, which is no folder beside the others in "
                f"{self._path}; copy the checkpoint again"
            )
        folder = self._path / name
        is_bare = False
        if self._is_ocdbt:
            store = {"driver": "ocdbt", "base": f"file://{self._path}/", "path": f"{name}/"}
        else:
            if not folder.is_dir():
                raise ValueError(
                    f"{what} should lie in the zarr folder {folder}, which is not there; copy the "
                    "whole checkpoint folder"
                )
            check_all_regular(folder)
            is_bare = not has_file(folder / ".zarray")
            if not is_bare:
                # TensorStore's own reader ends the process where it is nested deeply.
                own = read_object(folder / ".zarray")
                check_fields(own, _ZARR_FIELDS, name=str(folder / ".zarray"))
            store = {"driver": "file", "path": f"{folder}/"}
        # A missing chunk would be read as zeros.
        spec = {"driver": "zarr", "kvstore": store, "fill_missing_data_reads": False}
        if is_bare:
            if metadata is None:
                raise ValueError(
                    f"{folder} has no .zarray, and nothing else says what {what} is; copy the "
                    "checkpoint again with its hidden files"
                )
            # A copy made without hidden files; the tree says the same.
            spec["metadata"] = {k: v for k, v in metadata.items() if k != "dtype"}
            spec["dtype"] = _dtype(metadata["dtype"], what).name
        try:
            return tensorstore.open(
                spec, open=True, assume_metadata=is_bare, context=self._context
            ).result()
        except ValueError as error:
            raise _damaged(what, error) from error


def _dtype(name: Any, what: str) -> np.dtype:
    try:
        return np.dtype(name)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} has the type {name!r:.80}, which is none of NumPy's") from error


def _in_order(numbered: Mapping[str, Any]) -> list[Any]:
    """Flax packs a list as a dict of its numbers."""
    return [numbered[str(i)] for i in range(len(numbered))]


def _read_chunks(chunks: list[StoredArray], shape: tuple[int, ...], index: Index) -> np.ndarray:
    return np.concatenate([chunk.read(()) for chunk in chunks]).reshape(shape)[index]


def _read_packed(packed: Packed, what: str, index: Index) -> np.ndarray:
    try:
        return packed.unpack()[index]
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise _damaged(what, error) from error


def _read_described(
    opened: Callable[[], Any], shape: tuple[int, ...], what: str, index: Index
) -> np.ndarray:
    store = opened()
    if tuple(store.shape) != shape:
        raise ValueError(
            f"{what} is {shape} by the tree and {tuple(store.shape)} by its own .zarray: the "
            "folder is a mixture of two checkpoints; copy it again"
        )
    return _read(store, what, index)


def _read(store: Any, what: str, index: Index) -> np.ndarray:
    try:
        return np.asarray(store[index].read().result())
    except ValueError as error:
        raise _damaged(what, error) from error


def _damaged(what: str, error: Exception) -> ValueError:
    reason = str(error).split(" [", 1)[0].strip()[:300]
    return ValueError(f"{what} is damaged or cut short ({reason}); copy the checkpoint again")


def _checked(dtype: np.dtype, what: str) -> np.dtype:
    if dtype.hasobject:
        raise ValueError(f"{what} is an array of Python objects, which t5lite never unpickles")
    if dtype == np.uint16:
        raise ValueError(
            f"{what} is uint16: T5X before version 3 (June 2021) kept bfloat16 so, and reads it no "
            "more. Save it as float32 or bfloat16 with the T5X that wrote it"
        )
    return dtype

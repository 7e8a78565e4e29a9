"""What stands before the numbers in a GGUF file: keys with values, and where each tensor lies.

Format: `docs/gguf.md` of ggml. The package `gguf` reads it too, but makes two memory-mapped arrays
of every word of the vocabulary: seconds, and half a gigabyte for a large one.
"""

import dataclasses
import math
import mmap
import pathlib
import struct
from typing import Any

import numpy as np

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_ALIGNMENT_KEY, _ALIGNMENT = "general.alignment", 32

# By the number that stands for a type of value.
_NUMBERS = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4"}
_NUMBERS |= {7: "?", 10: "<u8", 11: "<i8", 12: "<f8"}
_DTYPES = {kind: np.dtype(text) for kind, text in _NUMBERS.items()}
_STRING, _ARRAY = 8, 9
# More axes than any tensor of ggml has.
_MAX_AXES = 4


@dataclasses.dataclass(frozen=True)
class StoredTensor:
    """One tensor in a file.

    Attributes:
      name: Its name.
      shape: As of a NumPy array, the slowest axis first.
      kind: The number of its type in ggml.
      start: Where it begins in the file, in bytes.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    start: int


@dataclasses.dataclass(frozen=True)
class Header:
    """All that a file says.

    Attributes:
      path: The file.
      values: Numbers, texts, truth values, and lists of them, by key. A float is the shortest
        decimal that is the file's float32: 1e-05, not 9.99999974e-06.
      tensors: In the file's order.
      content: The whole file, mapped into memory.
    """

    path: pathlib.Path
    values: dict[str, Any]
    tensors: tuple[StoredTensor, ...]
    content: mmap.mmap


def read_header(path: pathlib.Path) -> Header:
    """Reads a file up to its first tensor.

    Raises:
      ValueError: the file is of another version or byte order, or it is damaged or cut short.
    """
    with path.open("rb") as stream:
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    cursor = _Cursor(content, len(MAGIC))
    try:
        version = cursor.number(4)
        if version not in VERSIONS:
            raise ValueError(_unknown_version(path, version))
        num_tensors, num_values = cursor.number(10), cursor.number(10)
        values: dict[str, Any] = {}
        for _ in range(num_values):
            key = cursor.text()
            values[key] = cursor.value(cursor.number(4))
        stored = [_tensor(cursor) for _ in range(num_tensors)]
        alignment = values.get(_ALIGNMENT_KEY, _ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise _Damaged(f"{_ALIGNMENT_KEY} is {alignment!r}")
    except (_Damaged, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged or cut short ({error}); copy it again") from error
    start = math.ceil(cursor.position / alignment) * alignment
    tensors = tuple(dataclasses.replace(tensor, start=start + tensor.start) for tensor in stored)
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise ValueError(f"{path} is damaged (two tensors have one name); copy it again")
    return Header(path, values, tensors, content)


class _Damaged(Exception):
    """The file says something impossible."""


class _Cursor:
    """A place in the file that moves on with what is read."""

    def __init__(self, content: mmap.mmap, position: int):
        self._content = content
        self.position = position

    def array(self, kind: int, count: int) -> np.ndarray:
        dtype = _DTYPES[kind]
        start = self._advance(count * dtype.itemsize)
        return np.frombuffer(self._content, dtype, count, start)

    def number(self, kind: int) -> Any:
        value = self.array(kind, 1)[0]
        return float(str(value)) if kind == 6 else value.item()

    def text(self) -> str:
        (size,) = struct.unpack_from("<Q", self._content, self._advance(8))
        start = self._advance(size)
        return self._content[start : start + size].decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind in _DTYPES:
            return self.number(kind)
        if kind != _ARRAY:
            raise _Damaged(f"a value is of type {kind}")
        item_kind, count = self.number(4), self.number(10)
        if item_kind in _DTYPES:
            return self.array(item_kind, count).tolist()
        return [self.value(item_kind) for _ in range(count)]

    def _advance(self, size: int) -> int:
        """Moves on; gives the place before."""
        start = self.position
        if start + size > len(self._content):
            raise _Damaged(f"it ends at byte {len(self._content):,}, within its header")
        self.position += size
        return start


def _tensor(cursor: _Cursor) -> StoredTensor:
    """One entry of the list of tensors; its start still counts from the first of them."""
    name, num_axes = cursor.text(), cursor.number(4)
    if num_axes > _MAX_AXES:
        raise _Damaged(f"{name} has {num_axes} axes")
    sizes = cursor.array(10, num_axes).tolist()
    kind, start = cursor.number(4), cursor.number(10)
    return StoredTensor(name, tuple(reversed(sizes)), kind, start)


def _unknown_version(path: pathlib.Path, version: int) -> str:
    if int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS:
        return f"{path} is big-endian; turn it round with gguf-convert-endian of the package gguf"
    known = " and ".join(map(str, VERSIONS))
    return (
        f"{path} is GGUF of version {version}; t5lite reads {known}. Convert the model again with "
        "a current llama.cpp"
    )

"""Weights of llama2.c (`export.py` of karpathy/llama2.c): a header, then tensors end to end.

Version 0 has a header of seven numbers, and no mark. Versions 1 (float32) and 2 (int8, with a
float32 scale for each group of weights) begin with a magic number, and their header fills 256
bytes. All numbers are little-endian; matrices are [out, in], as in Meta's files.
"""

import dataclasses
import functools
import math
import pathlib
import struct
from collections.abc import Iterator

import numpy as np

from t5lite.convert.llama import EMBEDDING, OUTPUT, TABLE, llama_config
from t5lite.convert.llama2_c_tokenizer import (
    BOS_ID,
    EOS_ID,
    find_tokenizer,
    read_pieces,
    sentencepiece_model,
)
from t5lite.convert.names import LazyArray, Tensors, to_ours
from t5lite.convert.source import Format, Source, SpecialIds
from t5lite.models.position_config import Rotary

MAGIC = 0x616B3432
VERSIONS = (0, 1, 2)


_HEADER_BYTES = 256
_SIZES = struct.Struct("<7i")
# No size of a model exceeds it, and the first number of most other files does.
_LARGEST = 2**24
# Of run.c; the files say neither.
_NORM_EPSILON, _ROPE_THETA = 1e-5, 10000.0

_ROTARY_TABLES = ("freqs_cos", "freqs_sin")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Header:
    """What a file says of its model.

    Attributes:
      version: 0, 1 or 2.
      num_bytes: Where the tensors begin.
      tied: Whether the output projection is the embedding, and not in the file.
      group_size: Weights that share a scale, in version 2.
    """

    version: int
    num_bytes: int
    dim: int
    hidden_dim: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    vocab_size: int
    max_length: int
    tied: bool
    group_size: int = 1

    def is_possible(self) -> bool:
        """Whether a model can have these sizes."""
        sizes = [self.dim, self.hidden_dim, self.num_layers, self.num_heads, self.num_kv_heads]
        sizes += [self.vocab_size, self.max_length, self.group_size]
        return (
            all(0 < size < _LARGEST for size in sizes)
            and self.dim % (2 * self.num_heads) == 0
            and self.num_heads % self.num_kv_heads == 0
            and self.dim % self.group_size == 0
        )


def recognise(path: pathlib.Path) -> bool:
    """Whether a file begins as llama2.c's do."""
    return path.is_file() and (_has_magic(head := _head(path)) or _is_version_0(head))


def open_checkpoint(path: pathlib.Path) -> Source:
    """Opens a file of weights, and the tokenizer beside it.

    Raises:
      ValueError: its version is not known, its header makes no sense, or its size is another than
        the header calls for.
    """
    header = _read_header(path)
    tokenizer = find_tokenizer(path, header.vocab_size)
    config = llama_config(
        vocab_size=header.vocab_size,
        d_model=header.dim,
        d_ff=header.hidden_dim,
        d_kv=header.dim // header.num_heads,
        num_heads=header.num_heads,
        num_kv_heads=header.num_kv_heads,
        num_decoder_layers=header.num_layers,
        tied_embeddings=header.tied,
        norm_epsilon=_NORM_EPSILON,
        positions=Rotary(theta=_ROPE_THETA),
    )
    return Source(
        format=FORMAT.name,
        path=path,
        config=config,
        arrays=to_ours(TABLE, _tensors(path, header), config=config),
        special_ids=SpecialIds(bos=BOS_ID, eos=EOS_ID),
        prompt_prefix=(BOS_ID,),
        prompt_suffix=(),
        context_length=header.max_length,
        model_type="llama",
        write_tokenizer=functools.partial(_write_tokenizer, tokenizer, header.vocab_size)
        if tokenizer
        else None,
    )


FORMAT = Format(
    name="llama2.c",
    looked_for='a file that begins with "24ka" or with the seven numbers of llama2.c',
    recognise=recognise,
    open=open_checkpoint,
)


def _write_tokenizer(file: pathlib.Path, vocab_size: int, folder: pathlib.Path) -> None:
    model = sentencepiece_model(read_pieces(file, vocab_size))
    (folder / "tokenizer.model").write_bytes(model)


def _head(path: pathlib.Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEADER_BYTES)


def _has_magic(head: bytes) -> bool:
    return head[:4] == struct.pack("<I", MAGIC)


def _is_version_0(head: bytes) -> bool:
    return len(head) > _SIZES.size and _parse(head, 0).is_possible()


def _parse(head: bytes, version: int) -> _Header:
    sizes = _SIZES.unpack_from(head, 8 if version else 0)
    if version:
        (tied,) = struct.unpack_from("<B", head, 8 + _SIZES.size)
        (group_size,) = struct.unpack_from("<i", head, 9 + _SIZES.size)
    else:
        # A negative number of words says that the output projection is in the file.
        tied, group_size = sizes[5] > 0, 1
    return _Header(
        version=version,
        num_bytes=_HEADER_BYTES if version else _SIZES.size,
        dim=sizes[0],
        hidden_dim=sizes[1],
        num_layers=sizes[2],
        num_heads=sizes[3],
        num_kv_heads=sizes[4],
        vocab_size=abs(sizes[5]),
        max_length=sizes[6],
        tied=bool(tied),
        group_size=group_size if version == 2 else 1,
    )


def _read_header(path: pathlib.Path) -> _Header:
    head = _head(path)
    version = 0
    if _has_magic(head):
        if len(head) < _HEADER_BYTES:
            raise ValueError(
                f"{path} ends within its header of {_HEADER_BYTES} bytes; copy it again"
            )
        (version,) = struct.unpack_from("<i", head, 4)
    if version not in VERSIONS:
        known = ", ".join(map(str, VERSIONS))
        raise ValueError(
            f"{path} is of llama2.c's version {version}; t5lite reads {known}. Export it again "
            "with --version 1"
        )
    header = _parse(head, version)
    if not header.is_possible():
        raise ValueError(f"{path}: no model has the sizes in its header: {header}; copy it again")
    return header


def _tensors(path: pathlib.Path, header: _Header) -> Tensors:
    """Every tensor of the file by Meta's name; the tables of cosines and sines are left out."""
    held = np.asarray(np.memmap(path, np.uint8, mode="r"))
    tensors = {}
    offset = header.num_bytes
    for name, shape in _order(header):
        is_quantised = header.version == 2 and len(shape) == 2
        read = functools.partial(
            _read, held, offset, shape, header.group_size if is_quantised else None
        )
        tensors[name] = LazyArray(shape, np.dtype(np.float32), read)
        size = math.prod(shape)
        offset += size + 4 * size // header.group_size if is_quantised else 4 * size
        if offset > held.size:
            break  # A header that speaks of millions of layers costs nothing so.
    if offset != held.size:
        raise ValueError(
            f"{path} has {held.size:,} bytes, and its header calls for "
            f"{'at least ' if offset > held.size else ''}{offset:,}: it is cut short, or not of "
            "llama2.c. Copy or export it again"
        )
    return Tensors(tensors, source=str(path)).without(_ROTARY_TABLES)


def _order(header: _Header) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes in the order in which they lie in the file."""
    dim, hidden_dim = header.dim, header.hidden_dim
    kv_dim = dim // header.num_heads * header.num_kv_heads
    embedding = (EMBEDDING, (header.vocab_size, dim))
    norm = ("norm.weight", (dim,))

    def layers(**shapes: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
        for name, shape in shapes.items():
            for layer in range(header.num_layers):
                yield f"layers.{layer}.{name}.weight", shape

    attention = {
        "attention.wq": (dim, dim),
        "attention.wk": (kv_dim, dim),
        "attention.wv": (kv_dim, dim),
        "attention.wo": (dim, dim),
    }
    mlp = {
        "feed_forward.w1": (hidden_dim, dim),
        "feed_forward.w2": (dim, hidden_dim),
        "feed_forward.w3": (hidden_dim, dim),
    }
    if header.version == 0:
        yield embedding
        yield from layers(attention_norm=(dim,), **attention, ffn_norm=(dim,), **mlp)
        yield norm
        for table in _ROTARY_TABLES:
            yield table, (header.max_length, dim // header.num_heads // 2)
    else:
        yield from layers(attention_norm=(dim,), ffn_norm=(dim,))
        yield norm
        yield embedding
        yield from layers(**attention, **mlp)
    if not header.tied:
        yield OUTPUT, (header.vocab_size, dim)


def _read(
    held: np.ndarray, offset: int, shape: tuple[int, ...], group_size: int | None
) -> np.ndarray:
    """One tensor; with a group size, of int8 weights and then their scales."""
    size = math.prod(shape)
    if group_size is None:
        return held[offset : offset + 4 * size].view("<f4").reshape(shape)
    weights = held[offset : offset + size].view(np.int8).reshape(-1, group_size)
    scales_end = offset + size + 4 * size // group_size
    scales = held[offset + size : scales_end].view("<f4")[:, None]
    return (weights.astype(np.float32) * scales).reshape(shape)

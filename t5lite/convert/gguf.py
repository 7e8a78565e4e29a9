"""GGUF files of the LLaMA architecture, dequantised by the `gguf` package of llama.cpp.

Names: `gguf/constants.py` there. llama.cpp rotates neighbours (2i, 2i + 1), as Meta's code does, so
its converter puts the rows of query and key in that order; the layouts put them back. A file
gives shapes with the fastest axis first, which as NumPy arrays are [out, in].
"""

import functools
import math
import mmap
import pathlib
from typing import Any

import ml_dtypes
import numpy as np

from t5lite.convert.gguf_header import MAGIC, Header, StoredTensor, read_header
from t5lite.convert.gguf_tokenizer import adds_tokens, write_gguf_tokenizer
from t5lite.convert.layouts import META_ROTARY_KEY, META_ROTARY_QUERY, SAME, TRANSPOSED, Layout
from t5lite.convert.llama import llama_config
from t5lite.convert.names import LazyArray, Row, Tensors, to_ours
from t5lite.convert.source import Format, Source, SpecialIds
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary
from t5lite.models.rotary_scaling import LinearScaling, linear_scaling

ARCHITECTURE = "llama"

_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
_FIRST_OF_LAYER = "blk.{layer}.attn_norm.weight"
_ROTARY_FACTORS = "rope_freqs.weight"
# ggml's types that are numbers already, by their own; all others are blocks of quantised ones.
_PLAIN: dict[int, np.dtype] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f2"),
    30: np.dtype(ml_dtypes.bfloat16),
}


def _linear_rows(ours: str, theirs: str, layout: Layout = TRANSPOSED) -> tuple[Row, Row]:
    ours, theirs = f"decoder/layers/{ours}", f"blk.{{layer}}.{theirs}"
    bias = SAME if layout == TRANSPOSED else layout
    return Row(f"{ours}/kernel", f"{theirs}.weight", layout), Row(
        f"{ours}/bias", f"{theirs}.bias", bias
    )


TABLE = (
    Row("token_embedder/embedding", _EMBEDDING),
    Row("decoder/layers/pre_self_attention_layer_norm/scale", _FIRST_OF_LAYER),
    *_linear_rows("self_attention/query", "attn_q", META_ROTARY_QUERY),
    *_linear_rows("self_attention/key", "attn_k", META_ROTARY_KEY),
    *_linear_rows("self_attention/value", "attn_v"),
    *_linear_rows("self_attention/out", "attn_output"),
    Row("decoder/layers/pre_mlp_layer_norm/scale", "blk.{layer}.ffn_norm.weight"),
    *_linear_rows("mlp/wi_0", "ffn_gate"),
    *_linear_rows("mlp/wi_1", "ffn_up"),
    *_linear_rows("mlp/wo", "ffn_down"),
    Row("decoder/decoder_norm/scale", "output_norm.weight"),
    Row("decoder/logits_dense/kernel", _OUTPUT, TRANSPOSED),
)


class _Metadata:
    """A header's values, read with complaints that name the file."""

    def __init__(self, header: Header):
        self.values = header.values
        self.path = header.path

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def size(self, key: str, default: int | None = None) -> int:
        """A positive integer; an error where there is neither it nor a default."""
        value = self._need(key, default)
        if isinstance(value, list):
            raise ValueError(
                f"{self.path}: {key} is {value}, one for each layer; t5lite's layers are all alike"
            )
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{self.path}: {key} is {value!r}, expected a positive integer")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number; an error where there is neither it nor a default."""
        value = self._need(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{self.path}: {key} is {value!r}, expected a number")
        return value

    def _need(self, key: str, default: Any) -> Any:
        value = self.get(key, default)
        if value is None:
            raise ValueError(f"{self.path} has no {key}, which every LLaMA in GGUF has")
        return value

    def expect(self, key: str, *allowed: object) -> None:
        """Checks a value that t5lite can only have one way, absent or not."""
        found = self.get(key, allowed[0])
        if found not in allowed:
            raise ValueError(
                f"{self.path}: {key} is {found!r}; t5lite does only "
                f"{' or '.join(map(repr, allowed))} (of the architecture {ARCHITECTURE})"
            )


def recognise(path: pathlib.Path) -> bool:
    """Whether a file begins as GGUF does."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def open_checkpoint(path: pathlib.Path) -> Source:
    """Opens a GGUF file; a tensor is dequantised when it is read.

    Raises:
      ValueError: the file is damaged or one of several; its model is not a LLaMA, or does what
        t5lite does not; or it is quantised and the package `gguf` cannot help, or is not there.
    """
    header = read_header(path)
    metadata = _Metadata(header)
    metadata.expect("general.architecture", ARCHITECTURE)
    metadata.expect("split.count", 0, 1)
    tensors = _tensors(header)
    config = _config(metadata, tensors)
    prefix, suffix = _frame(metadata)
    return Source(
        format=FORMAT.name,
        path=path,
        config=config,
        arrays=to_ours(TABLE, tensors, config=config),
        special_ids=_special_ids(metadata, config.vocab_size),
        prompt_prefix=prefix,
        prompt_suffix=suffix,
        context_length=metadata.get("llama.context_length"),
        model_type="llama",
        write_tokenizer=functools.partial(_write_tokenizer, metadata)
        if "tokenizer.ggml.model" in header.values
        else None,
    )


FORMAT = Format(
    name="gguf",
    looked_for='a file that begins with "GGUF"',
    recognise=recognise,
    open=open_checkpoint,
)


def _special_ids(metadata: _Metadata, vocab_size: int) -> SpecialIds:
    names = ("padding", "bos", "eos", "eot", "eom")
    ids = {name: _token_id(metadata, name, vocab_size) for name in names}
    # A turn and a message end an answer as a sequence does.
    ends = [i for i in (ids["eos"], ids["eot"], ids["eom"]) if i is not None]
    ends = list(dict.fromkeys(ends))
    eos = None if not ends else ends[0] if len(ends) == 1 else tuple(ends)
    return SpecialIds(pad=ids["padding"], bos=ids["bos"], eos=eos)


def _token_id(metadata: _Metadata, name: str, vocab_size: int) -> int | None:
    key = f"tokenizer.ggml.{name}_token_id"
    token = metadata.get(key)
    if token is not None and (not isinstance(token, int) or not 0 <= token < vocab_size):
        raise ValueError(
            f"{metadata.path}: {key} is {token!r}, and the model's ids go from 0 to "
            f"{vocab_size - 1}; convert the model to GGUF again"
        )
    return token


def _frame(metadata: _Metadata) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids before and behind a text."""
    before, behind = adds_tokens(metadata.values)
    bos, eos = (metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos"))
    return (
        (bos,) if before and bos is not None else (),
        (eos,) if behind and eos is not None else (),
    )


def _write_tokenizer(metadata: _Metadata, folder: pathlib.Path) -> None:
    try:
        write_gguf_tokenizer(metadata.values, folder)
    except ValueError as error:
        raise ValueError(f"{metadata.path}: {error}") from error


def _tensors(header: Header) -> Tensors:
    tensors = {tensor.name: _lazy(header, tensor) for tensor in header.tensors}
    factors = tensors.pop(_ROTARY_FACTORS, None)
    if factors is not None and not np.all(factors.read() == 1):
        raise ValueError(
            f"{header.path}: {_ROTARY_FACTORS} scales each rotary frequency by a factor of its own "
            "(LLaMA 3.1 and later); t5lite does only linear scaling"
        )
    return Tensors(tensors, source=str(header.path))


def _lazy(header: Header, tensor: StoredTensor) -> LazyArray:
    size = math.prod(tensor.shape)
    dtype = _PLAIN.get(tensor.kind)
    if dtype is None:
        row_bytes = _bytes_of_row(header.path, tensor)
        num_bytes = size // max(tensor.shape[-1], 1) * row_bytes
        read = functools.partial(_dequantise, header.content, tensor, row_bytes)
    else:
        num_bytes = size * dtype.itemsize
        read = functools.partial(_view, header.content, tensor, dtype)
    if tensor.start + num_bytes > len(header.content):
        raise ValueError(
            f"{header.path} is damaged or cut short ({tensor.name} ends at byte "
            f"{tensor.start + num_bytes:,}, the file at {len(header.content):,}); copy it again"
        )
    return LazyArray(tensor.shape, dtype or np.dtype(np.float32), read)


def _view(content: mmap.mmap, tensor: StoredTensor, dtype: np.dtype) -> np.ndarray:
    size = math.prod(tensor.shape)
    # ml_dtypes' types are not among those that frombuffer knows.
    held = np.frombuffer(content, np.uint8, size * dtype.itemsize, tensor.start)
    return held.view(dtype).reshape(tensor.shape)


def _dequantise(content: mmap.mmap, tensor: StoredTensor, row_bytes: int) -> np.ndarray:
    import gguf

    num_rows = math.prod(tensor.shape[:-1])
    held = np.frombuffer(content, np.uint8, num_rows * row_bytes, tensor.start)
    kind = gguf.GGMLQuantizationType(tensor.kind)
    return gguf.dequantize(held.reshape(num_rows, row_bytes), kind).reshape(tensor.shape)


def _bytes_of_row(path: pathlib.Path, tensor: StoredTensor) -> int:
    """Size of a row of blocks of quantised numbers.

    Raises:
      ValueError: the package `gguf`, which knows the blocks, is not installed, or does not
        dequantise these; or the row is no whole number of blocks.
    """
    try:
        import gguf
    except ImportError as error:
        raise ValueError(
            f"{path} holds quantised numbers; to read them, install the package gguf (t5lite's "
            "extra [gguf])"
        ) from error
    try:
        kind = gguf.GGMLQuantizationType(tensor.kind)
    except ValueError as error:
        raise ValueError(
            f"{path}: {tensor.name} is of type {tensor.kind}, which the installed gguf "
            "does not know; install a newer one"
        ) from error
    block_size, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    try:
        gguf.dequantize(np.zeros((1, block_bytes), np.uint8), kind)
    except NotImplementedError as error:
        raise ValueError(
            f"{path}: {tensor.name} is of type {kind.name}, which the package gguf does not "
            "dequantise; quantise the model in another way"
        ) from error
    if not tensor.shape or tensor.shape[-1] % block_size:
        raise ValueError(
            f"{path} is damaged ({tensor.name} of shape {tensor.shape} is no whole number of "
            f"blocks of {block_size}); copy it again"
        )
    return tensor.shape[-1] // block_size * block_bytes


def _config(metadata: _Metadata, tensors: Tensors) -> TransformerConfig:
    for key in ("expert_count", "attention.sliding_window"):
        metadata.expect(f"llama.{key}", 0)
    width = metadata.size("llama.embedding_length")
    num_heads = metadata.size("llama.attention.head_count")
    d_kv = metadata.size("llama.attention.key_length", width // num_heads)
    for key in ("attention.value_length", "rope.dimension_count"):
        metadata.expect(f"llama.{key}", d_kv)
    if _EMBEDDING not in tensors:
        raise ValueError(f"{metadata.path} has no tensor {_EMBEDDING}: does it hold a whole model?")
    return llama_config(
        vocab_size=tensors[_EMBEDDING].shape[0],
        d_model=width,
        d_ff=metadata.size("llama.feed_forward_length"),
        d_kv=d_kv,
        num_heads=num_heads,
        num_kv_heads=metadata.size("llama.attention.head_count_kv", num_heads),
        num_decoder_layers=_num_layers(metadata, tensors),
        tied_embeddings=_OUTPUT not in tensors,
        attention_bias="blk.0.attn_q.bias" in tensors,
        mlp_bias="blk.0.ffn_up.bias" in tensors,
        norm_epsilon=metadata.number("llama.attention.layer_norm_rms_epsilon"),
        positions=Rotary(
            theta=metadata.number("llama.rope.freq_base", 10000.0), scaling=_scaling(metadata)
        ),
    )


def _num_layers(metadata: _Metadata, tensors: Tensors) -> int:
    said, held = metadata.size("llama.block_count"), tensors.count_layers(_FIRST_OF_LAYER)
    # Before anything is made for each layer that a damaged file speaks of.
    if said != held:
        raise ValueError(
            f"{metadata.path}: llama.block_count is {said}, and there are {held} tensors "
            f"{_FIRST_OF_LAYER}; convert or copy the model again"
        )
    return held


def _scaling(metadata: _Metadata) -> LinearScaling | None:
    metadata.expect("llama.rope.scaling.type", "none", "linear")
    kind = metadata.get("llama.rope.scaling.type", "linear")
    # The second key is that of files older than the first.
    older = metadata.number("llama.rope.scale_linear", 1.0)
    factor = metadata.number("llama.rope.scaling.factor", older)
    # llama.cpp takes 0 for no scaling.
    return linear_scaling(factor) if kind == "linear" and factor != 0 else None

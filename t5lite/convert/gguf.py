"""GGUF files of the LLaMA architecture, read through the `gguf` package of llama.cpp.

Names: `gguf/constants.py` there. llama.cpp rotates neighbours (2i, 2i + 1), as Meta's code does, so
its converter puts the rows of query and key in that order; the layouts put them back. A file
gives shapes with the fastest axis first, which as NumPy arrays are [out, in].
"""

from __future__ import annotations

import functools
import math
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from t5lite.convert.gguf_tokenizer import write_gguf_tokenizer
from t5lite.convert.layouts import META_ROTARY_KEY, META_ROTARY_QUERY, SAME, TRANSPOSED, Layout
from t5lite.convert.llama import llama_config
from t5lite.convert.names import LazyArray, Row, Tensors, to_ours
from t5lite.convert.source import Format, Source, SpecialIds
from t5lite.models.config import TransformerConfig

if TYPE_CHECKING:
    from gguf import GGUFReader, ReaderField, ReaderTensor

MAGIC = b"GGUF"
ARCHITECTURE = "llama"

_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
_ROTARY_FACTORS = "rope_freqs.weight"
# Types that are numbers already; all others are blocks of quantised ones.
_PLAIN: dict[str, np.dtype] = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}


def _linear_rows(ours: str, theirs: str, layout: Layout = TRANSPOSED) -> tuple[Row, Row]:
    ours, theirs = f"decoder/layers/{ours}", f"blk.{{layer}}.{theirs}"
    bias = SAME if layout == TRANSPOSED else layout
    return Row(f"{ours}/kernel", f"{theirs}.weight", layout), Row(
        f"{ours}/bias", f"{theirs}.bias", bias
    )


TABLE = (
    Row("token_embedder/embedding", _EMBEDDING),
    Row("decoder/layers/pre_self_attention_layer_norm/scale", "blk.{layer}.attn_norm.weight"),
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


class Metadata:
    """What a file says beside its tensors, read with complaints that name it.

    Args:
      fields: The reader's, by key.
      path: The file.
    """

    def __init__(self, fields: Mapping[str, ReaderField], *, path: pathlib.Path):
        self._fields = fields
        self.path = path

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def beginning_with(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin so."""
        return {key: self.get(key) for key in self._fields if key.startswith(prefix)}

    def get(self, key: str, default: Any = None) -> Any:
        """A number, a text, or a list of them; the default where there is none.

        A float is the shortest decimal that is the file's float32: 1e-05, not 9.99999974e-06.
        """
        if key not in self._fields:
            return default
        value = self._fields[key].contents()
        return float(str(np.float32(value))) if isinstance(value, float) else value

    def need(self, key: str) -> Any:
        """A value.

        Raises:
          ValueError: there is none.
        """
        if key not in self._fields:
            raise ValueError(f"{self.path} has no {key}, which every LLaMA in GGUF has")
        return self.get(key)

    def expect(self, key: str, *allowed: object) -> None:
        """Checks a value that t5lite can only have one way, absent or not.

        Raises:
          ValueError: it is another.
        """
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
      ValueError: the package `gguf` is not installed; the file is damaged or one of several; or
        its model is not a LLaMA, or does what t5lite does not.
    """
    reader = _open_reader(path)
    metadata = Metadata(reader.fields, path=path)
    metadata.expect("general.architecture", ARCHITECTURE)
    metadata.expect("split.count", 0, 1)
    tensors = _tensors(reader.tensors, path)
    config = _config(metadata, tensors)
    bos = metadata.get("tokenizer.ggml.bos_token_id")
    return Source(
        format=FORMAT.name,
        path=path,
        config=config,
        arrays=to_ours(TABLE, tensors, config=config),
        special_ids=SpecialIds(
            pad=metadata.get("tokenizer.ggml.padding_token_id"),
            bos=bos,
            eos=metadata.get("tokenizer.ggml.eos_token_id"),
        ),
        prompt_prefix=(bos,) if bos is not None and _adds_bos(metadata) else (),
        context_length=metadata.get("llama.context_length"),
        model_type="llama",
        write_tokenizer=functools.partial(_write_tokenizer, metadata)
        if "tokenizer.ggml.model" in metadata
        else None,
    )


FORMAT = Format(
    name="gguf",
    looked_for='a file that begins with "GGUF"',
    recognise=recognise,
    open=open_checkpoint,
)


def _open_reader(path: pathlib.Path) -> GGUFReader:
    try:
        import gguf
    except ImportError as error:
        raise ValueError(
            f"{path} is a GGUF file; to read it, install the package gguf (t5lite's extra [gguf])"
        ) from error
    try:
        reader = gguf.GGUFReader(path)
    # What the package runs into where a file ends too early or says something impossible.
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise ValueError(f"{path} is damaged or cut short ({error}); copy it again") from error
    if reader.endianess != gguf.GGUFEndian.LITTLE:
        raise ValueError(
            f"{path} is big-endian; turn it round with gguf-convert-endian of the package gguf"
        )
    return reader


def _adds_bos(metadata: Metadata) -> bool:
    # llama.cpp's defaults: SentencePiece's models do, byte-level ones do not.
    is_sentencepiece = metadata.get("tokenizer.ggml.model") == "llama"
    return metadata.get("tokenizer.ggml.add_bos_token", is_sentencepiece)


def _write_tokenizer(metadata: Metadata, folder: pathlib.Path) -> None:
    try:
        write_gguf_tokenizer(metadata.beginning_with("tokenizer."), folder)
    except ValueError as error:
        raise ValueError(f"{metadata.path}: {error}") from error


def _tensors(stored: list[ReaderTensor], path: pathlib.Path) -> Tensors:
    import gguf

    tensors = {}
    for tensor in stored:
        kind = tensor.tensor_type
        if kind.name not in _PLAIN:
            _, block_bytes = gguf.GGML_QUANT_SIZES[kind]
            try:
                gguf.dequantize(np.zeros((1, block_bytes), np.uint8), kind)
            except NotImplementedError as error:
                raise ValueError(
                    f"{path}: {tensor.name} is of type {kind.name}, which the package gguf does "
                    "not dequantise; quantise the model in another way"
                ) from error
        shape = tuple(int(size) for size in reversed(tensor.shape))
        dtype = _PLAIN.get(kind.name, np.dtype(np.float32))
        tensors[tensor.name] = LazyArray(shape, dtype, functools.partial(_read, tensor, shape))
    if _ROTARY_FACTORS in tensors:
        if not np.all(tensors[_ROTARY_FACTORS].read() == 1):
            raise ValueError(
                f"{path}: {_ROTARY_FACTORS} scales each rotary frequency by a factor of its own "
                "(LLaMA 3.1 and later); t5lite does only linear scaling"
            )
        del tensors[_ROTARY_FACTORS]
    return Tensors(tensors, source=str(path))


def _read(tensor: ReaderTensor, shape: tuple[int, ...]) -> np.ndarray:
    import gguf

    dtype = _PLAIN.get(tensor.tensor_type.name)
    if dtype is None:
        return gguf.dequantize(np.asarray(tensor.data), tensor.tensor_type).reshape(shape)
    return np.asarray(tensor.data).view(dtype).reshape(shape)


def _config(metadata: Metadata, tensors: Tensors) -> TransformerConfig:
    for key in ("expert_count", "attention.sliding_window"):
        metadata.expect(f"llama.{key}", 0)
    width, num_heads = metadata.need("llama.embedding_length"), _number(metadata, "head_count")
    d_kv = metadata.get("llama.attention.key_length", width // num_heads)
    for key in ("attention.value_length", "rope.dimension_count"):
        metadata.expect(f"llama.{key}", d_kv)
    if _EMBEDDING not in tensors:
        raise ValueError(f"{metadata.path} has no tensor {_EMBEDDING}: does it hold a whole model?")
    return llama_config(
        vocab_size=tensors[_EMBEDDING].shape[0],
        d_model=width,
        d_ff=metadata.need("llama.feed_forward_length"),
        d_kv=d_kv,
        num_heads=num_heads,
        num_kv_heads=_number(metadata, "head_count_kv", num_heads),
        num_decoder_layers=metadata.need("llama.block_count"),
        tied_embeddings=_OUTPUT not in tensors,
        attention_bias="blk.0.attn_q.bias" in tensors,
        mlp_bias="blk.0.ffn_up.bias" in tensors,
        norm_epsilon=metadata.need("llama.attention.layer_norm_rms_epsilon"),
        rope_theta=metadata.get("llama.rope.freq_base", 10000.0),
        rope_scaling_factor=_rope_scaling_factor(metadata),
    )


def _number(metadata: Metadata, name: str, default: int | None = None) -> int:
    key = f"llama.attention.{name}"
    value = metadata.need(key) if default is None else metadata.get(key, default)
    if isinstance(value, list):
        raise ValueError(
            f"{metadata.path}: {key} is {value}, one for each layer; t5lite's layers are all alike"
        )
    return value


def _rope_scaling_factor(metadata: Metadata) -> float:
    metadata.expect("llama.rope.scaling.type", "none", "linear")
    kind = metadata.get("llama.rope.scaling.type", "linear")
    # The second key is that of files older than the first.
    older = metadata.get("llama.rope.scale_linear", 1.0)
    factor = metadata.get("llama.rope.scaling.factor", older)
    # llama.cpp takes 0 for no scaling.
    return factor if kind == "linear" and not math.isclose(factor, 0.0) else 1.0

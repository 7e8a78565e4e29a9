"""LLaMA as Meta hands it out: a folder of params.json and one consolidated.NN.pth a shard.

A shard is what one device held under Megatron's model parallelism: every matrix is cut along the
axis that its layer is parallel in, and norms are in every shard.
"""

import functools
import logging
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from t5lite.convert.llama import EMBEDDING, OUTPUT, TABLE, llama_config
from t5lite.convert.names import LazyArray, Tensors, to_ours
from t5lite.convert.source import Format, Source, SpecialIds
from t5lite.convert.torch_file import read_torch_file
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from t5lite.files.json_files import read_object
from t5lite.files.regular_files import has_file
from t5lite.messages.value_types import check_type
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary

log = logging.getLogger(__name__)

PARAMS_FILE = "params.json"
TOKENIZER_FILE = "tokenizer.model"
_SHARDS = "consolidated.*.pth"

# By the last word but one of a tensor's name. The embedding's was 1, and 0 from LLaMA 3 on.
_CUT_AXES = {"wq": 0, "wk": 0, "wv": 0, "wo": 1, "w1": 0, "w2": 1, "w3": 0, "output": 0}
# Rotary frequencies, which the config gives too.
_BUFFERS = ("rope.freqs",)
# Sizes of the MLP, which the tensors give, and of Meta's caches.
_UNUSED = ("multiple_of", "ffn_dim_multiplier", "max_seq_len", "max_batch_size")
_USED: Mapping[str, Any] = {
    **dict.fromkeys(("dim", "n_layers", "n_heads", "vocab_size"), int),
    "n_kv_heads": int | None,
    **dict.fromkeys(("norm_eps", "rope_theta"), float),
}


def recognise(path: pathlib.Path) -> bool:
    """Whether a folder holds Meta's params.json and shards."""
    return has_file(path / PARAMS_FILE) and any(path.glob(_SHARDS))


def open_checkpoint(path: pathlib.Path) -> Source:
    """Opens a folder of shards, and the tokenizer in it or one level up.

    Raises:
      ValueError: params.json asks for what t5lite does not do; a shard is missing or damaged; or
        the tensors are not all, and only, those of a LLaMA.
    """
    params = _read_params(path / PARAMS_FILE)
    tensors = _read_tensors(path, params)
    config = _config(params, tensors, path)
    return Source(
        format=FORMAT.name,
        path=path,
        config=config,
        arrays=to_ours(TABLE, tensors, config=config),
        model_type="llama",
        **_tokenizer_fields(path),
    )


FORMAT = Format(
    name="meta_llama",
    looked_for=f"{PARAMS_FILE} beside {_SHARDS} (LLaMA as Meta hands it out)",
    recognise=recognise,
    open=open_checkpoint,
)


def _read_params(path: pathlib.Path) -> dict[str, Any]:
    params = read_object(path)
    missing = [name for name in ("dim", "n_layers", "n_heads") if name not in params]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}: is it of a LLaMA?")
    for name, hint in _USED.items():
        if name in params:
            check_type(params[name], hint, name=f"{path}: {name}")
            if hint is int and not (-1 if name == "vocab_size" else 1) <= params[name] < 1 << 31:
                raise ValueError(f"{path}: {name} is {params[name]!r}, out of range")
    if params.pop("use_scaled_rope", False):
        raise ValueError(
            f"{path}: use_scaled_rope is true (LLaMA 3.1 and later), and by what rotary positions "
            "are scaled is not said; convert the same model in Hugging Face's format, which says it"
        )
    unknown = sorted(params.keys() - {*_USED, *_UNUSED})
    if unknown:
        raise ValueError(f"{path} has {', '.join(unknown)}, which t5lite's LLaMA does not know")
    return params


def _config(params: Mapping[str, Any], tensors: Tensors, path: pathlib.Path) -> TransformerConfig:
    vocab_size = tensors[EMBEDDING].shape[0]
    # -1 in LLaMA 1 and 2, whose tokenizer said it.
    declared = params.get("vocab_size", -1)
    if declared not in (-1, vocab_size):
        raise ValueError(
            f"{path / PARAMS_FILE}: vocab_size is {declared}, but {EMBEDDING} has {vocab_size} "
            "rows; do the files belong together?"
        )
    return llama_config(
        vocab_size=vocab_size,
        d_model=params["dim"],
        d_ff=tensors["layers.0.feed_forward.w1.weight"].shape[0],
        d_kv=params["dim"] // params["n_heads"],
        num_heads=params["n_heads"],
        num_kv_heads=params.get("n_kv_heads") or params["n_heads"],
        num_decoder_layers=params["n_layers"],
        tied_embeddings=OUTPUT not in tensors,
        # Defaults of Meta's ModelArgs.
        norm_epsilon=params.get("norm_eps", 1e-5),
        positions=Rotary(theta=params.get("rope_theta", 10000.0)),
    )


def _read_tensors(path: pathlib.Path, params: Mapping[str, Any]) -> Tensors:
    """Whole tensors by name, put together from the shards when read."""
    files = sorted(path.glob(_SHARDS))
    numbers = [int(re.sub(r"\D", "", file.name) or 0) for file in files]
    if numbers != list(range(len(files))):
        raise ValueError(
            f"{path} has {', '.join(file.name for file in files)}: shards are missing between"
        )
    shards = [read_torch_file(file) for file in files]
    for file, shard in zip(files, shards, strict=True):
        differing = sorted(shard.keys() ^ shards[0].keys())
        if differing:
            raise ValueError(
                f"{file} and {files[0].name} should hold the same names; they differ in "
                f"{', '.join(differing[:8])}"
            )
    for name in (EMBEDDING, "layers.0.attention.wq.weight", "layers.0.feed_forward.w1.weight"):
        if name not in shards[0]:
            raise ValueError(f"{files[0]} has no tensor {name}: is it of a LLaMA?")
    num_wanted = params["dim"] // shards[0]["layers.0.attention.wq.weight"].shape[0]
    if num_wanted != len(files):
        raise ValueError(
            f"{path} has {len(files)} files {_SHARDS}, and the shapes in them call for "
            f"{num_wanted}; copy all of them to one folder"
        )
    joined = {
        name: _joined([shard[name] for shard in shards], _cut_axis(name, tensor, params))
        for name, tensor in shards[0].items()
        if name not in _BUFFERS
    }
    return Tensors(joined, source=str(path))


def _cut_axis(name: str, tensor: LazyArray, params: Mapping[str, Any]) -> int | None:
    """The axis along which the shards' parts of a tensor follow one another; None for copies."""
    if name == EMBEDDING:
        return 0 if tensor.shape[-1] == params["dim"] else 1
    return _CUT_AXES.get(name.split(".")[-2])


def _joined(parts: list[LazyArray], axis: int | None) -> LazyArray:
    first = parts[0]
    if axis is None or len(parts) == 1:
        return first
    shape = list(first.shape)
    shape[axis] = sum(part.shape[axis] for part in parts)

    def read(axis: int) -> np.ndarray:
        return np.concatenate([part.read() for part in parts], axis=axis)

    return LazyArray(tuple(shape), first.dtype, functools.partial(read, axis))


def _tokenizer_fields(path: pathlib.Path) -> dict[str, Any]:
    """What a Source says of the tokenizer in the folder, or one level up, where Meta puts it.

    LLaMA 1 and 2 have a SentencePiece model; LLaMA 3's file of the same name is something else.
    """
    folders = (path, path.resolve().parent)
    file = next((f / TOKENIZER_FILE for f in folders if has_file(f / TOKENIZER_FILE)), None)
    if file is None:
        return {}
    try:
        vocabulary = SentencePieceVocabulary(str(file), extra_ids=0)
    except ValueError:
        log.warning(
            "%s is not a SentencePiece model and is left out; convert the model from a folder with "
            "a tokenizer.json, or add one to the result",
            file,
        )
        return {}
    return {
        "special_ids": SpecialIds(bos=vocabulary.bos_id, eos=vocabulary.eos_id),
        "prompt_prefix": vocabulary.prefix_ids,
        "prompt_suffix": (),
        "vocabulary": vocabulary.spec(),
    }

"""Foreign checkpoints in, Hugging Face folders out."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from t5lite.convert import t5x
from t5lite.convert.hf import folder, t5, tokenizer
from t5lite.convert.names import stack, to_ours, to_theirs, unstack
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params


def load_foreign(path: str | pathlib.Path) -> tuple[TransformerConfig, Params, str]:
    """Reads a checkpoint made by Hugging Face or T5X, told apart by what is in it.

    Args:
      path: A Hugging Face model folder, a T5X checkpoint folder, or a one-file T5X checkpoint.

    Returns:
      The config, the parameters as float32 NumPy arrays, and `hugging_face` or `t5x`.

    Raises:
      ValueError: it is neither; or it is, and something in it is missing, left over or damaged.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    if (path / folder.CONFIG_FILE).is_file():
        return *_load_hf(path), "hugging_face"
    tree_file = t5x.find_tree(path)
    if tree_file is not None:
        tensors = t5x.read_tensors(tree_file)
        config = t5x.infer_config(tensors)
        return config, stack(to_ours(t5x.TABLE, tensors, config=config)), "t5x"
    held = sorted(entry.name for entry in path.iterdir())[:8] if path.is_dir() else []
    raise ValueError(
        f"{path} is no checkpoint that t5lite can read. Looked for: {folder.CONFIG_FILE} (a "
        f"Hugging Face folder); a file {t5x.TREE_FILE} (a T5X checkpoint folder); a msgpack file "
        "that begins as T5X's do. " + (f"Found: {', '.join(held) or 'nothing'}." if held else "")
    )


def export_hf(
    config: TransformerConfig,
    params: Params,
    dst: str | pathlib.Path,
    *,
    vocabulary_spec: Mapping[str, Any] | None = None,
) -> None:
    """Writes a folder that transformers' `from_pretrained` loads, with the same logits.

    Args:
      config: The model.
      params: Its parameters.
      dst: The folder; it must not exist, or be empty.
      vocabulary_spec: `spec()` of its vocabulary; where given, the folder has a tokenizer too.

    Raises:
      ValueError: Hugging Face's T5 cannot be this model, or `dst` has files in it.
    """
    record = t5.write_config(config)
    json_files: dict[str, Mapping[str, Any]] = {
        folder.CONFIG_FILE: record,
        "generation_config.json": {
            name: record[name]
            for name in ("pad_token_id", "eos_token_id", "decoder_start_token_id")
        },
    }
    copies = {}
    if vocabulary_spec is not None:
        json_files |= tokenizer.json_files(vocabulary_spec)
        copies = tokenizer.copies(vocabulary_spec)
    folder.write_folder(
        pathlib.Path(dst),
        json_files=json_files,
        tensors={
            name: np.ascontiguousarray(tensor.read())
            for name, tensor in to_theirs(t5.TABLE, unstack(params), config=config).items()
        },
        copies=copies,
    )


def _load_hf(path: pathlib.Path) -> tuple[TransformerConfig, Params]:
    record = folder.read_json(path / folder.CONFIG_FILE)
    model_type = record.get("model_type")
    if model_type not in t5.MODEL_TYPES:
        raise ValueError(
            f"{path / folder.CONFIG_FILE}: model_type is {model_type!r}; "
            f"t5lite reads {', '.join(t5.MODEL_TYPES)}"
        )
    tensors, tied = t5.prepare(folder.read_tensors(path))
    config = t5.read_config(record, tied=tied)
    return config, stack(to_ours(t5.TABLE, tensors, config=config))

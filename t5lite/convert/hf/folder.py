"""A Hugging Face model folder: config.json and safetensors, in one file or in shards."""

import functools
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import ml_dtypes  # noqa: F401 - NumPy learns "bfloat16" from it, and safetensors asks by name
import numpy as np
import safetensors
from safetensors.numpy import save_file

from t5lite.convert.names import LazyArray, Tensors

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

# Their name of a type, NumPy's.
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
      ValueError: the file is not a JSON object.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds a {type(record).__name__}, expected a JSON object")
    return record


def read_tensors(folder: pathlib.Path) -> Tensors:
    """The tensors of a folder, read lazily.

    Raises:
      ValueError: there are no safetensors, a shard is missing, or a file is cut short.
    """
    tensors = {}
    for path in _weight_files(folder):
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                held = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
                stored = {name: (part.get_shape(), part.get_dtype()) for name, part in held.items()}
        except safetensors.SafetensorError as error:
            raise ValueError(
                f"{path} is damaged or cut short ({error}); copy or download it again"
            ) from error
        for name, (shape, dtype) in stored.items():
            read = functools.partial(_load, path, name)
            tensors[name] = LazyArray(tuple(shape), _dtype(path, name, dtype), read)
    return Tensors(tensors, source=str(folder))


def write_folder(
    dst: pathlib.Path,
    *,
    json_files: Mapping[str, Mapping[str, Any]],
    tensors: Mapping[str, np.ndarray],
    copies: Mapping[str, pathlib.Path],
) -> None:
    """Writes a model folder as a whole or not at all.

    Args:
      dst: The folder; it must not exist, or be empty.
      json_files: JSON objects by file name.
      tensors: What goes to model.safetensors.
      copies: Files to copy, by their name in the folder.

    Raises:
      ValueError: `dst` has files in it already.
    """
    if dst.exists() and any(dst.iterdir()):
        raise ValueError(f"{dst} is not empty; export to a new folder")
    dst.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dst.parent, prefix=f".{dst.name}.") as work:
        folder = pathlib.Path(work) / "export"
        folder.mkdir()
        for name, record in json_files.items():
            text = json.dumps(record, indent=2, sort_keys=True) + "\n"
            (folder / name).write_text(text, encoding="utf-8")
        for name, source in copies.items():
            shutil.copyfile(source, folder / name)
        save_file(dict(tensors), folder / WEIGHTS_FILE, metadata={"format": "pt"})
        # Replaces an empty folder too.
        os.replace(folder, dst)


def _weight_files(folder: pathlib.Path) -> list[pathlib.Path]:
    if (folder / INDEX_FILE).exists():
        shards = sorted(set(read_json(folder / INDEX_FILE)["weight_map"].values()))
        missing = [shard for shard in shards if not (folder / shard).exists()]
        if missing:
            raise ValueError(
                f"{folder / INDEX_FILE} names shards that are not there: {', '.join(missing)}"
            )
        return [folder / shard for shard in shards]
    if (folder / WEIGHTS_FILE).exists():
        return [folder / WEIGHTS_FILE]
    others = sorted(path.name for path in folder.glob("*.bin"))
    remedy = (
        f"it has {', '.join(others)}: load it in transformers and save it again with "
        "save_pretrained, which writes safetensors"
        if others
        else "copy them beside config.json"
    )
    raise ValueError(f"{folder} has neither {WEIGHTS_FILE} nor {INDEX_FILE}; {remedy}")


def _load(path: pathlib.Path, name: str) -> np.ndarray:
    with safetensors.safe_open(path, framework="numpy") as file:
        return file.get_tensor(name)


def _dtype(path: pathlib.Path, name: str, stored: str) -> np.dtype:
    return np.dtype(_DTYPES[stored])

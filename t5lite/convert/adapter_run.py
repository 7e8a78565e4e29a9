"""A run that trained adapters, opened with the model they are of, and LoRA merged into kernels."""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Mapping

import ml_dtypes
import numpy as np

from t5lite.checkpoints.base_model import BaseModel, array_sums, combined
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, ModelDescription
from t5lite.convert import model_folder
from t5lite.convert.load import FORMATS, open_any
from t5lite.convert.names import Arrays, Key, LazyArray, layers_by_name
from t5lite.convert.source import Source
from t5lite.files.buckets import local_copy
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file
from t5lite.models.adapter_config import Lora
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_shapes


def with_base(source: Source, base: pathlib.Path | None = None) -> Source:
    """The whole model of a run that trained adapters.

    All of the base is read once, to see that it is the one.

    Args:
      source: the run, as `open_model_folder` opens it.
      base: where the model lies that they were trained on; None where the run says.

    Raises:
      ValueError: it is not there, or is another.
    """
    record = ModelDescription.load(source.path).base
    assert record is not None, f"{source.path} holds a whole model"
    path = base or storage_path(record.path, name="the base model")
    if not path.exists():
        raise ValueError(
            f"{source.path} holds adapters of the model in {path}, which is not there. Give it as "
            f"SRC, where it lies now, and --adapter={source.path}."
        )
    check_is_whole(path)
    found = _open(local_copy(path), record)
    names = {"path": str(path), "adapter": str(source.path)}
    wanted = {n: s.shape for n, s in flatten_names(param_shapes(source.config.base)).items()}
    record.check_shapes(_shapes(found.arrays), wanted, **names)
    held = {key: _held_in(array, record.dtype) for key, array in found.arrays.items()}
    record.check_hash(hash_of(held), **names)
    return dataclasses.replace(
        source,
        arrays={**held, **source.arrays},
        special_ids=found.special_ids,
        context_length=found.context_length,
        model_type=found.model_type,
        hf_folder=found.hf_folder,
    )


def check_is_whole(path: pathlib.Path) -> None:
    """Raises ValueError for a base that is a run of adapters itself."""
    if has_file(path / DESCRIPTION_FILE) and ModelDescription.load(path).base is not None:
        raise ValueError(
            f"the base {path} holds adapters itself. Merge them first, `t5lite convert {path} "
            "FOLDER --to=t5lite`, and give FOLDER"
        )


def merged(source: Source) -> Source:
    """The same model without adapters: x (W + (alpha / rank) A B), summed in float32.

    Args:
      source: a model whose adapters are all LoRA.

    Raises:
      ValueError: it has another adapter, which no kernel can take in.
    """
    if others := {type(a).__name__ for a in source.config.adapters if not isinstance(a, Lora)}:
        raise ValueError(
            f"{source.path} has adapters ({', '.join(sorted(others))}) that no weights of its "
            "model can take in. Give them to eval, infer and generate as they are; soft prompts "
            "and adaption prompts may be written with --to=peft."
        )
    added = {n for n, _ in source.arrays if n.endswith(("/lora_a", "/lora_b"))}
    arrays: dict[Key, LazyArray] = {k: a for k, a in source.arrays.items() if k[0] not in added}
    for (name, layer), a in source.arrays.items():
        if not name.endswith("/lora_a"):
            continue
        prefix = name.removesuffix("lora_a")
        key, b = (f"{prefix}kernel", layer), source.arrays[f"{prefix}lora_b", layer]
        scale = lora_of(source.config, prefix.rstrip("/")).scale
        read = functools.partial(_read_merged, arrays[key], a, b, scale)
        arrays[key] = LazyArray(arrays[key].shape, np.dtype(np.float32), read)
    return dataclasses.replace(source, config=source.config.base, arrays=arrays)


def _read_merged(kernel: LazyArray, a: LazyArray, b: LazyArray, scale: float) -> np.ndarray:
    a_IR, b_RO = (array.read().astype(np.float32) for array in (a, b))
    return kernel.read().astype(np.float32) + np.float32(scale) * (a_IR @ b_RO)


def _open(path: pathlib.Path, record: BaseModel) -> Source:
    """Opens the base, at the checkpoint that was trained on where it is still there."""
    if model_folder.FORMAT.recognise(path) and record.step is not None:
        steps = Checkpointer(path, read_only=True).all_steps()
        return model_folder.open_model_folder(path, record.step if record.step in steps else None)
    return open_any(path, FORMATS)


def _held_in(array: LazyArray, dtype: str) -> LazyArray:
    """An array as the run held it, in float32 or rounded to bfloat16."""
    if dtype == "float32":
        return array
    rounded = np.dtype(ml_dtypes.bfloat16)
    return LazyArray(array.shape, rounded, lambda: array.read().astype(rounded))


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {
        name: (len(parts), *parts[0].shape) if "/layers/" in name else parts[0].shape
        for name, parts in layers_by_name(arrays).items()
    }


def hash_of(arrays: Arrays) -> str:
    """`base_model.parameter_hash`, a layer at a time."""
    sums: Mapping[str, np.ndarray] = {
        name: sum(
            array_sums(_as_hashed(part.read()), first=index * math.prod(part.shape))
            for index, part in enumerate(parts)
        )
        for name, parts in layers_by_name(arrays).items()
    }
    return combined(_shapes(arrays), sums)


def _as_hashed(x: np.ndarray) -> np.ndarray:
    return x if x.dtype == ml_dtypes.bfloat16 else x.astype(np.float32)


def lora_of(config: TransformerConfig, name: str) -> Lora:
    """The LoRA whose target is a linear map, by the map's name."""
    return next(a for a in config.adapters if isinstance(a, Lora) and a.changes(name))

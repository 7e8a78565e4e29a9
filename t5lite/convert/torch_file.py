"""Tensors of files that `torch.save` wrote; torch is needed for nothing else here.

Such a file is a pickle, which can run any program when read. It is only ever read with
`weights_only=True`, and mapped into memory, so that a tensor costs nothing until it is used; files
of torch 1.5 and before cannot be mapped and are read as a whole.
"""

import functools
import pathlib
import zipfile
from typing import Any

import ml_dtypes
import numpy as np

from t5lite.convert.names import LazyArray
from t5lite.files.regular_files import check_regular

_DTYPES = {name: np.dtype(name) for name in ("float16", "float32", "float64", "bool", "uint8")}
_DTYPES |= {name: np.dtype(name) for name in ("int8", "int16", "int32", "int64")}
_DTYPES["bfloat16"] = np.dtype(ml_dtypes.bfloat16)


def read_torch_file(path: pathlib.Path) -> dict[str, LazyArray]:
    """The tensors of a saved state dict, by name, read lazily.

    Raises:
      ValueError: torch is not installed; the file is damaged; or it holds something else than
        tensors.
    """
    check_regular(path)
    try:
        import torch
    except ImportError as error:
        raise ValueError(
            f"{path} is a file of torch, which is not installed: install torch, or convert a "
            "safetensors copy of the model"
        ) from error
    try:
        # An archive since torch 1.6, before that a pickle and the numbers behind it.
        held = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    # Whatever a damaged or a malicious pickle leads to.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} is not a file of tensors that torch.load(weights_only=True) reads: {reason}. "
            "If it is damaged, copy it again; if it holds more than tensors, save only the model's "
            "state_dict"
        ) from error
    if not isinstance(held, dict):
        raise ValueError(f"{path} holds a {type(held).__name__}, expected a dict of tensors")
    return {name: _lazy(path, name, tensor) for name, tensor in held.items()}


def _lazy(path: pathlib.Path, name: str, tensor: Any) -> LazyArray:
    dtype = str(getattr(tensor, "dtype", type(tensor).__name__)).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise ValueError(
            f"{path}: {name} is {dtype}; expected a tensor of {', '.join(_DTYPES)}. Save only the "
            "model's state_dict"
        )
    read = functools.partial(_as_numpy, tensor)
    return LazyArray(tuple(tensor.shape), _DTYPES[dtype], read)


def _as_numpy(tensor: Any) -> np.ndarray:
    import torch

    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()

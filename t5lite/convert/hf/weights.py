"""Files of weights as Hugging Face names them: safetensors, and torch's own `.bin`."""

import functools
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import safetensors

from t5lite.convert.names import LazyArray, Tensors
from t5lite.convert.torch_file import read_torch_file
from t5lite.files import strict_json
from t5lite.files.json_files import read_object, write_object
from t5lite.files.regular_files import has_file
from t5lite.messages.value_types import check_type

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_TORCH_FILE = "pytorch_model.bin"
_TORCH_INDEX_FILE = "pytorch_model.bin.index.json"

# safetensors' name of a type, NumPy's.
_DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype(np.int64),
    "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
_FLOATS = ("F64", "F32", "F16", "BF16")


def read_tensors(folder: pathlib.Path) -> Tensors:
    """The tensors of a folder, read lazily; safetensors before `.bin`, one file before shards.

    Raises:
      ValueError: there are no weights, a shard is missing, a file is cut short, or a `.bin` file
        needs torch and there is none.
    """
    tensors: dict[str, LazyArray] = {}
    for path in _weight_files(folder):
        tensors |= read_torch_file(path) if path.suffix == ".bin" else read_safetensors(path)
    return Tensors(tensors, source=str(folder))


def check_floats(tensors: Tensors) -> None:
    """Refuses quantised and other weights that are not plain floating-point numbers.

    Raises:
      ValueError: naming some of them.
    """
    floats = {_DTYPES[name] for name in _FLOATS}
    others = [
        f"{name} ({tensor.dtype})" for name, tensor in tensors.items() if tensor.dtype not in floats
    ]
    if others:
        raise ValueError(
            f"{tensors.source} holds weights that are not floating-point numbers: "
            f"{', '.join(others[:4])}{' ...' if len(others) > 4 else ''}. Quantised models must be "
            "dequantised and saved again first"
        )


def write_tensors(
    folder: pathlib.Path,
    tensors: Mapping[str, LazyArray],
    *,
    max_shard_bytes: int,
) -> None:
    """Writes safetensors, one tensor in memory at a time.

    Args:
      folder: An existing folder.
      tensors: What to write.
      max_shard_bytes: Where all do not fit into a file of this size there are several, each filled
        in order, and an index; a single larger tensor has a file for itself.
    """
    shards: list[dict[str, LazyArray]] = [{}]
    room = max_shard_bytes
    for name, tensor in tensors.items():
        if shards[-1] and tensor.num_bytes > room:
            shards.append({})
            room = max_shard_bytes
        shards[-1][name] = tensor
        room -= tensor.num_bytes
    if len(shards) == 1:
        write_safetensors(folder / WEIGHTS_FILE, shards[0])
        return
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        file_name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_safetensors(folder / file_name, shard)
        weight_map |= dict.fromkeys(shard, file_name)
    total = sum(tensor.num_bytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    write_object(folder / INDEX_FILE, index)


def _weight_files(folder: pathlib.Path) -> list[pathlib.Path]:
    for single, index in ((WEIGHTS_FILE, INDEX_FILE), (_TORCH_FILE, _TORCH_INDEX_FILE)):
        if has_file(folder / single):
            return [folder / single]
        if has_file(folder / index):
            shards = _shards(folder / index)
            missing = [shard for shard in shards if not has_file(folder / shard)]
            if missing:
                raise ValueError(
                    f"{folder / index} names shards that are not there: {', '.join(missing)}"
                )
            return [folder / shard for shard in shards]
    raise ValueError(
        f"{folder} has a config.json but no weights beside it: none of {WEIGHTS_FILE}, "
        f"{INDEX_FILE}, {_TORCH_FILE}, {_TORCH_INDEX_FILE}"
    )


def _shards(index: pathlib.Path) -> list[str]:
    """The files that an index names, all of its own folder."""
    weight_map = read_object(index).get("weight_map")
    check_type(weight_map, Mapping[str, str], name=f"{index}: weight_map")
    shards = sorted(set(dict(weight_map or {}).values()))
    if not shards:
        raise ValueError(f"{index}: weight_map names no tensor; copy or download it again")
    for shard in shards:
        if pathlib.PurePath(shard).name != shard or shard in ("", ".", "..") or "\0" in shard:
            raise ValueError(f"{index} names {shard!r}, which is no file of its own folder")
    return shards


def read_safetensors(path: pathlib.Path) -> dict[str, LazyArray]:
    """The tensors of one file, read lazily.

    Raises:
      ValueError: it is damaged, or has a type that NumPy has not.
    """
    tensors = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - the file is no mapping
                held = file.get_slice(name)
                tensors[name] = LazyArray(
                    tuple(held.get_shape()),
                    _DTYPES[held.get_dtype()],
                    functools.partial(_load_safetensor, path, name),
                )
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or cut short ({error}); copy or download it again"
        ) from error
    except KeyError as error:
        raise ValueError(f"{path}: {name} has type {error}, which t5lite does not read") from error
    return tensors


def _load_safetensor(path: pathlib.Path, name: str) -> np.ndarray:
    # Opened anew each time, so that no page of a large file stays mapped.
    with safetensors.safe_open(path, framework="numpy") as file:
        return file.get_tensor(name)


def write_safetensors(path: pathlib.Path, tensors: Mapping[str, LazyArray]) -> None:
    """One file; the library's own writer wants all of its tensors in memory.

    Format: eight bytes with the length of a JSON header, the header, and the tensors' bytes in the
    order of their offsets. Wider types come first, so that each tensor is aligned to its type.
    """
    ordered = sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize)
    spelled = {dtype: name for name, dtype in _DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, tensor in ordered:
        header[name] = {
            "dtype": spelled[tensor.dtype],
            "shape": tensor.shape,
            "data_offsets": (start, start + tensor.num_bytes),
        }
        start += tensor.num_bytes
    text = strict_json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (math.ceil(len(text) / 8) * 8 - len(text))
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name, tensor in ordered:
            array = np.asarray(tensor.read(), order="C")
            assert (array.shape, array.dtype) == (tensor.shape, tensor.dtype), name
            file.write(array.reshape(-1).view(np.uint8).data)

"""Files of weights: shards, types, damage, and one tensor in memory at a time."""

import json
import weakref

import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from t5lite.convert.hf.weights import check_floats, read_tensors, write_tensors
from t5lite.convert.names import LazyArray


def make_arrays():
    """Of several types and shapes, 1,000 bytes or so each, empty and scalar ones too."""
    rng = np.random.default_rng(0)
    arrays = {
        f"t{i}": rng.normal(size=(10, 25)).astype(dtype)
        for i, dtype in enumerate([np.float16, np.float32, ml_dtypes.bfloat16, np.float64])
    }
    # Not contiguous, as what a layout gives.
    arrays["turned"] = rng.normal(size=(25, 10)).astype(np.float32).T
    arrays["scalar"] = np.float32(7).reshape(())
    arrays["none"] = np.zeros((0, 3), np.float32)
    return arrays


def lazy(arrays):
    return {name: LazyArray.of(array) for name, array in arrays.items()}


def assert_same(tensors, arrays):
    assert tensors.keys() == arrays.keys()
    for name, array in arrays.items():
        read = tensors[name].read()
        assert (tensors[name].shape, tensors[name].dtype) == (array.shape, array.dtype)
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


def test_one_file(tmp_path):
    arrays = make_arrays()
    write_tensors(tmp_path, lazy(arrays), max_shard_bytes=10**6)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    assert_same(read_tensors(tmp_path), arrays)
    with safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}
    # Every tensor starts at a multiple of its type's size, as the library's own files have it.
    content = (tmp_path / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    del header["__metadata__"]
    assert length % 8 == 0
    for name, entry in header.items():
        assert entry["data_offsets"][0] % arrays[name].dtype.itemsize == 0


def test_shards(tmp_path):
    arrays = {f"t{i:02}": np.full((100,), i, np.float32) for i in range(9)}
    arrays["large"] = np.ones((500,), np.float32)
    write_tensors(tmp_path, lazy(arrays), max_shard_bytes=1200)
    names = sorted(file.name for file in tmp_path.glob("*.safetensors"))
    assert names == [f"model-{i:05}-of-00004.safetensors" for i in (1, 2, 3, 4)]
    assert [set(load_file(tmp_path / name)) for name in names] == [
        {"t00", "t01", "t02"},
        {"t03", "t04", "t05"},
        {"t06", "t07", "t08"},
        # Larger than a shard, and alone in one.
        {"large"},
    ]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 9 * 400 + 2000}
    assert index["weight_map"]["t04"] == "model-00002-of-00004.safetensors"
    assert_same(read_tensors(tmp_path), arrays)
    (tmp_path / names[2]).unlink()
    with pytest.raises(ValueError, match=r"shards that are not there: model-00003-of-00004"):
        read_tensors(tmp_path)


def test_one_tensor_is_in_memory_at_a_time(tmp_path):
    given = []
    most = 0

    class Watched(np.ndarray):
        pass

    def read():
        nonlocal most
        array = np.ones((50, 50), np.float32).view(Watched)
        given.append(weakref.ref(array))
        most = max(most, sum(ref() is not None for ref in given))
        return array

    tensors = {f"t{i}": LazyArray((50, 50), np.dtype(np.float32), read) for i in range(20)}
    write_tensors(tmp_path, tensors, max_shard_bytes=10**9)
    # The last one is let go when the next has been read.
    assert most <= 2


def test_damage_is_reported(tmp_path):
    write_tensors(tmp_path, lazy(make_arrays()), max_shard_bytes=10**6)
    file = tmp_path / "model.safetensors"
    content = file.read_bytes()
    for damaged in (content[:-10], content[:5], b"", b"\xff" * 100):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model\.safetensors is damaged or cut short"):
            read_tensors(tmp_path)
    file.unlink()
    (tmp_path / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ValueError, match="holds a list, expected a JSON object"):
        read_tensors(tmp_path)
    (tmp_path / "model.safetensors.index.json").unlink()
    with pytest.raises(ValueError, match="no weights beside it"):
        read_tensors(tmp_path)


def test_only_floating_point_numbers(tmp_path):
    save_file({"a": np.ones(3, np.int8), "b": np.ones(3)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"not floating-point numbers: a \(int8\)\."):
        check_floats(read_tensors(tmp_path))

"""Our checkpoints a layer at a time, and orbax's own door to the same files."""

import jax
import ml_dtypes
import numpy as np
import pytest

from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer
from t5lite.convert import checkpoint_stream
from t5lite.convert.checkpoint_stream import read_arrays, read_leaf, write_arrays
from t5lite.convert.names import LazyArray, stack, unstack
from t5lite.models.parameters import flatten_names, param_shapes
from tests.models.tiny import assert_same_params, encoder_decoder, sharp_params

CONFIG = encoder_decoder()
NAMES = list(flatten_names(param_shapes(CONFIG)))


def as_orbax_restores(folder, step=0):
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(
        lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=device), param_shapes(CONFIG)
    )
    checkpointer = Checkpointer(folder, read_only=True)
    params = checkpointer.restore_params(step, abstract)
    checkpointer.close()
    return params


def test_there_and_back(tmp_path):
    params = sharp_params(CONFIG)
    write_arrays(tmp_path, unstack(params))
    arrays = read_arrays(tmp_path, 0, NAMES)
    assert_same_params(stack(arrays), params)
    assert_same_params(as_orbax_restores(tmp_path), params)
    # A layer lies in chunks of its own.
    layer = arrays["decoder/layers/mlp/wo/kernel", 2]
    np.testing.assert_array_equal(
        layer.read(), params["decoder"]["layers"]["mlp"]["wo"]["kernel"][2]
    )


def test_narrow_types_are_kept_and_restored_to_float32(tmp_path):
    params = sharp_params(CONFIG)
    narrow = jax.tree.map(lambda leaf: leaf.astype(ml_dtypes.bfloat16), params)
    write_arrays(tmp_path, unstack(narrow), step=7)
    arrays = read_arrays(tmp_path, 7, NAMES)
    assert {array.dtype for array in arrays.values()} == {np.dtype(ml_dtypes.bfloat16)}
    wide = jax.tree.map(lambda leaf: leaf.astype(np.float32), narrow)
    restored = as_orbax_restores(tmp_path, 7)
    assert_same_params(restored, wide)
    assert {leaf.dtype for leaf in jax.tree.leaves(restored)} == {np.dtype(np.float32)}
    assert read_leaf(tmp_path, 7, "step") == 7


def test_large_layers_are_cut_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_stream, "_LARGEST_CHUNK_BYTES", 1000)
    params = sharp_params(CONFIG)
    write_arrays(tmp_path, unstack(params))
    assert_same_params(stack(read_arrays(tmp_path, 0, NAMES)), params)
    folder = tmp_path / "checkpoints" / "0" / "state" / "params.decoder.layers.mlp.wo.kernel"
    assert len(list(folder.glob("2.*"))) > 1


def test_what_training_writes_is_read_whole_parameters_at_a_time(tmp_path, monkeypatch):
    params = sharp_params(CONFIG)
    checkpointer = Checkpointer(tmp_path, CheckpointConfig(asynchronous=False))
    state = {"params": jax.tree.map(jax.numpy.asarray, params), "step": np.int32(7)}
    checkpointer.save(7, state, data_state={}, config="", metrics={})
    checkpointer.close()
    reads = []
    original = checkpoint_stream._read
    monkeypatch.setattr(
        checkpoint_stream, "_read", lambda store: reads.append(store.shape) or original(store)
    )
    arrays = read_arrays(tmp_path, 7, NAMES)
    assert not reads
    assert_same_params(stack(arrays), params)
    # Once each, whatever the number of layers.
    assert len(reads) == len(NAMES)
    reads.clear()
    # A fused tensor asks for three in turn.
    for layer in range(3):
        for name in ("query", "key", "value"):
            arrays[f"decoder/layers/self_attention/{name}/kernel", layer].read()
    assert len(reads) == 3
    assert read_leaf(tmp_path, 7, "step") == 7


def test_layers_are_read_when_they_are_written(tmp_path):
    reads = []

    def watched(key, array):
        def read():
            reads.append(key)
            return array.read()

        return LazyArray(array.shape, array.dtype, read)

    arrays = unstack(sharp_params(CONFIG))
    write_arrays(tmp_path, {key: watched(key, array) for key, array in arrays.items()})
    assert sorted(reads, key=str) == sorted(arrays, key=str)


def test_a_missing_or_damaged_parameter_is_named(tmp_path):
    write_arrays(tmp_path, unstack(sharp_params(CONFIG)))
    with pytest.raises(ValueError, match="no readable array params/decoder/x"):
        read_arrays(tmp_path, 0, ["decoder/x"])
    name = "params.decoder.layers.mlp.wo.kernel"
    (tmp_path / "checkpoints" / "0" / "state" / name / ".zarray").write_text("{")
    with pytest.raises(
        ValueError, match=r"state/params\.decoder\.layers\.mlp\.wo\.kernel/\.zarray has 1 "
    ):
        read_arrays(tmp_path, 0, NAMES)

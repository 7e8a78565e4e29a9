import numpy as np
import pytest
from flax import serialization

from t5lite.convert import load_foreign
from t5lite.convert.names import to_theirs, unstack
from t5lite.convert.t5x import TABLE
from t5lite.models.parameters import flatten_names, unflatten_names
from tests.conftest import shared_path
from tests.models.tiny import encoder_decoder, logits, sharp_params

TINY = ("weights", "t5x_testdata", "test_t5_tiny.checkpoint_0")


def test_tiny_checkpoint_agrees_with_t5x():
    golden = np.load(shared_path("weights", "golden", "t5x_tiny.npz"))
    config, params, source = load_foreign(shared_path(*TINY))
    assert source == "t5x"
    batch = {
        "encoder_input_tokens": golden["enc"].astype(np.int32),
        "decoder_input_tokens": golden["dec"].astype(np.int32),
    }
    np.testing.assert_allclose(logits(config, params, batch), golden["logits"], atol=1e-5)


def test_tiny_checkpoint_is_the_converted_folder_to_the_bit():
    _, params, _ = load_foreign(shared_path(*TINY))
    folder = shared_path("weights", "t5x_testdata", "hf_converted")
    _, converted, _ = load_foreign(folder)
    for name, leaf in flatten_names(converted).items():
        np.testing.assert_array_equal(flatten_names(params)[name], leaf, err_msg=name)


CONFIG = encoder_decoder(
    num_heads=3, relative_attention_max_distance=128, relative_attention_num_buckets=32
)


def theirs():
    params = sharp_params(CONFIG)
    tensors = to_theirs(TABLE, unstack(params), config=CONFIG)
    return params, {name: tensor.read() for name, tensor in tensors.items()}


def tree_of(target):
    return {
        "version": 3,
        "optimizer": {
            "state": {"step": np.int32(7), "param_states": {}},
            "target": unflatten_names(target),
        },
    }


def write_folder(folder, *, hidden_files=True):
    """A checkpoint as T5X writes it: kernels in zarr folders, the rest in the tree."""
    tensorstore = pytest.importorskip("tensorstore")
    params, target = theirs()
    for name, array in list(target.items()):
        if array.ndim < 2:
            continue
        place = f"target.{name.replace('/', '.')}"
        # Chunks that do not divide the shape: the last ones are padded.
        metadata = {
            "shape": list(array.shape),
            "chunks": [16, 10],
            "compressor": {"id": "gzip", "level": 1},
        }
        spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(folder / place)}}
        store = tensorstore.open(
            spec | {"metadata": metadata | {"dtype": "<f4"}}, create=True
        ).result()
        store.write(array).result()
        if not hidden_files:
            (folder / place / ".zarray").unlink()
        target[name] = {
            "driver": "zarr",
            "dtype": "float32",
            "kvstore": {"driver": "gfile", "path": f"{place}/"},
            "metadata": metadata,
        }
    (folder / "checkpoint").write_bytes(serialization.msgpack_serialize(tree_of(target)))
    return params


@pytest.mark.parametrize("hidden_files", [True, False])
def test_folder_with_arrays_beside_the_tree(tmp_path, hidden_files):
    params = write_folder(tmp_path, hidden_files=hidden_files)
    for path in (tmp_path, tmp_path / "checkpoint"):
        config, again, source = load_foreign(path)
        assert (config, source) == (CONFIG, "t5x")
        for name, leaf in flatten_names(params).items():
            np.testing.assert_array_equal(flatten_names(again)[name], leaf, err_msg=name)


def test_a_folder_of_arrays_that_is_gone_is_named(tmp_path):
    write_folder(tmp_path)
    gone = tmp_path / "target.decoder.layers_1.mlp.wo.kernel"
    gone.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"zarr folder .*target\.decoder\.layers_1\.mlp\.wo"):
        load_foreign(tmp_path)


def test_a_file_cut_short_is_named(tmp_path):
    file = tmp_path / "checkpoint"
    data = serialization.msgpack_serialize(tree_of(theirs()[1]))
    file.write_bytes(data[:-50])
    with pytest.raises(ValueError, match="checkpoint is damaged or cut short"):
        load_foreign(file)


def test_missing_and_unused_are_listed(tmp_path):
    target = theirs()[1]
    target["decoder/layers_1/mlp/wi/kernel"] = target.pop("decoder/layers_1/mlp/wi_1/kernel")
    file = tmp_path / "checkpoint"
    file.write_bytes(serialization.msgpack_serialize(tree_of(target)))
    with pytest.raises(ValueError) as error:
        load_foreign(file)
    assert "missing decoder/layers_1/mlp/wi_1/kernel" in str(error.value)
    assert "unused decoder/layers_1/mlp/wi/kernel" in str(error.value)


def test_what_is_not_an_encoder_decoder_is_refused(tmp_path):
    file = tmp_path / "checkpoint"
    target = {n: a for n, a in theirs()[1].items() if not n.startswith("encoder/")}
    file.write_bytes(serialization.msgpack_serialize(tree_of(target)))
    with pytest.raises(ValueError, match="has no encoder/relpos_bias/rel_embedding"):
        load_foreign(file)

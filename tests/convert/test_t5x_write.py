"""T5X checkpoints that we write: as T5X wants them, to the bit, or not at all."""

import gzip
import json
import weakref

import ml_dtypes
import numpy as np
import pytest
from flax import serialization

from t5lite.convert import t5x_write
from t5lite.convert.names import LazyArray, stack, unstack
from t5lite.convert.t5x import open_checkpoint
from t5lite.convert.t5x_write import write_checkpoint
from t5lite.models.parameters import flatten_names
from t5lite.models.position_config import RelativeBias
from tests.convert import t5x_trees as trees
from tests.convert.test_t5x import assert_same_params
from tests.models.tiny import decoder_only, sharp_params


def target_of(folder):
    tree = serialization.msgpack_restore((folder / "checkpoint").read_bytes())
    assert tree["version"] == 3
    return tree["optimizer"]["target"]


@pytest.mark.parametrize(
    "config",
    [
        trees.t5(),
        trees.t5(mlp_activations=("relu",), tied_embeddings=True, scale_logits=True),
        trees.t5(mlp_activations=("silu", "linear")),
        trees.umt5(),
        trees.language_model(mlp_activations=("gelu",)),
    ],
)
def test_there_and_back_to_the_bit(tmp_path, config):
    params = sharp_params(config)
    folder = write_checkpoint(tmp_path / "new", config, unstack(params), step=1234)
    assert folder == tmp_path / "new" / "checkpoint_1234"
    source = open_checkpoint(tmp_path / "new")
    # Activations, which shapes do not say, come back by the gin file.
    assert (source.config, source.step, source.read_optimizer_state) == (config, 1234, None)
    assert_same_params(stack(source.arrays), params)


@pytest.mark.parametrize("config", [trees.t5(), trees.language_model(), trees.umt5()])
def test_names_and_shapes_are_those_of_t5x(tmp_path, config):
    params = sharp_params(config)
    scans = config.positions.per_layer
    expected = trees.scanned(params, config) if scans else trees.separate(params)
    folder = write_checkpoint(tmp_path, config, unstack(params))
    beside = {path.name for path in folder.iterdir()}
    places = {f"target.{name.replace('/', '.')}" for name in expected}
    assert beside == places | {"checkpoint", "model.gin"}
    for name, array in expected.items():
        fields = json.loads((folder / f"target.{name.replace('/', '.')}/.zarray").read_text())
        assert tuple(fields["shape"]) == array.shape, name


def test_specs_are_as_t5x_restores_them(tmp_path):
    config = trees.t5()
    params = sharp_params(config)
    folder = write_checkpoint(tmp_path, config, unstack(params), step=5)
    tree = serialization.msgpack_restore((folder / "checkpoint").read_bytes())
    step = tree["optimizer"]["state"]["step"]
    assert (step.dtype, step.shape, step) == (np.int32, (), 5)
    spec = target_of(folder)["encoder"]["layers_1"]["mlp"]["wo"]["kernel"]
    place = "target.encoder.layers_1.mlp.wo.kernel"
    # T5X deletes `chunks` and `compressor`, and puts the checkpoint's folder before `path`.
    assert spec == {
        "driver": "zarr",
        "dtype": "float32",
        "kvstore": {"driver": "file", "path": f"{place}/"},
        "metadata": {
            "shape": [34, 22],
            "chunks": [34, 22],
            "compressor": {"id": "gzip", "level": 1},
        },
    }
    # Read without TensorStore: one gzip stream of little-endian numbers, row by row.
    data = gzip.decompress((folder / place / "0.0").read_bytes())
    kernel = flatten_names(params)["encoder/layers/mlp/wo/kernel"][1]
    np.testing.assert_array_equal(np.frombuffer(data, "<f4").reshape(34, 22), kernel)


def test_large_arrays_are_chunked(tmp_path, monkeypatch):
    monkeypatch.setattr(t5x_write, "_CHUNK_BYTES", 1000)
    config = trees.t5()
    params = sharp_params(config)
    folder = write_checkpoint(tmp_path, config, unstack(params))
    spec = target_of(folder)["token_embedder"]["embedding"]
    assert spec["metadata"]["chunks"] == [1000 // (22 * 4), 22]
    assert_same_params(stack(open_checkpoint(tmp_path).arrays), params)


def test_bfloat16_stays_bfloat16(tmp_path):
    config = trees.umt5()
    narrow = {
        key: LazyArray.of(array.read().astype(ml_dtypes.bfloat16))
        for key, array in unstack(sharp_params(config)).items()
    }
    write_checkpoint(tmp_path, config, narrow)
    arrays = open_checkpoint(tmp_path).arrays
    for key, array in narrow.items():
        assert arrays[key].dtype == ml_dtypes.bfloat16
        np.testing.assert_array_equal(arrays[key].read(), array.read(), err_msg=str(key))


def test_one_array_at_a_time(tmp_path):
    given = []

    def watched(array):
        def read():
            assert all(each() is None for each in given), "an array was kept once written"
            value = array.read().copy()
            given.append(weakref.ref(value))
            return value

        return LazyArray(array.shape, array.dtype, read)

    config = trees.t5(num_encoder_layers=1, num_decoder_layers=1)
    arrays = {key: watched(array) for key, array in unstack(sharp_params(config)).items()}
    write_checkpoint(tmp_path, config, arrays)


@pytest.mark.parametrize(
    ("positions", "flags"),
    [
        (
            None,
            ["  positions is None, T5X's is RelativeBias()"],
        ),
        (
            RelativeBias(num_buckets=8, max_distance=10),
            [
                "  positions.num_buckets is 8, T5X's is 32",
                "  positions.max_distance is 10, T5X's is 128",
            ],
        ),
    ],
    ids=["none", "relative"],
)
def test_models_that_t5x_has_not(tmp_path, positions, flags):
    config = decoder_only(
        norm="layer",
        positions=positions,
        num_kv_heads=1,
        mlp_activations=("gelu_exact", "linear"),
        tied_embeddings=True,
    )
    with pytest.raises(ValueError) as error:
        write_checkpoint(tmp_path, config, unstack(sharp_params(config)))
    assert str(error.value).splitlines() == [
        "T5X's networks cannot be this model:",
        "  norm is 'layer', T5X's is 'rms'",
        "  num_kv_heads is 1, T5X's is num_heads",
        "  tied_embeddings is True and scale_logits False, T5X divides logits exactly where they "
        "are tied",
        "  mlp_activations has 'gelu_exact', T5X has relu, gelu, silu, linear",
        *flags,
    ]
    assert not list(tmp_path.iterdir())


def test_a_language_model_with_a_table_a_layer(tmp_path):
    config = trees.language_model(positions=RelativeBias(per_layer=True))
    with pytest.raises(ValueError, match="T5X's decoder_only has one table"):
        write_checkpoint(tmp_path, config, unstack(sharp_params(config)))


def test_nothing_is_left_half(tmp_path):
    config = trees.t5()
    arrays = unstack(sharp_params(config))
    key = ("decoder/layers/mlp/wo/kernel", 2)

    def broken():
        raise ValueError("the source is damaged")

    cut = dict(arrays) | {key: LazyArray(arrays[key].shape, arrays[key].dtype, broken)}
    with pytest.raises(ValueError, match=r"^the source is damaged"):
        write_checkpoint(tmp_path, config, cut, step=3)
    assert not list(tmp_path.iterdir())
    write_checkpoint(tmp_path, config, arrays, step=3)
    with pytest.raises(ValueError, match=r"checkpoint_3 is there already and not empty"):
        write_checkpoint(tmp_path, config, arrays, step=3)
    write_checkpoint(tmp_path, config, arrays, step=4)
    assert open_checkpoint(tmp_path).step == 4


def test_a_disk_that_takes_no_more(tmp_path):
    config = trees.t5()
    arrays = unstack(sharp_params(config))
    # A file in the way of an array's folder stands for whatever TensorStore cannot do.
    place = "target.decoder.layers_2.mlp.wo.kernel"

    def block():
        (work,) = tmp_path.iterdir()
        (work / "checkpoint_0" / place).write_text("")
        return arrays[key].read()

    key = ("decoder/layers/mlp/wo/kernel", 1)
    arrays = dict(arrays)
    blocked = arrays | {key: LazyArray(arrays[key].shape, arrays[key].dtype, block)}
    with pytest.raises(ValueError, match=rf"{place} cannot be written: "):
        write_checkpoint(tmp_path, config, blocked)
    assert not list(tmp_path.iterdir())

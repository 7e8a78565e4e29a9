import numpy as np
import pytest

from t5lite.convert.names import Row, Tensors, to_ours, to_theirs
from t5lite.models.parameters import flatten_names, param_shapes
from tests.models.tiny import encoder_decoder

CONFIG = encoder_decoder(mlp_activations=("relu",), tied_embeddings=True)
SHAPES = {name: struct.shape for name, struct in flatten_names(param_shapes(CONFIG)).items()}


def make_table():
    """Every kernel transposed, every stacked parameter in one tensor a layer."""
    return [
        Row(
            name,
            f"{name.replace('/layers/', '/{layer}/')}.x",
            transpose=name.endswith("kernel"),
        )
        for name in SHAPES
    ]


def make_tensors(**changes):
    """Theirs, each number different from all others; a None in `changes` removes one."""
    rng = np.random.default_rng(0)
    arrays = {}
    for row in make_table():
        shape = SHAPES[row.ours]
        layer_shape = shape[1:] if row.stacked else shape
        for name in row.names(shape[0]):
            stored = layer_shape[::-1] if row.transpose else layer_shape
            arrays[name] = rng.normal(size=stored).astype(np.float32)
    arrays |= changes
    kept = {name: array for name, array in arrays.items() if array is not None}
    return kept, Tensors({n: lambda a=a: a for n, a in kept.items()}, source="the test")


def test_both_ways_to_the_bit():
    arrays, tensors = make_tensors()
    params = to_ours(make_table(), tensors, config=CONFIG)
    flat = flatten_names(params)
    assert {name: leaf.shape for name, leaf in flat.items()} == SHAPES
    np.testing.assert_array_equal(
        flat["decoder/layers/mlp/wo/kernel"][2], arrays["decoder/2/mlp/wo/kernel.x"].T
    )
    back = to_theirs(make_table(), params)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].flags.c_contiguous


def test_every_tensor_is_accounted_for():
    changes = {
        "decoder/2/mlp/wo/kernel.x": None,
        "decoder/3/mlp/wo/kernel.x": np.zeros((22, 34)),
        "encoder/encoder_norm/scale.x": np.zeros(7),
        "encoder/1/mlp/wo/kernel.x": np.zeros((34, 22)),
    }
    with pytest.raises(ValueError) as error:
        to_ours(make_table(), make_tensors(**changes)[1], config=CONFIG)
    assert str(error.value).splitlines() == [
        "the test does not hold this model's parameters:",
        "  missing decoder/2/mlp/wo/kernel.x (our decoder/layers/mlp/wo/kernel)",
        "  encoder/encoder_norm/scale.x is (7,), expected (22,) (our encoder/encoder_norm/scale)",
        "  encoder/1/mlp/wo/kernel.x is (34, 22), expected (22, 34) "
        "(our encoder/layers/mlp/wo/kernel)",
        "  unused decoder/3/mlp/wo/kernel.x",
    ]


def test_a_parameter_without_a_row_is_named():
    with pytest.raises(ValueError, match="no place for the parameter head/kernel"):
        to_theirs(make_table(), {"head": {"kernel": np.zeros((2, 2))}})


def test_layers_are_counted_by_name():
    _, tensors = make_tensors()
    assert tensors.count_layers("decoder/{layer}/mlp/wo/kernel.x") == 3
    assert tensors.count_layers("decoder/{layer}/mlp/wo/kernel") == 0

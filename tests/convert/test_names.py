import numpy as np
import pytest

from t5lite.convert.layouts import GPT2_QKV, TRANSPOSED
from t5lite.convert.names import (
    LazyArray,
    Row,
    Tensors,
    layer_shapes,
    stack,
    to_ours,
    to_theirs,
    unstack,
)
from t5lite.models.parameters import flatten_names, param_shapes
from tests.models.tiny import encoder_decoder

CONFIG = encoder_decoder(mlp_activations=("relu",), tied_embeddings=True)
SHAPES = {name: struct.shape for name, struct in flatten_names(param_shapes(CONFIG)).items()}
FUSED = tuple(f"encoder/layers/attention/{name}/kernel" for name in ("query", "key", "value"))


def make_table():
    """Every kernel transposed, every stacked parameter in one tensor a layer, one row fused."""
    rows = [Row(FUSED, "encoder/{layer}/qkv", GPT2_QKV)]
    return rows + [
        Row(name, f"{name.replace('/layers/', '/{layer}/')}.x", TRANSPOSED)
        if name.endswith("kernel")
        else Row(name, f"{name.replace('/layers/', '/{layer}/')}.x")
        for name in SHAPES
        if name not in FUSED
    ]


def make_tensors(**changes):
    """Theirs, each number different from all others; a None in `changes` removes one."""
    rng = np.random.default_rng(0)
    arrays = {}
    for row in make_table():
        num_layers = SHAPES[row.names[0]][0] if row.stacked else 1
        shape = SHAPES[row.names[0]][1:] if row.stacked else SHAPES[row.names[0]]
        if row.layout == GPT2_QKV:
            shape = (shape[0], 3 * shape[1])
        if row.layout == TRANSPOSED:
            shape = shape[::-1]
        for layer in range(num_layers):
            arrays[row.name_of(layer)] = rng.normal(size=shape).astype(np.float32)
    arrays |= changes
    kept = {name: array for name, array in arrays.items() if array is not None}
    tensors = {name: LazyArray.of(array) for name, array in kept.items()}
    return kept, Tensors(tensors, source="the test")


def test_both_ways_to_the_bit():
    arrays, tensors = make_tensors()
    ours = to_ours(make_table(), tensors, config=CONFIG)
    assert {key: array.read().shape for key, array in ours.items()} == layer_shapes(CONFIG)
    params = stack(ours)
    flat = flatten_names(params)
    assert {name: leaf.shape for name, leaf in flat.items()} == SHAPES
    np.testing.assert_array_equal(
        flat["decoder/layers/mlp/wo/kernel"][2], arrays["decoder/2/mlp/wo/kernel.x"].T
    )
    np.testing.assert_array_equal(flat[FUSED[1]][1], arrays["encoder/1/qkv"][:, 15:30])
    for back in (to_theirs(make_table(), a, config=CONFIG) for a in (ours, unstack(params))):
        assert back.keys() == arrays.keys()
        for name, array in arrays.items():
            assert back[name].shape == array.shape
            np.testing.assert_array_equal(back[name].read(), array)


def test_nothing_is_read_before_it_is_asked_for():
    reads = []

    def watched(name, array):
        def read():
            reads.append(name)
            return array.read()

        return LazyArray(array.shape, array.dtype, read)

    _, tensors = make_tensors()
    tensors = Tensors({n: watched(n, a) for n, a in tensors.items()}, source="the test")
    ours = to_ours(make_table(), tensors, config=CONFIG)
    back = to_theirs(make_table(), ours, config=CONFIG)
    assert not reads
    back["decoder/1/mlp/wo/kernel.x"].read()
    assert reads == ["decoder/1/mlp/wo/kernel.x"]


def test_every_tensor_is_accounted_for():
    changes = {
        "decoder/2/mlp/wo/kernel.x": None,
        "decoder/3/mlp/wo/kernel.x": np.zeros((22, 34)),
        "encoder/encoder_norm/scale.x": np.zeros(7),
        "encoder/1/mlp/wo/kernel.x": np.zeros((34, 22)),
        "encoder/0/qkv": np.zeros((22, 44)),
    }
    with pytest.raises(ValueError) as error:
        to_ours(make_table(), make_tensors(**changes)[1], config=CONFIG)
    assert str(error.value).splitlines() == [
        "the test does not hold this model's parameters:",
        f"  encoder/0/qkv is (22, 44), expected (22, 45) (our {', '.join(FUSED)})",
        "  missing decoder/2/mlp/wo/kernel.x (our decoder/layers/mlp/wo/kernel)",
        "  encoder/encoder_norm/scale.x is (7,), expected (22,) (our encoder/encoder_norm/scale)",
        "  encoder/1/mlp/wo/kernel.x is (34, 22), expected (22, 34) "
        "(our encoder/layers/mlp/wo/kernel)",
        "  unused decoder/3/mlp/wo/kernel.x",
    ]


def test_a_parameter_without_a_row_is_named():
    table = [row for row in make_table() if "encoder_norm" not in row.theirs]
    with pytest.raises(ValueError, match="no place for the parameters encoder/encoder_norm/scale"):
        to_ours(table, make_tensors()[1], config=CONFIG)


def test_layers_are_counted_by_name():
    _, tensors = make_tensors()
    assert tensors.count_layers("decoder/{layer}/mlp/wo/kernel.x") == 3
    assert tensors.count_layers("decoder/{layer}/mlp/wo/kernel") == 0

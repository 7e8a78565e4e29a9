"""Adafactor's state comes from T5X and goes there, and training goes on as there."""

import jax
import numpy as np
import optax
import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.convert.convert import convert
from t5lite.convert.names import stack, to_ours, unstack
from t5lite.convert.t5x import open_checkpoint
from t5lite.convert.t5x_arrays import packed_array
from t5lite.convert.t5x_names import as_tensors, form_of
from t5lite.convert.t5x_optimizer import read_adafactor
from t5lite.convert.t5x_tree import read_tree
from t5lite.convert.t5x_write import form_for, write_checkpoint
from t5lite.models.parameters import flatten_names, param_axes
from t5lite.training.optimizers import adafactor, adamw, make_transformation
from t5lite.training.parameter_groups import partition_parameters
from t5lite.training.state import init_state_fn
from tests.conftest import shared_path
from tests.convert import t5x_trees as trees
from tests.convert.goldens import make_t5x
from tests.convert.test_t5x import TINY, assert_same_params, golden_tree
from tests.models.tiny import sharp_params

SETTINGS = {"min_dim_size_to_factor": 4}


def transformation_of(config, optimizer=adafactor, **settings):
    return optimizer(0.01, **settings).build(param_axes(config))


def random_state(config, **settings):
    """Parameters, and an optimizer's state whose numbers are all different."""
    params = sharp_params(config)
    shapes = jax.eval_shape(transformation_of(config, **settings).init, params)
    rng = np.random.default_rng(1)
    fill = lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype)  # noqa: E731
    state = jax.tree.map(fill, shapes)
    return params, state._replace(step=np.int32(2)) if hasattr(state, "step") else state


def half(tree):
    """A part of a model that has every kind of parameter."""
    return {name: tree[name] for name in ("encoder", "token_embedder") if name in tree}


def by_t5x(arrays, config):
    """Our parameters of arrays by T5X's names."""
    stored = {name: packed_array(array, what=name) for name, array in arrays.items()}
    form = form_of(stored)
    return stack(to_ours(form.table(), as_tensors(stored, form, source="golden"), config=config))


def test_a_scanned_model_trains_on_as_in_t5x(tmp_path):
    golden = golden_tree("t5x_scanned")
    states = {
        name.removeprefix("param_states/"): array
        for name, array in golden["state"].items()
        if name.startswith("param_states/")
    }
    source = open_checkpoint(trees.write_one_file(tmp_path / "f", golden["target"], states=states))
    settings = {
        "beta1": make_t5x.BETA1,
        "min_dim_size_to_factor": make_t5x.MIN_DIM_SIZE_TO_FACTOR,
    }
    # Half of the model compiles in half the time.
    axes, params, gradient, expected = map(
        half,
        (
            param_axes(source.config),
            stack(source.arrays),
            by_t5x(golden["gradient"], source.config),
            by_t5x(golden["after"], source.config),
        ),
    )
    state = source.read_optimizer_state()
    # The file's step is the test's writer's.
    state = type(state)(golden["state"]["step"], *map(half, state[1:]))
    transformation = adafactor(make_t5x.LEARNING_RATE, **settings).build(axes)
    updates, _ = jax.jit(transformation.update)(gradient, state, params)
    after = flatten_names(optax.apply_updates(params, updates))
    for name, value in flatten_names(expected).items():
        moved = np.abs(value - flatten_names(params)[name]).max()
        np.testing.assert_allclose(after[name], value, atol=1e-4 * moved, err_msg=name)


SMALL = {"num_encoder_layers": 1, "num_decoder_layers": 2}
CONFIGS = {
    "t5": trees.t5(**SMALL),
    "t5 1.0": trees.t5(mlp_activations=("relu",), tied_embeddings=True, scale_logits=True, **SMALL),
    "umt5": trees.umt5(),
    "language model": trees.language_model(),
    # Heads and their width together are as many as d_model: rows and columns may be mistaken.
    "square": trees.t5(d_kv=6, d_model=18, d_ff=18, **SMALL),
    "square umt5": trees.umt5(d_kv=6, d_model=18, d_ff=18),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("settings", [SETTINGS | {"beta1": 0.9}, {"factored": False}])
def test_there_and_back_to_the_bit(tmp_path, name, settings):
    config = CONFIGS[name]
    params, state = random_state(config, **settings)
    # As where clipping of gradients is chained before it.
    opt_state = (optax.EmptyState(), state)
    write_checkpoint(tmp_path, config, unstack(params), step=2, opt_state=opt_state)
    source = open_checkpoint(tmp_path)
    again = source.read_optimizer_state()
    assert jax.tree.structure(again) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, again, state)
    assert_same_params(stack(source.arrays), params)


def test_states_of_the_tiny_checkpoint():
    source = open_checkpoint(shared_path(*TINY))
    state = source.read_optimizer_state()
    init = transformation_of(source.config).init(stack(source.arrays))
    # Nothing there is large enough to be factored.
    assert not state.v_row and state.step == source.step == 0
    jax.tree.map(lambda ours, theirs: np.testing.assert_array_equal(ours, theirs), init, state)


def states_of(config):
    """T5X's accumulators of parameters kept apart, none factored."""
    unused = np.zeros(1, np.float32)
    return {
        f"{name}/{slot}": np.ones_like(array) if slot == "v" else unused
        for name, array in trees.separate(sharp_params(config)).items()
        for slot in ("v_row", "v_col", "v", "m")
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"decoder/layers_2/mlp/wo/kernel/v": np.ones((22, 34), np.float32)},
            r"layers_2/mlp/wo/kernel/v is \(22, 34\), no shape that T5X gives it",
        ),
        (
            {"decoder/layers_2/mlp/wo/kernel/v_col": None},
            "missing decoder/layers_2/mlp/wo/kernel/v_col",
        ),
        (
            {"decoder/layers_2/mlp/wo/kernel/v": np.zeros(1, np.float32)},
            "our decoder/layers/mlp/wo/kernel has v in 2 of 3 layers",
        ),
        (
            {"token_embedder/embedding/v": np.zeros(1, np.float32)},
            "our token_embedder/embedding has neither v nor v_row and v_col",
        ),
        (
            {"decoder/decoder_norm/scale/v_row": np.ones(22, np.float32)},
            r"decoder_norm/scale/v_row is \(22,\), no shape that T5X gives it",
        ),
        ({"decoder/w/v": np.ones(3, np.float32)}, "unused decoder/w/v"),
    ],
)
def test_states_that_do_not_fit(tmp_path, changes, message):
    config = trees.t5()
    states = {n: a for n, a in (states_of(config) | changes).items() if a is not None}
    target = trees.separate(sharp_params(config))
    source = open_checkpoint(trees.write_one_file(tmp_path / "file", target, states=states))
    with pytest.raises(ValueError, match=r"does not hold Adafactor's state .* alone") as error:
        source.read_optimizer_state()
    assert error.match(message)


def test_another_optimizer_of_t5x(tmp_path):
    config = trees.t5()
    target = trees.separate(sharp_params(config))
    states = {f"0/mu/{name}": array for name, array in target.items()}
    source = open_checkpoint(trees.write_one_file(tmp_path / "file", target, states=states))
    with pytest.raises(ValueError, match="does not hold Adafactor's state") as error:
        source.read_optimizer_state()
    assert len(str(error.value).splitlines()) == 22
    assert_same_params(stack(source.arrays), sharp_params(config))


def test_another_optimizer_of_ours(tmp_path):
    config = trees.t5()
    params, state = random_state(config, optimizer=adamw)
    with pytest.raises(ValueError, match="another optimizer than Adafactor"):
        write_checkpoint(tmp_path, config, unstack(params), opt_state=state)
    assert not list(tmp_path.iterdir())


def test_states_of_a_model_with_frozen_parameters(tmp_path):
    config = trees.t5()
    params, state = random_state(config)
    del state.v["decoder"]["decoder_norm"]
    with pytest.raises(ValueError, match="state has nothing for decoder/decoder_norm/scale"):
        write_checkpoint(tmp_path, config, unstack(params), opt_state=state)


def test_states_that_t5x_does_not_factor(tmp_path):
    config = trees.umt5(num_heads=4)
    params, state = random_state(config, **SETTINGS)
    message = "has v_col, v_row for encoder/layers/relpos_bias/rel_embedding, T5X has m, v;"
    with pytest.raises(ValueError, match=message):
        write_checkpoint(tmp_path, config, unstack(params), opt_state=state)


def test_a_run_goes_on_from_t5x(tmp_path):
    """T5X to a model folder and back, by the verb, with what training would restore between."""
    config = trees.umt5(vocab_size=260, **SMALL)
    params, state = random_state(config, min_dim_size_to_factor=4)
    source = write_checkpoint(tmp_path / "t5x", config, unstack(params), step=2, opt_state=state)
    quiet = {"optimizer_state": True, "verified": False, "progress": False}
    folder = tmp_path / "model"
    convert(str(source), str(folder), to="t5lite", vocabulary="bytes", **quiet)
    checkpointer = Checkpointer(folder, read_only=True)
    transformation = make_transformation(
        adafactor(0.01, min_dim_size_to_factor=4), param_axes(config)
    )
    partition = partition_parameters(params)
    abstract = jax.eval_shape(init_state_fn(config, transformation, partition=partition, seed=0))
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    abstract = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), abstract
    )
    restored = checkpointer.restore_state(checkpointer.latest_step(), abstract)
    checkpointer.close()
    jax.tree.map(np.testing.assert_array_equal, restored.opt_state, state)
    assert_same_params(restored.params, params)
    convert(str(folder), str(tmp_path / "again"), to="t5x", **quiet)
    again = open_checkpoint(tmp_path / "again").read_optimizer_state()
    jax.tree.map(np.testing.assert_array_equal, again, state)


@pytest.mark.parametrize("num_layers", [2, 4])
def test_states_of_fewer_or_more_scanned_layers(tmp_path, num_layers):
    config = trees.umt5()
    other = trees.umt5(num_decoder_layers=num_layers)
    params, state = random_state(other, **SETTINGS)
    folder = write_checkpoint(tmp_path, other, unstack(params), opt_state=state)
    tree = read_tree(folder / "checkpoint")
    with pytest.raises(ValueError, match=r"query/kernel/v_row is .*, no shape that T5X gives it"):
        read_adafactor(tree, form_for(config), config)

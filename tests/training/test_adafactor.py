import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from t5lite.training.optimizers import adafactor
from tests.training.goldens import cases, load


def nested(flat):
    return unflatten_dict(flat, sep="/")


def run(optimizer, params, gradients, axes):
    """Parameters after all the updates, by name, and the last state."""
    transformation = optimizer.build(nested(axes))
    params = nested(params)
    state = transformation.init(params)
    update = jax.jit(transformation.update)
    for gradient in gradients:
        updates, state = update(nested(gradient), state, params)
        params = optax.apply_updates(params, updates)
    return flatten_dict(params, sep="/"), state


def golden_rate(step):
    return jnp.asarray(cases.LEARNING_RATES)[step]


def axes_of(shapes):
    return {name: ("embed", "mlp")[: len(shape)] for name, shape in shapes.items()}


@pytest.mark.parametrize("case", cases.ADAFACTOR_CASES)
def test_agrees_with_t5x(case):
    golden = load("adafactor")
    shapes = cases.ADAFACTOR_SHAPES
    settings = cases.ADAFACTOR_CASES[case]
    optimizer = adafactor(golden_rate, decay_norms_and_biases=True, **settings)
    params, _ = run(optimizer, *cases.adafactor_inputs(shapes), axes_of(shapes))
    for name in shapes:
        # Relative to the parameter's own size: single elements may pass close to zero.
        expected = golden[f"{case}:{name}"]
        size = np.sqrt(np.mean(expected**2))
        np.testing.assert_allclose(
            cases.sample(params[name]) / size, expected / size, rtol=0, atol=2e-6, err_msg=name
        )


@pytest.mark.parametrize("case", [case for case in cases.ADAFACTOR_CASES if case != "defaults"])
def test_every_case_of_the_goldens_tests_its_setting(case):
    golden = load("adafactor")
    moved = [
        np.max(np.abs(golden[f"{case}:{name}"] / golden[f"defaults:{name}"] - 1)) > 1e-4
        for name in cases.ADAFACTOR_SHAPES
    ]
    assert any(moved)


def test_stacked_layers_agree_with_t5x_batch_dimensions():
    golden = load("adafactor")
    inputs = cases.adafactor_inputs(cases.STACKED_SHAPES)
    params, _ = run(adafactor(golden_rate), *inputs, cases.STACKED_AXES)
    for name in cases.STACKED_SHAPES:
        expected = golden[f"stacked:{name}"]
        np.testing.assert_allclose(cases.sample(params[name]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"beta1": 0.9, "weight_decay_rate": 0.01}])
def test_a_stack_trains_as_its_layers_apart(settings):
    shapes = {"kernel": (3, 160, 144), "scale": (3, 50)}
    params, gradients = cases.adafactor_inputs(shapes)
    # Layers of unlike size: any mean taken over the stack as a whole would show.
    layer_scale = np.array([1.0, 100.0, 0.01], np.float32)
    for tree in (params, *gradients):
        for name in shapes:
            tree[name] = tree[name] * layer_scale.reshape(-1, *[1] * (len(shapes[name]) - 1))
    stacked, state = run(
        adafactor(golden_rate, **settings),
        params,
        gradients,
        {"kernel": ("layers", "embed", "mlp"), "scale": ("layers", "embed")},
    )
    assert state.v_row["kernel"].shape == (3, 144)
    assert state.v_col["kernel"].shape == (3, 160)
    for layer in range(3):
        apart, _ = run(
            adafactor(golden_rate, **settings),
            {name: x[layer] for name, x in params.items()},
            [{name: x[layer] for name, x in gradient.items()} for gradient in gradients],
            {"kernel": ("embed", "mlp"), "scale": ("embed",)},
        )
        for name in shapes:
            np.testing.assert_allclose(stacked[name][layer], apart[name], rtol=1e-6, atol=1e-9)


def test_agrees_with_optax_where_the_definitions_do():
    shapes = {"a/kernel": (160, 144), "b/scale": (50,)}
    params, gradients = cases.adafactor_inputs(shapes)
    ours, _ = run(adafactor(0.02), params, gradients, axes_of(shapes))
    theirs = optax.adafactor(0.02, min_dim_size_to_factor=128)
    state, expected = theirs.init(params), params
    for gradient in gradients:
        updates, state = theirs.update(gradient, state, expected)
        expected = optax.apply_updates(expected, updates)
    for name in shapes:
        np.testing.assert_allclose(ours[name], expected[name], rtol=1e-5, atol=1e-7)


def test_weight_decay_spares_norms_and_biases_unless_asked():
    shapes = {"mlp/kernel": (8, 4), "mlp/bias": (3, 4), "norm/scale": (8,)}
    axes = {"mlp/kernel": ("embed", "mlp"), "mlp/bias": ("layers", "mlp"), "norm/scale": ("embed",)}
    params = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    some, _ = run(adafactor(0.1, weight_decay_rate=0.25), params, [zeros], axes)
    assert {name: float(x.ravel()[0]) for name, x in some.items()} == {
        "mlp/kernel": 0.75,
        "mlp/bias": 1.0,
        "norm/scale": 1.0,
    }
    optimizer = adafactor(0.1, weight_decay_rate=0.25, decay_norms_and_biases=True)
    every, _ = run(optimizer, params, [zeros], axes)
    assert all(np.all(x == 0.75) for x in every.values())


def test_state_keeps_only_what_a_parameter_needs():
    shapes = {"big/kernel": (128, 256), "small/kernel": (127, 256), "norm/scale": (512,)}
    params = nested({name: jnp.zeros(shape) for name, shape in shapes.items()})
    state = adafactor(0.1).build(nested(axes_of(shapes))).init(params)
    flat = {f: flatten_dict(getattr(state, f), sep="/") for f in ("v_row", "v_col", "v", "m")}
    # The row moment lacks the longer dimension, as in T5X.
    assert {n: x.shape for n, x in flat["v_row"].items()} == {"big/kernel": (128,)}
    assert {n: x.shape for n, x in flat["v_col"].items()} == {"big/kernel": (256,)}
    assert flat["v"].keys() == {"small/kernel", "norm/scale"}
    assert flat["m"] == {}

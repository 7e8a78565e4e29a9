import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from t5lite.training.optimizers import adafactor, adamw, make_transformation, optax_optimizer
from t5lite.training.parameter_groups import partition_parameters
from t5lite.training.schedules import schedule

SHAPES = {
    "encoder/layers/mlp/wo/kernel": (2, 8, 4),
    "encoder/norm/scale": (4,),
    "token_embedder/embedding": (16, 4),
}
NAMED_AXES = {
    "encoder/layers/mlp/wo/kernel": ("layers", "mlp", "embed"),
    "encoder/norm/scale": ("embed",),
    "token_embedder/embedding": ("vocab", "embed"),
}
AXES = unflatten_dict(NAMED_AXES, sep="/")


def random_tree(seed):
    rng = np.random.default_rng(seed)
    flat = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    return unflatten_dict(flat, sep="/")


PARAMS = random_tree(0)
GRADIENTS = [random_tree(1), random_tree(2), random_tree(3)]


def a_transformation(optimizer, *, groups=(), max_grad_norm=None):
    multipliers = partition_parameters(PARAMS, groups).multipliers
    return make_transformation(
        optimizer, AXES, multipliers=multipliers, max_grad_norm=max_grad_norm
    )


def updates_of(optimizer, gradients=GRADIENTS, **settings):
    """The last updates by name, and the last state."""
    transformation = a_transformation(optimizer, **settings)
    state, params = transformation.init(PARAMS), PARAMS
    for gradient in gradients:
        updates, state = transformation.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return flatten_dict(updates, sep="/"), state


def same(a, b, **tolerance):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], err_msg=name, **(tolerance or {"rtol": 1e-6}))


def test_adamw_is_optax_adamw_with_a_mask():
    mask = {name: name != "encoder/norm/scale" for name in SHAPES}
    reference = optax.adamw(0.1, 0.9, 0.95, weight_decay=0.2, mask=mask)
    params = flatten_dict(PARAMS, sep="/")
    state = reference.init(params)
    for gradient in GRADIENTS:
        updates, state = reference.update(flatten_dict(gradient, sep="/"), state, params)
        params = optax.apply_updates(params, updates)
    ours, _ = updates_of(adamw(0.1, b1=0.9, b2=0.95, weight_decay=0.2))
    same(ours, updates)


def test_decay_of_norms_may_be_asked_for():
    zeros = [jax.tree.map(np.zeros_like, PARAMS)]
    norm = "encoder/norm/scale"
    flat = flatten_dict(PARAMS, sep="/")
    for build in (
        lambda **s: adamw(0.5, weight_decay=0.2, **s),
        lambda **s: optax_optimizer("lion", 0.5, weight_decay=0.2, **s),
        lambda **s: adafactor(0.5, weight_decay_rate=0.1, **s),
    ):
        assert np.all(updates_of(build(), zeros)[0][norm] == 0)
        every, _ = updates_of(build(decay_norms_and_biases=True), zeros)
        np.testing.assert_allclose(every[norm], -0.1 * flat[norm], rtol=1e-6)


def test_the_learning_rate_follows_the_schedule():
    rate = schedule("constant * linear_warmup", 1.0, warmup_steps=4)
    optimizer = optax_optimizer("sgd", rate)
    updates, _ = updates_of(optimizer)
    expected = jax.tree.map(lambda g: -float(optimizer.learning_rate_at(2)) * g, GRADIENTS[2])
    assert float(optimizer.learning_rate_at(2)) == 0.5
    same(updates, flatten_dict(expected, sep="/"))
    assert float(adamw(0.25).learning_rate_at(7)) == 0.25


@pytest.mark.parametrize("name", ["sgd", "adam", "lion", "rmsprop", "lamb", "adagrad", "sm3"])
def test_optax_optimizers_are_found_by_name(name):
    # Optax decays norms too.
    updates, _ = updates_of(optax_optimizer(name, 0.01, decay_norms_and_biases=True))
    expected_tx = getattr(optax, name)(0.01)
    state, params = expected_tx.init(PARAMS), PARAMS
    for gradient in GRADIENTS:
        expected, state = expected_tx.update(gradient, state, params)
        params = optax.apply_updates(params, expected)
    same(updates, flatten_dict(expected, sep="/"), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("adamm", {}, r"does not exist\. Did you mean 'adam'"),
        ("scale_by_adam", {}, "is not an optimizer"),
        ("softmax_cross_entropy", {}, "is not an optimizer"),
        ("lbfgs", {}, "cannot be used"),
        ("adam", {"beta1": 0.9}, r"no argument 'beta1'\. Did you mean 'b1'"),
    ],
)
def test_what_is_no_optimizer_is_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        optax_optimizer(name, 0.1, **settings)


@pytest.mark.parametrize("optimizer", [adamw(0.1), adafactor(0.1, beta1=0.9)])
def test_groups_multiply_and_the_first_match_wins(optimizer):
    plain, _ = updates_of(optimizer, GRADIENTS[:1])
    groups = [("norm", 0.5), ("^encoder/", 3.0), ("kernel$", 7.0)]
    grouped, _ = updates_of(optimizer, GRADIENTS[:1], groups=groups)
    multiplier = {
        "encoder/layers/mlp/wo/kernel": 3.0,
        "encoder/norm/scale": 0.5,
        "token_embedder/embedding": 1.0,
    }
    same(grouped, {name: plain[name] * m for name, m in multiplier.items()})


def test_clipping_is_by_the_global_norm():
    plain, _ = updates_of(optax_optimizer("sgd", 1.0), GRADIENTS[:1])
    norm = np.sqrt(sum(np.sum(np.square(plain[name])) for name in SHAPES))
    for limit, factor in ((norm / 4, 0.25), (norm * 4, 1.0)):
        clipped, _ = updates_of(
            optax_optimizer("sgd", 1.0), GRADIENTS[:1], max_grad_norm=float(limit)
        )
        for name in SHAPES:
            np.testing.assert_allclose(clipped[name], plain[name] * factor, rtol=1e-5)
    with pytest.raises(ValueError, match=r"max_grad_norm must be .* above 0"):
        updates_of(adamw(0.1), max_grad_norm=0.0)


def test_updates_run_under_jit_and_keep_types():
    transformation = a_transformation(adafactor(schedule("constant", 0.1)), groups=[("norm", 0.5)])
    params = jax.tree.map(jnp.asarray, PARAMS)
    state = transformation.init(params)
    updates, new_state = jax.jit(transformation.update)(GRADIENTS[0], state, params)
    assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, params)
    assert {x.dtype for x in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
    assert jax.tree.structure(new_state) == jax.tree.structure(state)

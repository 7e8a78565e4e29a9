import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_shapes
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import adafactor, adamw, optax_optimizer
from t5lite.training.parameter_groups import merge, partition_parameters
from tests.training.programs import program_of, step_of

MODEL = TransformerConfig(
    vocab_size=16,
    d_model=8,
    d_ff=16,
    d_kv=4,
    num_heads=2,
    num_encoder_layers=1,
    num_decoder_layers=1,
    dropout_rate=0.0,
)
SHAPES = param_shapes(MODEL)
ALL_BUT_NORMS = [("norm/", 1.0), ("", 0.0)]
BATCH = {
    name: jnp.ones((2, 4), kind)
    for name, kind in (
        ("encoder_input_tokens", jnp.int32),
        ("decoder_input_tokens", jnp.int32),
        ("decoder_target_tokens", jnp.int32),
        ("decoder_loss_weights", jnp.float32),
    )
}


def stepped(optimizer, *, num_microbatches=1, **settings):
    """States before and after one step, and its metrics."""
    program = program_of(MODEL, CrossEntropy(), optimizer, **settings)
    init = jax.jit(program.init_fn)
    after, metrics, _ = step_of(program, num_microbatches=num_microbatches)(init(), BATCH, {})
    return init(), after, metrics


@pytest.mark.parametrize("optimizer", [adamw(0.1, weight_decay=0.1), adafactor(0.1, beta1=0.9)])
def test_frozen_parameters_stay_and_have_no_state(optimizer):
    before, after, _ = stepped(optimizer, groups=ALL_BUT_NORMS, frozen_dtype="bfloat16")
    late = flatten_names(after.params)
    for name, leaf in flatten_names(before.params).items():
        is_norm = "norm/" in name
        assert leaf.dtype == late[name].dtype == (jnp.float32 if is_norm else jnp.bfloat16), name
        assert np.array_equal(leaf, late[name]) != is_norm, name
    held = {
        jax.tree_util.keystr(p) for p, _ in jax.tree_util.tree_leaves_with_path(after.opt_state)
    }
    assert any("norm" in path for path in held)
    assert not any("kernel" in path or "embed" in path for path in held)


def test_the_norm_that_is_logged_is_the_norm_that_is_clipped():
    _, _, plain = stepped(optax_optimizer("sgd", 1.0))
    for parts in (1, 2):
        before, after, metrics = stepped(
            optax_optimizer("sgd", 1.0),
            groups=ALL_BUT_NORMS,
            max_grad_norm=0.01,
            num_microbatches=parts,
        )
        moved = jax.tree.map(np.subtract, after.params, before.params)
        assert 0.01 < float(metrics["grad_norm"]) < float(plain["grad_norm"])
        norm = np.sqrt(sum(np.sum(np.square(x)) for x in jax.tree.leaves(moved)))
        np.testing.assert_allclose(norm, 0.01, rtol=1e-3)  # moved is a small difference of ones


def test_two_parts_make_the_whole():
    partition = partition_parameters(SHAPES, [("^encoder/", 0)])
    trainable, frozen = partition.split(SHAPES)
    assert list(frozen) == ["encoder"] and "encoder" not in trainable
    assert merge(trainable, frozen) == SHAPES


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([("encodr/norm", 1.0)], "matches no parameter.*encoder/"),
        ([("(", 1.0)], "no regular expression"),
        ([("norm", -1.0)], "multiplier -1.0"),
        ([("", 0.0)], "nothing is left to train"),
    ],
)
def test_groups_without_meaning_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        partition_parameters(SHAPES, groups)

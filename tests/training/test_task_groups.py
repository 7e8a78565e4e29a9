"""Joint training: each group's gradient is that of its own Tasks' mean loss, in packed rows too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.models.parameters import bind, flatten_names
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import optax_optimizer
from t5lite.training.task_groups import FEATURE, task_groups
from tests.models.tiny import decoder_only, random_tokens, sharp_params, shift_right
from tests.training.programs import program_of, state_of, step_of

MODEL = decoder_only(num_decoder_layers=1, d_model=8, d_ff=10, d_kv=4)
TASKS = ["captions", "instructions", "others"]
GROUPS = (("/mlp/", "^caption"), ("attention", "instr|others"))
# Row 0 is packed.
TASK_IDS = np.array([[0, 0, 0, 1, 1], [2, 2, 2, 2, 2]])


def make_batch():
    targets = random_tokens(np.random.default_rng(0), 2, 5)
    return {
        "decoder_input_tokens": shift_right(targets),
        "decoder_target_tokens": targets,
        "decoder_loss_weights": np.array([[1, 1, 1, 0, 1], [1, 1, 1, 1, 0]], np.float32),
        "decoder_segment_ids": np.array([[1, 1, 1, 2, 2], [1] * 5]),
        "decoder_positions": np.array([[0, 1, 2, 0, 1], list(range(5))]),
    }


@jax.jit
def gradients(params, batch):
    def loss(params):
        sums = CrossEntropy().sums(bind(MODEL, params), batch)
        return sums.loss / sums.weight

    return jax.value_and_grad(loss)(params)


@pytest.mark.parametrize("num_microbatches", [1, 2])
def test_a_group_learns_from_its_own_tasks(num_microbatches):
    # The table of positions is frozen, and all else that no group names learns from all.
    sgd = optax_optimizer("sgd", 1.0)
    program = program_of(MODEL, CrossEntropy(), sgd, groups=[("relpos_bias", 0.0)])
    by_task = task_groups(GROUPS, tuple(program.partition.multipliers))
    bits_T = by_task.bits(TASKS)
    assert bits_T.tolist() == [1, 2, 2]
    step = step_of(program, num_microbatches=num_microbatches, by_task=by_task)
    params = jax.tree.map(jnp.asarray, sharp_params(MODEL))
    batch = make_batch()
    before = {name: np.asarray(leaf) for name, leaf in flatten_names(params).items()}
    expected = {}
    loss, grads = gradients(params, batch)
    expected["all"] = flatten_names(grads)
    for group, tasks in (("0", [0]), ("1", [1, 2])):
        weights = batch["decoder_loss_weights"] * np.isin(TASK_IDS, tasks)
        grads = gradients(params, {**batch, "decoder_loss_weights": weights})[1]
        expected[group] = flatten_names(grads)
    after, metrics, _ = step(state_of(program, params), {**batch, FEATURE: bits_T[TASK_IDS]}, {})
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-6)
    assert set(by_task.parameters) == {"0", "1", "all"}
    for name, leaf in flatten_names(after.params).items():
        group = next((g for g, names in by_task.parameters.items() if name in names), None)
        change = 0 if group is None else expected[group][name]
        np.testing.assert_allclose(before[name] - leaf, change, atol=2e-6, err_msg=name)
        if group in ("0", "1"):
            assert np.abs(expected[group][name] - expected["all"][name]).max() > 1e-3


NAMES = ("decoder/layers/mlp/wo/kernel", "decoder/layers/self_attention/query/kernel")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([("mpl", "captions")], "'mpl' matches no parameter"),
        ([("mlp", "(")], "no regular expression"),
        ([("decoder", "captions"), ("mlp", "others")], "only parameters that an expression before"),
        ([("mlp", "caption"), ("attention", "story")], "'story' matches no Task"),
        ([("mlp", "caption"), ("attention", "instr")], "1 Tasks train no parameter: others"),
    ],
)
def test_groups_that_cannot_be(groups, message):
    with pytest.raises(ValueError, match=f"train.task_groups.*{message}"):
        task_groups(groups, NAMES).bits(TASKS)

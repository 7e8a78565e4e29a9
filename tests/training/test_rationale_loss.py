"""Labels and rationales: two means in one loss, whatever the rows, the parts and the names."""

import numpy as np
import pytest

from t5lite import sharding
from t5lite.data.batches import TrainBatch
from t5lite.models.parameters import flatten_names
from t5lite.training.feed import feed
from t5lite.training.objective import TASKS_FEATURE
from t5lite.training.optimizers import optax_optimizer
from t5lite.training.rationale_loss import AddedRationaleLoss, InterpolatedRationaleLoss
from t5lite.training.task_groups import FEATURE, task_features, task_groups
from tests.models.tiny import decoder_only, random_tokens, sharp_params, shift_right
from tests.training.programs import one_device, program_of, state_of, step_of

MODEL = decoder_only(num_decoder_layers=1, d_model=8, d_ff=10, d_kv=4)
LABEL, RATIONALE = 1, 2


def make_batch():
    """Four rows; the first two are packed, and labels are few in some halves of the batch."""
    targets = random_tokens(np.random.default_rng(0), 4, 6)
    weights = np.ones((4, 6), np.float32)
    weights[1, 3:] = weights[3, 2] = 0
    return {
        "decoder_input_tokens": shift_right(targets),
        "decoder_target_tokens": targets,
        "decoder_loss_weights": weights,
        "decoder_segment_ids": np.array([[1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 2, 2], *[[1] * 6] * 2]),
        "decoder_positions": np.array(
            [[0, 1, 2, 0, 1, 2], [0, 1, 0, 1, 2, 3], *[list(range(6))] * 2]
        ),
        TASKS_FEATURE: np.array([[1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 2, 2], [2] * 6, [2] * 6]),
    }


def run_step(objective, batch, *, num_microbatches=1, by_position=False):
    """The parameters' change by one step of gradient descent, metrics, losses of positions."""
    program = program_of(MODEL, objective, optax_optimizer("sgd", 1.0))
    step = step_of(program, num_microbatches=num_microbatches, by_position=by_position)
    params = sharp_params(MODEL)
    before = flatten_names(params)
    rows = sharding.put_rows(batch, program.mesh)
    state, metrics, losses = step(state_of(program, params), rows, {})
    after = flatten_names(state.params)
    return {n: before[n] - after[n] for n in before}, metrics, losses


@pytest.fixture(scope="module")
def whole():
    return run_step(InterpolatedRationaleLoss(alpha=0.3), make_batch(), by_position=True)


def test_each_mean_is_over_its_own_tokens(whole):
    _, metrics, losses = whole
    batch = make_batch()
    bits = batch[TASKS_FEATURE]
    losses_BT = np.asarray(losses.total)
    means = [
        losses_BT[bits == kind].sum() / batch["decoder_loss_weights"][bits == kind].sum()
        for kind in (LABEL, RATIONALE)
    ]
    np.testing.assert_allclose(metrics["label_loss"], means[0], rtol=1e-5)
    np.testing.assert_allclose(metrics["rationale_loss"], means[1], rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], 0.3 * means[0] + 0.7 * means[1], rtol=1e-5)
    np.testing.assert_array_equal(losses.weight, batch["decoder_loss_weights"])
    assert abs(means[0] - means[1]) > 0.1, "the two can be told apart"
    np.testing.assert_allclose(
        metrics["cross_entropy"], losses_BT.sum() / losses.weight.sum(), rtol=1e-5
    )


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_of_a_batch_add_up(whole, parts):
    """Two of four parts hold no label at all."""
    change, metrics, _ = whole
    found, in_parts, _ = run_step(
        InterpolatedRationaleLoss(alpha=0.3), make_batch(), num_microbatches=parts
    )
    for name in ("loss", "label_loss", "rationale_loss", "cross_entropy", "target_tokens"):
        np.testing.assert_allclose(in_parts[name], metrics[name], rtol=1e-5, err_msg=name)
    for name, expected in change.items():
        np.testing.assert_allclose(found[name], expected, atol=2e-6, err_msg=name)


def test_the_papers_loss_is_twice_the_codes():
    code, ours, _ = run_step(InterpolatedRationaleLoss(), make_batch())
    paper, theirs, _ = run_step(AddedRationaleLoss(), make_batch())
    np.testing.assert_allclose(theirs["loss"], 2 * ours["loss"], rtol=1e-6)
    for name, expected in code.items():
        np.testing.assert_allclose(paper[name], 2 * expected, atol=2e-6, err_msg=name)


def test_a_batch_of_one_kind_has_only_its_loss():
    batch = make_batch()
    batch[TASKS_FEATURE] = np.full_like(batch[TASKS_FEATURE], RATIONALE)
    _, metrics, _ = run_step(AddedRationaleLoss(rationale_weight=0.5), batch)
    assert metrics["label_loss"] == 0
    np.testing.assert_allclose(metrics["loss"], 0.5 * metrics["cross_entropy"], rtol=1e-6)


NAMES = ["set_label", "set_rationale", "other_rationale"]


def test_bits_say_which_task_is_which():
    groups = task_groups((), ("kernel",))
    features = task_features(groups, InterpolatedRationaleLoss(), NAMES)
    assert {name: bits.tolist() for name, bits in features.items()} == {TASKS_FEATURE: [1, 2, 2]}


@pytest.mark.parametrize(
    ("settings", "names", "message"),
    [
        ({}, NAMES[:1], r"InterpolatedRationaleLoss.rationale_tasks: '_rationale\$' matches no"),
        ({}, [*NAMES, "set_direct"], "exactly one, and set_direct matches none"),
        ({"label_tasks": "set"}, NAMES, "exactly one, and set_rationale matches .*label_tasks and"),
        ({"label_tasks": "("}, NAMES, r"label_tasks: '\(' is no regular expression"),
    ],
)
def test_tasks_that_are_not_told_apart(settings, names, message):
    with pytest.raises(ValueError, match=message):
        task_features(task_groups((), ("w",)), InterpolatedRationaleLoss(**settings), names)


@pytest.mark.parametrize("alpha", [0, 1, 1.5])
def test_alphas_that_leave_a_part_out(alpha):
    with pytest.raises(ValueError, match=r"InterpolatedRationaleLoss.alpha"):
        InterpolatedRationaleLoss(alpha=alpha)


def test_normalizations_without_a_mean():
    with pytest.raises(ValueError, match="means of their own"):
        AddedRationaleLoss(loss_normalization=None)


def test_batches_say_of_each_token_whose_it_is():
    """Of the Tasks that an objective tells apart, and of those that parameters learn from."""
    mesh = one_device()
    groups = task_groups((("kernel", "^other"),), ("kernel", "bias"))
    features = task_features(groups, InterpolatedRationaleLoss(), NAMES)
    batches = [
        TrainBatch(
            features={"decoder_target_tokens": np.zeros((1, 3), np.int32)},
            task_ids=np.array([ids], np.int32),
            stats=None,
            state={},
        )
        for ids in ([0, 1, 2], [2, 2, 0])
    ]
    fed = [dict(placed) for placed, _ in feed(batches, mesh, task_bits=features)]
    assert [x[TASKS_FEATURE].tolist() for x in fed] == [[[1, 2, 2]], [[2, 2, 1]]]
    assert [x[FEATURE].tolist() for x in fed] == [[[0, 0, 1]], [[1, 1, 0]]]

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.models.parameters import bind
from t5lite.training.chunked_cross_entropy import num_chunks_for
from t5lite.training.cross_entropy import CrossEntropy, cross_entropy
from tests.models import tiny
from tests.training.goldens import cases, load


def a_model(logits):
    """A model whose logits are given: `batch["rows"]` says which rows a batch consists of."""
    return types.SimpleNamespace(
        config=types.SimpleNamespace(vocab_size=logits.shape[-1]),
        logits=lambda batch, *, dropout_key: logits[batch["rows"]],
    )


def a_batch(*, packed=True):
    batch = cases.loss_inputs()
    logits = batch.pop("logits")
    if not packed:
        del batch["decoder_segment_ids"], batch["decoder_positions"]
    return logits, batch | {"rows": np.arange(len(logits))}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("how", cases.NORMALIZATIONS)
@pytest.mark.parametrize(("z_loss", "smoothing"), cases.LOSS_CASES)
def test_agrees_with_t5x(packed, how, z_loss, smoothing):
    golden = load("losses")
    logits, batch = a_batch(packed=packed)
    objective = CrossEntropy(z_loss=z_loss, label_smoothing=smoothing, loss_normalization=how)

    def loss_fn(logits):
        sums = objective.sums(a_model(logits), batch, dropout_key=None)
        return sums.values()["loss"], sums

    (loss, sums), gradient = jax.value_and_grad(loss_fn, has_aux=True)(jnp.asarray(logits))
    ours = [loss, sums.values()["z_loss"], sums.metrics["target_tokens"]]
    key = f"{packed}:{how}:{z_loss}:{smoothing}"
    np.testing.assert_allclose(ours, golden[f"{key}:sums"], rtol=2e-6)
    np.testing.assert_allclose(gradient[..., ::7], golden[f"{key}:gradient"], rtol=1e-5, atol=2e-7)


def plain_loss(logits, targets, weights, z_loss, smoothing, xp):
    """The definition written down naively, for numpy in float64 and for automatic derivatives."""
    vocab_size = logits.shape[-1]
    off = smoothing / (vocab_size - 1)
    one_hot = xp.eye(vocab_size)[targets]
    q = one_hot * (1 - smoothing - off) + off
    log_z = xp.log(xp.sum(xp.exp(logits), axis=-1))
    loss = -xp.sum(q * (logits - log_z[..., None]), axis=-1)
    entropy = -(1 - smoothing) * np.log(1 - smoothing) - smoothing * np.log(off + 1e-20)
    return xp.sum((loss - entropy + z_loss * log_z**2) * weights)


@pytest.mark.parametrize(("z_loss", "smoothing"), [(0.0, 0.0), (1e-2, 0.0), (1e-2, 0.2)])
def test_value_and_gradient_agree_with_the_definition(z_loss, smoothing):
    logits, batch = a_batch()
    targets, weights = batch["decoder_target_tokens"], batch["decoder_loss_weights"]

    def ours(logits):
        settings = {"z_loss": z_loss, "label_smoothing": smoothing}
        return cross_entropy(logits, targets, weights, **settings).loss

    exact = plain_loss(logits.astype(np.float64), targets, weights, z_loss, smoothing, np)
    np.testing.assert_allclose(ours(jnp.asarray(logits)), exact, rtol=1e-6)
    automatic = jax.grad(plain_loss)(jnp.asarray(logits), targets, weights, z_loss, smoothing, jnp)
    np.testing.assert_allclose(jax.grad(ours)(logits), automatic, rtol=1e-4, atol=1e-6)


def test_the_reported_z_loss_can_be_differentiated_too():
    logits = jnp.asarray([[[1.0, 2.0, -0.5]]])

    def z_part(logits):
        ones = jnp.ones((1, 1))
        targets = jnp.zeros((1, 1), jnp.int32)
        sums = cross_entropy(logits, targets, ones, z_loss=0.5, label_smoothing=0.1)
        return sums.metrics["z_loss"].total

    expected = jax.grad(lambda x: 0.5 * jax.nn.logsumexp(x) ** 2)(logits)
    np.testing.assert_allclose(jax.grad(z_part)(logits), expected, rtol=1e-6)


def test_large_logits_lose_no_precision():
    logits = np.array([[[3e4, 3e4 - 2.0, -3e4]]], np.float32)
    targets, weights = np.array([[1]]), np.ones((1, 1), np.float32)

    def loss(logits):
        return cross_entropy(logits, targets, weights, z_loss=0.0, label_smoothing=0.0).loss

    e2 = np.exp(-2.0)
    np.testing.assert_allclose(loss(logits), 2 + np.log1p(e2), rtol=1e-6)
    expected = np.array([[[1 / (1 + e2), -1 / (1 + e2), 0.0]]])
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(logits)), expected, rtol=1e-6)


def test_bfloat16_logits_are_summed_in_float32_and_keep_their_type_in_the_gradient():
    logits, batch = a_batch()
    half = jnp.asarray(logits, jnp.bfloat16)
    targets, weights = batch["decoder_target_tokens"], batch["decoder_loss_weights"]

    def loss(x):
        return cross_entropy(x, targets, weights, z_loss=1e-4, label_smoothing=0.0).loss

    assert loss(half).dtype == jnp.float32
    np.testing.assert_allclose(loss(half), loss(half.astype(jnp.float32)), rtol=1e-6)
    assert jax.grad(loss)(half).dtype == jnp.bfloat16


def test_the_backward_pass_keeps_the_logits_and_nothing_else_of_their_size():
    logits, batch = a_batch()

    def loss(x):
        weights = batch["decoder_loss_weights"]
        targets = batch["decoder_target_tokens"]
        return cross_entropy(x, targets, weights, z_loss=1e-4, label_smoothing=0.1).loss

    _, backward = jax.vjp(loss, jnp.asarray(logits, jnp.bfloat16))
    kept = [x for x in jax.tree.leaves(backward) if x.shape == logits.shape]
    assert [x.dtype for x in kept] == [jnp.bfloat16]


@pytest.mark.parametrize("how", cases.NORMALIZATIONS)
def test_sums_of_microbatches_make_the_whole_batch(how):
    logits, batch = a_batch()
    objective = CrossEntropy(z_loss=1e-3, loss_normalization=how)
    model = a_model(logits)
    whole = objective.sums(model, batch, dropout_key=None)
    first, *others = (
        objective.sums(model, {name: x[row : row + 1] for name, x in batch.items()})
        for row in range(3)
    )
    parts = sum(others, first)
    compare = functools.partial(np.testing.assert_allclose, rtol=1e-6)
    jax.tree.map(compare, parts, whole.scalars())
    np.testing.assert_allclose(parts.normalizer(), whole.normalizer(), rtol=1e-6)
    for name, value in whole.values().items():
        np.testing.assert_allclose(parts.values()[name], value, rtol=1e-6, err_msg=name)


def test_average_per_sequence_weighs_every_packed_sequence_alike():
    _, batch = a_batch()
    weights = np.asarray(CrossEntropy(loss_normalization="average_per_sequence").weights(batch))
    segments = batch["decoder_segment_ids"]
    for row in range(3):
        for segment in set(segments[row]) - {0}:
            np.testing.assert_allclose(weights[row][segments[row] == segment].sum(), 1, rtol=1e-6)
        assert np.all(weights[row][segments[row] == 0] == 0)


def test_accuracy_counts_weights():
    logits = np.eye(4, dtype=np.float32)[[[0, 1, 2, 3]]]
    targets, weights = np.array([[0, 1, 0, 3]]), np.array([[1.0, 0.5, 1.0, 0.0]])
    sums = cross_entropy(logits, targets, weights, z_loss=0.0, label_smoothing=0.0)
    assert [float(x) for x in (*sums.metrics["accuracy"], sums.weight)] == [1.5, 2.5, 2.5]


def test_accuracy_takes_the_first_of_equal_logits():
    rng = np.random.default_rng(0)
    logits = rng.integers(0, 3, (5, 7, 11)).astype(np.float32)  # nearly all have ties
    targets, weights = rng.integers(0, 3, (5, 7)), np.ones((5, 7), np.float32)
    sums = cross_entropy(logits, targets, weights, z_loss=0.0, label_smoothing=0.0)
    right = np.argmax(logits, axis=-1) == targets
    assert 0 < right.sum() < right.size
    assert float(sums.metrics["accuracy"][0]) == right.sum()


def test_a_batch_without_weight_has_loss_zero():
    logits, batch = a_batch()
    batch["decoder_loss_weights"] = np.zeros_like(batch["decoder_loss_weights"])
    for how in ("num_real_target_tokens", "average_per_sequence"):
        objective = CrossEntropy(loss_normalization=how)
        sums = objective.sums(a_model(logits), batch, dropout_key=None)
        assert float(sums.values()["loss"]) == 0.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_normalization": "average_per_seqence"}, "'average_per_sequence'"),
        ({"loss_normalization": 0}, "above 0"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"z_loss": -1.0}, "z_loss"),
    ],
)
def test_refuses_settings_without_meaning(settings, message):
    with pytest.raises(ValueError, match=message):
        CrossEntropy(**settings)


@pytest.mark.parametrize(
    ("changes", "num_chunks", "normalization"),
    [
        ({"tied_embeddings": True, "scale_logits": True}, 4, "average_per_sequence"),
        ({}, 3, "num_total_target_tokens"),
    ],
)
def test_chunks_give_the_loss_and_the_gradients_of_the_whole(changes, num_chunks, normalization):
    """Positions that are no multiple of the chunks, some of which weigh nothing."""
    config = tiny.encoder_decoder(**changes)
    rng = np.random.default_rng(0)
    batch = {
        "encoder_input_tokens": tiny.random_tokens(rng, 3, 7),
        "decoder_input_tokens": tiny.random_tokens(rng, 3, 11),
        "decoder_target_tokens": tiny.random_tokens(rng, 3, 11),
        "decoder_loss_weights": (rng.random((3, 11)) > 0.3).astype(np.float32),
    }
    whole, chunked = (
        CrossEntropy(
            z_loss=1e-2,
            label_smoothing=0.1,
            loss_normalization=normalization,
            num_logits_chunks=chunks,
        )
        for chunks in (1, num_chunks)
    )

    def loss(params, objective):
        sums = objective.sums(bind(config, params), batch, dropout_key=None)
        return sums.values()["loss"], sums.values() | sums.by_position._asdict()

    run = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)
    params = tiny.sharp_params(config)
    ((_, values), grads), ((_, expected), expected_grads) = (
        run(params, objective) for objective in (chunked, whole)
    )
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=2e-6, err_msg=name)
    np.testing.assert_allclose(
        expected["total"].sum() / expected["weight"].sum(), expected["cross_entropy"], rtol=2e-6
    )
    for ours, theirs in zip(jax.tree.leaves(grads), jax.tree.leaves(expected_grads), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=1e-4)


def test_large_logits_are_cut_into_chunks_by_themselves():
    assert num_chunks_for((8, 64), 32128) == 1
    # 32 rows of 512 mT5 tokens: 15.3 GiB of logits.
    assert num_chunks_for((32, 512), 250112) == 64, "of 8 positions; with 9, 275 MiB"
    assert num_chunks_for((4096, 2), 250112) == 2

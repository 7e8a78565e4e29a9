"""Distilling Step-by-Step beside torch: the loss and gradient of two passes over the same inputs.

The reference runs Hugging Face's T5 over a batch of `predict: ` inputs and over one of `explain: `
inputs, and adds alpha times one loss to 1 - alpha times the other. Here both are the rows of one
packed batch.
"""

import dataclasses

import jax
import numpy as np
import pytest

from t5lite import sharding
from t5lite.convert import load_external
from t5lite.models.parameters import flatten_names
from t5lite.training.objective import TASKS_FEATURE
from t5lite.training.optimizers import optax_optimizer
from t5lite.training.rationale_loss import InterpolatedRationaleLoss
from tests.feature_converters import converter
from tests.training.programs import program_of, state_of

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

ALPHA = 0.3
FIELDS = {
    **{"vocab_size": 61, "d_model": 26, "d_ff": 34, "d_kv": 6, "num_heads": 5},
    **{"num_layers": 2, "num_decoder_layers": 3, "dropout_rate": 0.0, "pad_token_id": 0},
    **{
        "decoder_start_token_id": 0,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    },
}
# Examples a batch of theirs has, in each of its passes.
EXAMPLES = 5
NUM_ROWS = 4
LENGTHS = {"inputs": 32, "targets": 40}


def passes():
    """Inputs and targets of the labels, and of the rationales; both end in 1."""
    rng = np.random.default_rng(3)

    def texts(least, most):
        found = [rng.integers(2, 61, rng.integers(least, most)) for _ in range(EXAMPLES)]
        return [np.append(text, 1).astype(np.int32) for text in found]

    inputs = texts(3, 9)
    prefixed = [[np.append(first, text).astype(np.int32) for text in inputs] for first in (7, 8)]
    return [(prefixed[0], texts(1, 4)), (prefixed[1], texts(4, 12))]


def their_step(model):
    """Their loss, as `TaskPrefixTrainer` has it, and the gradients in the model's place."""
    losses = []
    for inputs, targets in passes():
        padded = [
            torch.nn.utils.rnn.pad_sequence(
                [torch.tensor(text).long() for text in texts], batch_first=True, padding_value=fill
            )
            for texts, fill in ((inputs, 0), (targets, -100))
        ]
        mask = (padded[0] > 0).long()
        losses.append(model(input_ids=padded[0], attention_mask=mask, labels=padded[1]).loss)
    loss = ALPHA * losses[0] + (1 - ALPHA) * losses[1]
    loss.backward()
    return loss.item(), [one.item() for one in losses]


def our_batch(rows):
    """All ten examples packed into the rows, labels and rationales mixed."""
    order = np.random.default_rng(0).permutation(2 * EXAMPLES)
    examples = [
        (kind, inputs, targets)
        for kind, (all_inputs, all_targets) in enumerate(passes())
        for inputs, targets in zip(all_inputs, all_targets, strict=True)
    ]
    examples = [examples[i] for i in order]
    row_N = np.arange(2 * EXAMPLES) * NUM_ROWS // (2 * EXAMPLES)
    batch = rows.convert(
        [np.concatenate([x[field] for x in examples]) for field in (1, 2)],
        lengths_NF=np.array([[len(x[1]), len(x[2])] for x in examples]),
        row_N=row_N,
        num_rows=NUM_ROWS,
    )
    segments = batch["decoder_segment_ids"]
    bits = np.zeros(segments.shape, np.int32)
    for row in range(NUM_ROWS):
        for place, index in enumerate(np.flatnonzero(row_N == row)):
            bits[row][segments[row] == place + 1] = 1 << examples[index][0]
    return {**batch, TASKS_FEATURE: bits}


def our_step(config, params, num_microbatches):
    """The metrics, and the parameters' change by one step of gradient descent, by name."""
    objective = InterpolatedRationaleLoss(alpha=ALPHA)
    program = program_of(config, objective, optax_optimizer("sgd", 1.0))
    rows = converter(task_feature_lengths=LENGTHS, pack=True, prompt_suffix=(), targets_suffix=())
    step = program.step(
        rows, batch_size=NUM_ROWS, num_microbatches=num_microbatches, frozen_models={}
    )
    before = flatten_names(jax.tree.map(np.asarray, params))
    batch = sharding.put_rows(our_batch(rows), program.mesh)
    state, metrics, _ = step.function(state_of(program, params), batch, {})
    return metrics, {n: before[n] - leaf for n, leaf in flatten_names(state.params).items()}


def test_loss_and_gradient_are_theirs(tmp_path):
    """Float32 on both sides; sums of a few dozen terms in another order."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(transformers.T5Config(**FIELDS))
    model.save_pretrained(tmp_path / "model")
    loss, parts = their_step(model)
    # Their gradients in the place of parameters, so that they are read as those are.
    for parameter in model.parameters():
        parameter.data = parameter.grad
    model.save_pretrained(tmp_path / "gradient")
    config, params, _ = load_external(tmp_path / "model")
    config = dataclasses.replace(config, dropout_rate=0.0)
    expected = flatten_names(load_external(tmp_path / "gradient")[1])
    for num_microbatches in (1, 2):
        metrics, change = our_step(config, params, num_microbatches)
        np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-5)
        found = [metrics["label_loss"], metrics["rationale_loss"]]
        np.testing.assert_allclose(found, parts, rtol=1e-5)
        assert set(change) == set(expected)
        for name, gradient in expected.items():
            np.testing.assert_allclose(change[name], gradient, atol=1e-5, err_msg=name)

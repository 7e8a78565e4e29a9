"""How likely a model finds given answers to any number of prompts.

Shapes: B rows of the batch, C chunks of a row's answers, O answers of a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from t5lite.data.features.feature_converters import Tokens
from t5lite.decoding import checks, compiled, ranking
from t5lite.decoding.prompt_batches import OnBatch, PromptBatches
from t5lite.models.config import TransformerConfig

Params = Any


def log_likelihoods(
    model_config: TransformerConfig,
    params: Params,
    prompts: Sequence[Tokens],
    options: Sequence[Sequence[Tokens]],
    *,
    batches: PromptBatches,
    mesh: jax.sharding.Mesh | None,
    on_batch: OnBatch | None = None,
) -> list[np.ndarray]:
    """Log-likelihoods of each prompt's answers.

    Args:
      model_config: The model's.
      params: Its parameters.
      prompts: Of each example, as `FeatureConverter.prompt` makes it.
      options: Of each example one answer or more, a token or more each.
      batches: What plans batches of this model's prompts.
      mesh: Where the parameters lie; None for wherever they are.
      on_batch: Called with the number of examples of each finished batch.

    Returns:
      Of each example float64, in nats, in its answers' order.

    Raises:
      ValueError: More memory is needed than there is, or the model's logits are not finite.
    """
    results = [np.zeros(len(row)) for row in options]

    def chunk(examples: Sequence[int], num_rows: int) -> tuple[int, bool]:
        return ranking.chunk_length(
            model_config,
            num_rows=num_rows // batches.num_parts,
            num_slots=batches.bucket_length([prompts[example] for example in examples]),
            longest=max(len(option) for example in examples for option in options[example]),
        )

    plan = batches.plan(
        prompts,
        more_sizes=[sum(map(len, row)) for row in options],
        fits=lambda examples, num_rows: chunk(examples, num_rows)[1],
    )
    for batch_size, prompt_length in batches.sizes(plan, prompts):
        checks.room_to_score(
            model_config, batch_size=batch_size, prompt_length=prompt_length, mesh=mesh
        )
    run = compiled.rank_fn(model_config, mesh)
    for batch, features in batches.read(params, plan, prompts):
        examples = batch.examples
        length, _ = chunk(examples, batch.num_rows)
        of_rows = ranking.option_features([options[row] for row in batch.rows], chunk_length=length)
        found_BCO = jax.device_get(run(params, features | batches.put(of_rows)))
        checks.finite_log_likelihoods(found_BCO[: len(examples)], params, model_config)
        for example, found_CO in zip(examples, found_BCO, strict=False):
            parts = ranking.chunks(options[example], chunk_length=length)
            results[example][:] = np.concatenate(
                [found_O[: len(part)] for found_O, part in zip(found_CO, parts, strict=False)]
            )
        if on_batch is not None:
            on_batch(len(examples))
    return results

"""A model's generation and scoring of lists of examples: batched by length, compiled once a shape.

Every process of a run holds all examples and gets all results; the devices share the rows.
Shapes: B rows of the batch, T generated tokens.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from t5lite.decoding import batching, scoring
from t5lite.decoding.generate import choose_at, generate
from t5lite.decoding.sampling import DecodingConfig, row_keys
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import bind
from t5lite.sharding import BATCH_AXES, logical_rules, put_replicable, replicated

Params = Any
OnBatch = Callable[[int], Any]


class Generation(NamedTuple):
    """What was generated for one example.

    Attributes:
      tokens: int32, without the end token.
      log_likelihood: Sum of log p(token) in nats under the model itself (before temperature,
        top-k and top-p), the end token included.
    """

    tokens: np.ndarray
    log_likelihood: float


class Decoder:
    """Generates for, and scores, any number of examples with one model config."""

    def __init__(
        self,
        model_config: TransformerConfig,
        *,
        converter: str,
        eos_id: int,
        batch_size: int,
        longest_input: int | None = None,
        mesh: jax.sharding.Mesh | None = None,
    ) -> None:
        """Prepares; nothing is compiled before the first batch of a shape.

        Args:
          model_config: What `params` given later are of.
          converter: How examples became features in training.
          eos_id: The token that ends an answer.
          batch_size: Rows of every batch, the last one filled up; rounded up to a multiple of the
            devices that share the rows.
          longest_input: Inputs are not padded beyond it unless they are longer.
          mesh: Where `params` given later lie; None for wherever they are.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be 1 or more.")
        self._model_config = model_config
        self._converter = converter
        self._eos_id = eos_id
        parts = 1 if mesh is None else math.prod(mesh.shape[axis] for axis in BATCH_AXES)
        self._batch_size = math.ceil(batch_size / parts) * parts
        self._longest_input = longest_input
        self._mesh = mesh

    def generate(
        self,
        params: Params,
        inputs: Sequence[batching.Tokens],
        *,
        config: DecodingConfig,
        indices: Sequence[int] | None = None,
        on_batch: OnBatch | None = None,
    ) -> list[Generation]:
        """Generates an answer to each input.

        Args:
          params: The model's parameters.
          inputs: Prompt tokens of each example.
          config: How to decode.
          indices: The examples' indices for `sampling.row_keys`; 0, 1, ... when None.
          on_batch: Called with the number of examples of each finished batch.

        Returns:
          One `Generation` per input, in order.
        """
        if indices is None:
            indices = range(len(inputs))
        run = _generate_fn(self._model_config, self._eos_id, config, self._mesh)
        results: list[Generation | None] = [None] * len(inputs)
        for rows in self._plan([(len(tokens),) for tokens in inputs]):
            filled = self._filled(rows)
            batch = batching.prompt_batch(
                [inputs[row] for row in filled],
                converter=self._converter,
                longest=self._longest_input,
            )
            index_B = np.array([indices[row] for row in filled], np.int32)
            placed = self._put({**batch, "example_index": index_B})
            tokens_BT, log_likelihood_B = jax.device_get(run(params, placed))
            for row, tokens_T, log_likelihood in zip(
                rows, tokens_BT, log_likelihood_B, strict=False
            ):
                results[row] = Generation(self._until_end(tokens_T), float(log_likelihood))
            if on_batch is not None:
                on_batch(len(rows))
        return [result for result in results if result is not None]

    def stream(
        self, params: Params, inputs: batching.Tokens, *, config: DecodingConfig, index: int = 0
    ) -> Iterator[int]:
        """Generates one answer, yielding its tokens as they come, without the end token.

        The tokens are those of `generate` for the same `index`. For a decoder without a mesh.
        """
        assert self._mesh is None, "one row cannot be shared out"
        start, step = _stream_fns(self._model_config, self._eos_id, config)
        batch = batching.prompt_batch(
            [inputs], converter=self._converter, longest=self._longest_input
        )
        index_B = jnp.array([index], jnp.int32)
        token_B, cache = start(params, batch, index_B)
        for count in range(1, config.max_decode_length + 1):
            token = int(token_B[0])
            if token == self._eos_id:
                return
            yield token
            if count < config.max_decode_length:
                token_B, cache = step(params, token_B, cache, index_B, jnp.int32(count))

    def score(
        self,
        params: Params,
        inputs: Sequence[batching.Tokens],
        targets: Sequence[batching.Tokens],
        *,
        on_batch: OnBatch | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood of each target given its input.

        Args:
          params: The model's parameters.
          inputs: Input tokens of each example.
          targets: Target tokens of each example, end token included where it should count.
          on_batch: Called with the number of examples of each finished batch.

        Returns:
          float64 `(log_likelihoods, num_tokens)` in the examples' order; see `scoring.score`.
        """
        run = _score_fn(self._model_config, self._mesh)
        log_likelihoods, num_tokens = np.zeros(len(inputs)), np.zeros(len(inputs))
        sizes = [(len(i), len(t)) for i, t in zip(inputs, targets, strict=True)]
        for rows in self._plan(sizes):
            filled = self._filled(rows)
            batch = batching.scoring_batch(
                [inputs[row] for row in filled],
                [targets[row] for row in filled],
                converter=self._converter,
                longest=self._longest_input,
            )
            log_likelihood_B, num_tokens_B = jax.device_get(run(params, self._put(batch)))
            log_likelihoods[rows] = log_likelihood_B[: len(rows)]
            num_tokens[rows] = num_tokens_B[: len(rows)]
            if on_batch is not None:
                on_batch(len(rows))
        return log_likelihoods, num_tokens

    def _plan(self, sizes: Sequence[tuple[int, ...]]) -> list[list[int]]:
        return batching.plan_batches(sizes, batch_size=self._batch_size)

    def _filled(self, rows: list[int]) -> list[int]:
        """`rows` up to the batch size; a repeated row ends no later than the row itself."""
        return rows + rows[:1] * (self._batch_size - len(rows))

    def _put(self, batch: batching.ModelBatch) -> dict[str, Any]:
        return batch if self._mesh is None else put_replicable(batch, self._mesh)

    def _until_end(self, tokens_T: np.ndarray) -> np.ndarray:
        ends = np.flatnonzero(tokens_T == self._eos_id)
        return tokens_T[: ends[0]] if ends.size else tokens_T


@functools.cache
def _generate_fn(
    model_config: TransformerConfig,
    eos_id: int,
    config: DecodingConfig,
    mesh: jax.sharding.Mesh | None,
) -> Callable[..., Any]:
    """The jitted generation; equal arguments share it, and with it what was compiled."""

    def run(params: Params, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        features = dict(batch)
        key_B = row_keys(config.seed, features.pop("example_index"))
        model = bind(model_config, params)
        return generate(model, features, eos_id=eos_id, config=config, key_B=key_B)

    return _jit(run, mesh)


@functools.cache
def _score_fn(
    model_config: TransformerConfig, mesh: jax.sharding.Mesh | None
) -> Callable[..., Any]:
    def run(params: Params, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return scoring.score(bind(model_config, params), batch)

    return _jit(run, mesh)


@functools.cache
def _stream_fns(
    model_config: TransformerConfig, eos_id: int, config: DecodingConfig
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`(start, step)`: the first token and cache of a batch; the next token and cache."""

    def choose(logits_BV: jax.Array, index_B: jax.Array, step: jax.Array | int) -> jax.Array:
        key_B = row_keys(config.seed, index_B)
        return choose_at(logits_BV, key_B, step, eos_id=eos_id, config=config)

    def start(
        params: Params, batch: dict[str, jax.Array], index_B: jax.Array
    ) -> tuple[jax.Array, Any]:
        model = bind(model_config, params)
        logits_BV, cache = model.prefill(batch, max_decode_length=config.max_decode_length)
        return choose(logits_BV, index_B, 0), cache

    def step(
        params: Params, tokens_B: jax.Array, cache: Any, index_B: jax.Array, count: jax.Array
    ) -> tuple[jax.Array, Any]:
        logits_BV, cache = bind(model_config, params).step(tokens_B, cache)
        return choose(logits_BV, index_B, count), cache

    return jax.jit(start), jax.jit(step, donate_argnums=2)


def _jit(run: Callable[..., Any], mesh: jax.sharding.Mesh | None) -> Callable[..., Any]:
    """Results lie whole on every process, whatever the mesh."""
    if mesh is None:
        return jax.jit(run)

    def on_mesh(*arguments: Any) -> Any:
        with logical_rules(mesh):
            return run(*arguments)

    return jax.jit(on_mesh, out_shardings=replicated(mesh))

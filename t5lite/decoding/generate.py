"""Generation token by token, greedy or drawn: one prefill, then a loop of cached steps.

The loop runs as far as asked and can be taken up again, so the same functions serve a whole
answer at once, a stream of tokens, and a host that looks for stop strings now and then. A beam
search (see `beam`) is begun and advanced by the same two functions.

Shapes: B rows of the batch, N branches of a row (draws), T most tokens of an answer, S slots of the
cache, V vocabulary, L prompt length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from t5lite.decoding import branches, penalties, sampling
from t5lite.decoding.config import DecodingConfig
from t5lite.models.transformer import Model


class State(NamedTuple):
    """Where generation stands.

    Attributes:
      branches: The cache, and what each branch sees of it.
      step: How many tokens a branch that goes on has; a scalar.
      tokens_BNT: int32, zeros where nothing was generated.
      lengths_BN: int32, tokens of each branch, the end token included.
      ended_BN: Boolean.
      log_probs_BNT: float32, of each token, under the model itself.
      occurred_BNV: For the repetition penalty; None where that is off.
      key_BN: Typed keys.
      temperature_B: float32, what logits of a row are divided by before a draw; None where
        `DecodingConfig.temperature` is that of all rows.
    """

    branches: branches.Branches
    step: jax.Array
    tokens_BNT: jax.Array
    lengths_BN: jax.Array
    ended_BN: jax.Array
    log_probs_BNT: jax.Array
    occurred_BNV: jax.Array | None
    key_BN: jax.Array
    temperature_B: jax.Array | None = None


class Output(NamedTuple):
    """What was generated.

    Attributes:
      tokens_BNT: int32; of each answer the first `lengths_BN`, the end token included, count.
      lengths_BN: int32.
      log_likelihood_BN: float32, sum of the tokens' log-probabilities in nats, under the model
        itself: before anything a config does to them.
      score_BN: float32, what answers of a row are ranked by: their log-likelihood, or of a beam
        search its score.
      ended_BN: Boolean, whether the last token is an end.
      all_done: Whether no answer goes on; a scalar.
    """

    tokens_BNT: jax.Array
    lengths_BN: jax.Array
    log_likelihood_BN: jax.Array
    score_BN: jax.Array
    ended_BN: jax.Array
    all_done: jax.Array


@dataclasses.dataclass(frozen=True)
class Generator:
    """Greedy decoding or sampling; use it inside `jax.jit`.

    Attributes:
      config: How to choose tokens, and how many at most.
      end_ids: The tokens that end an answer.
    """

    config: DecodingConfig
    end_ids: tuple[int, ...]

    def start(self, model: Model, batch: Mapping[str, Any], *, index_B: jax.Array) -> State:
        """Reads the prompts and chooses the first token of every branch.

        Args:
          model: A bound model.
          batch: See `batching.prompt_batch`; a `temperature` of each row may be among it.
          index_B: int32, the examples' indices: a row's draws do not depend on the rows beside it.

        Returns:
          The state, one token a branch.
        """
        config = self.config
        num = config.num_branches
        batch = dict(batch)
        temperature_B = batch.pop("temperature", None)
        logits_BV, held = branches.start(model, batch, num=num, length=config.decode_length)
        logits_BNV = jnp.repeat(logits_BV[:, None], num, axis=1)
        shape = (*logits_BNV.shape[:2], config.decode_length)
        occurred_BNV = None
        if config.repetition_penalty != 1.0:
            occurred_BNV = branches.occurred(batch, num=num, vocab_size=logits_BV.shape[-1])
        state = State(
            branches=held,
            step=jnp.int32(0),
            tokens_BNT=jnp.zeros(shape, jnp.int32),
            lengths_BN=jnp.zeros(shape[:2], jnp.int32),
            ended_BN=jnp.zeros(shape[:2], bool),
            log_probs_BNT=jnp.zeros(shape, jnp.float32),
            occurred_BNV=occurred_BNV,
            key_BN=sampling.row_keys(config.seed, index_B, num_draws=num),
            temperature_B=temperature_B,
        )
        return self._choose(state, logits_BNV)

    def advance(self, model: Model, state: State, *, until: jax.Array | int) -> State:
        """Generates until all branches have ended or have so many tokens.

        Args:
          model: A bound model; its decoder's layers unstacked where the cache's are.
          state: What `start` or `advance` gave.
          until: Tokens; the config's maximum is kept to besides.

        Returns:
          The state then.
        """
        until = jnp.minimum(until, self.config.decode_length)

        def goes_on(state: State) -> jax.Array:
            return (state.step < until) & ~jnp.all(state.ended_BN)

        def one_more(state: State) -> State:
            last_BN = jax.lax.dynamic_index_in_dim(
                state.tokens_BNT, state.step - 1, axis=2, keepdims=False
            )
            logits_BNV, held = branches.extend(model, state.branches, last_BN, state.step)
            return self._choose(state._replace(branches=held), logits_BNV)

        return jax.lax.while_loop(goes_on, one_more, state)

    def cut(self, state: State, longest_BN: jax.Array) -> State:
        """The state with branches ended that have so many tokens, and what is beyond dropped."""
        return state._replace(
            ended_BN=state.ended_BN | (state.lengths_BN >= longest_BN),
            lengths_BN=jnp.minimum(state.lengths_BN, longest_BN),
        )

    def report(self, state: State) -> Output:
        """What was generated so far."""
        counted_BNT = jnp.arange(state.tokens_BNT.shape[2]) < state.lengths_BN[..., None]
        log_likelihood_BN = jnp.sum(jnp.where(counted_BNT, state.log_probs_BNT, 0.0), axis=-1)
        last_BN = jnp.maximum(state.lengths_BN - 1, 0)[..., None]
        last_BN = jnp.take_along_axis(state.tokens_BNT, last_BN, axis=2)[..., 0]
        return Output(
            tokens_BNT=state.tokens_BNT,
            lengths_BN=state.lengths_BN,
            log_likelihood_BN=log_likelihood_BN,
            score_BN=log_likelihood_BN,
            ended_BN=penalties.is_end(last_BN, self.end_ids),
            all_done=jnp.all(state.ended_BN) | (state.step >= self.config.decode_length),
        )

    def _choose(self, state: State, logits_BNV: jax.Array) -> State:
        """Adds one token a branch."""
        config, step = self.config, state.step
        scores_BNV = penalties.apply(
            logits_BNV,
            config=config,
            end_ids=self.end_ids,
            num_generated=step,
            occurred_BNV=state.occurred_BNV,
        )
        key_BN = state.key_BN
        if config.strategy == "sample":
            key_BN = jax.vmap(jax.vmap(jax.random.fold_in, (0, None)), (0, None))(key_BN, step)
        if state.temperature_B is not None:
            scores_BNV = scores_BNV.astype(jnp.float32) / state.temperature_B[:, None, None]
        tokens_BN = sampling.choose(scores_BNV, key_BN, config)
        chosen_BN = jnp.take_along_axis(logits_BNV, tokens_BN[..., None], axis=-1)[..., 0]
        log_probs_BN = chosen_BN - jax.nn.logsumexp(logits_BNV, axis=-1)
        goes_on_BN = ~state.ended_BN
        tokens_BN = jnp.where(goes_on_BN, tokens_BN, 0)
        occurred_BNV = state.occurred_BNV
        if occurred_BNV is not None:
            occurred_BNV = penalties.add_tokens(occurred_BNV, tokens_BN)
        return state._replace(
            step=step + 1,
            tokens_BNT=state.tokens_BNT.at[:, :, step].set(tokens_BN),
            lengths_BN=state.lengths_BN + goes_on_BN,
            ended_BN=state.ended_BN | penalties.is_end(tokens_BN, self.end_ids),
            log_probs_BNT=state.log_probs_BNT.at[:, :, step].set(log_probs_BN),
            occurred_BNV=occurred_BNV,
        )

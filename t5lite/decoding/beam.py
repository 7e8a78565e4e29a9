"""Beam search, as T5X does it and as Hugging Face does it.

Both grow K beams, look at the 2 K best ways to go on, and keep finished answers apart from live
ones. With s an answer's log-probability and n its tokens, the end included, they differ so:

                    t5x (t5x/decoding.py)             hugging_face (transformers' generate)
  score             s / ((5 + n) / 6)^alpha           s / n^alpha
  may finish        any of the 2 K                    those among the first K
  at the length     only answers with an end count,   live beams count as finished
                    unless there is none
  ends when         no live beam can beat the worst   the best live beam, were it to end now, does
                    finished answer, even at the      not beat the worst finished answer
                    longest length                    (early_stopping=False)

A prompt does not count in n. T5X counts it where a model is decoder-only.

Shapes: B rows of the batch, K beams, M candidates a row, N answers, T most tokens of an answer, V
vocabulary, L prompt length, S slots of the cache.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from t5lite.decoding import branches, penalties, sampling
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.generate import Output
from t5lite.models.transformer import Model

# The score of what is not there: below any score, and finite so that no difference is NaN.
_NEVER = -1.0e9


class Answers(NamedTuple):
    """K answers of each row, the best first.

    Attributes:
      tokens_BKT: int32, zeros beyond the last.
      lengths_BK: int32, tokens, the end included.
      log_likelihood_BK: float32, under the model itself.
      score_BK: float32, what ranks them.
      is_real_BK: Boolean; False where there is none yet.
    """

    tokens_BKT: jax.Array
    lengths_BK: jax.Array
    log_likelihood_BK: jax.Array
    score_BK: jax.Array
    is_real_BK: jax.Array


class State(NamedTuple):
    """Where the search stands.

    Attributes:
      branches: The cache, and what each live beam sees of it.
      step: How many tokens live beams have; a scalar.
      live: Beams that go on; their score is their log-probability after penalties.
      finished: Answers that have ended; their score is as the module's table says.
      open_B: Boolean, rows whose finished answers may still change.
      occurred_BKV: For the repetition penalty; None where that is off.
    """

    branches: branches.Branches
    step: jax.Array
    live: Answers
    finished: Answers
    open_B: jax.Array
    occurred_BKV: jax.Array | None


@dataclasses.dataclass(frozen=True)
class BeamSearch:
    """A search; use it inside `jax.jit`. Its functions are those of `generate.Generator`.

    Attributes:
      config: How to search.
      end_ids: The tokens that end an answer.
    """

    config: DecodingConfig
    end_ids: tuple[int, ...]

    def start(self, model: Model, batch: Mapping[str, Any], *, index_B: jax.Array) -> State:
        """Reads the prompts and chooses the first token of every beam; `index_B` has no part."""
        config = self.config
        num = config.num_beams
        logits_BV, held = branches.start(model, batch, num=num, length=config.decode_length)
        occurred_BKV = None
        if config.repetition_penalty != 1.0:
            occurred_BKV = branches.occurred(batch, num=num, vocab_size=logits_BV.shape[-1])
        nothing = _no_answers((index_B.shape[0], num, config.decode_length))
        # All beams are equal yet, so the first alone is gone on from.
        only_first_BK = nothing.score_BK.at[:, 0].set(0.0)
        state = State(
            branches=held,
            step=jnp.int32(0),
            live=nothing._replace(score_BK=only_first_BK),
            finished=nothing,
            open_B=jnp.ones(index_B.shape[0], bool),
            occurred_BKV=occurred_BKV,
        )
        return self._choose(state, jnp.repeat(logits_BV[:, None], num, axis=1))

    def advance(self, model: Model, state: State, *, until: jax.Array | int) -> State:
        """Searches until no row is open, or live beams have so many tokens."""
        until = jnp.minimum(until, self.config.decode_length)

        def goes_on(state: State) -> jax.Array:
            return (state.step < until) & jnp.any(state.open_B)

        def one_more(state: State) -> State:
            last_BK = jax.lax.dynamic_index_in_dim(
                state.live.tokens_BKT, state.step - 1, axis=2, keepdims=False
            )
            logits_BKV, held = branches.extend(model, state.branches, last_BK, state.step)
            return self._choose(state._replace(branches=held), logits_BKV)

        return jax.lax.while_loop(goes_on, one_more, state)

    def report(self, state: State) -> Output:
        """The best answers; live beams follow the finished ones where those are too few."""
        live, finished = state.live, state.finished
        live = live._replace(
            score_BK=live.score_BK / self._penalty(state.step),
            lengths_BK=jnp.full_like(live.lengths_BK, state.step),
        )
        both = _joined(finished, live)
        order = jnp.where(both.is_real_BK, both.score_BK, both.score_BK + _NEVER)
        best = _best(both, order, self.config.num_return_sequences)
        return Output(
            tokens_BNT=best.tokens_BKT,
            lengths_BN=best.lengths_BK,
            log_likelihood_BN=best.log_likelihood_BK,
            score_BN=best.score_BK,
            ended_BN=penalties.is_end(_last(best), self.end_ids),
            all_done=~jnp.any(state.open_B) | (state.step >= self.config.decode_length),
        )

    def _choose(self, state: State, logits_BKV: jax.Array) -> State:
        """Adds one token a beam."""
        config, step = self.config, state.step
        num, vocab_size = logits_BKV.shape[1:]
        log_probs_BKV = jax.nn.log_softmax(logits_BKV, axis=-1)
        scores_BKV = penalties.apply(
            log_probs_BKV,
            config=config,
            end_ids=self.end_ids,
            num_generated=step,
            occurred_BNV=state.occurred_BKV,
        )
        scores_BKV += state.live.score_BK[..., None]
        # Each end can take the place of one token of a beam: so many leave K that are none.
        num_candidates = (1 + len(self.end_ids)) * num
        score_BM, flat_BM = sampling.top_k(
            scores_BKV.reshape(-1, num * vocab_size), min(num_candidates, num * vocab_size)
        )
        parent_BM, token_BM = flat_BM // vocab_size, flat_BM % vocab_size
        log_prob_BM = jnp.take_along_axis(
            log_probs_BKV.reshape(-1, num * vocab_size), flat_BM, axis=1
        )
        candidates = _grown(state.live, parent_BM, token_BM, log_prob_BM, score_BM, step=step)
        finished = self._finish(state, candidates, token_BM)
        is_end_BM = penalties.is_end(token_BM, self.end_ids)
        order_BM = jnp.where(is_end_BM, score_BM + _NEVER, score_BM)
        _, kept_BK = jax.lax.top_k(order_BM, num)
        live = _taken(candidates._replace(score_BK=order_BM), kept_BK)
        parent_BK = jnp.take_along_axis(parent_BM, kept_BK, axis=1)
        held = state.branches
        held = held._replace(seen_BNS=_rows(held.seen_BNS, parent_BK))
        occurred_BKV = state.occurred_BKV
        if occurred_BKV is not None:
            token_BK = jnp.take_along_axis(token_BM, kept_BK, axis=1)
            occurred_BKV = penalties.add_tokens(_rows(occurred_BKV, parent_BK), token_BK)
        open_B = state.open_B & self._may_improve(live, finished, step + 1)
        return State(held, step + 1, live, finished, open_B, occurred_BKV)

    def _finish(self, state: State, candidates: Answers, token_BM: jax.Array) -> Answers:
        """The finished answers, with those candidates among them that end and are good enough."""
        is_end_BM = penalties.is_end(token_BM, self.end_ids)
        if self.config.length_penalty_style == "hugging_face":
            is_end_BM |= state.step + 1 >= self.config.decode_length
            is_end_BM &= jnp.arange(token_BM.shape[1]) < self.config.num_beams
        is_end_BM &= state.open_B[:, None]
        score_BM = candidates.score_BK / self._penalty(state.step + 1)
        ended = candidates._replace(
            score_BK=jnp.where(is_end_BM, score_BM, _NEVER), is_real_BK=is_end_BM
        )
        both = _joined(state.finished, ended)
        return _best(both, both.score_BK, self.config.num_beams)

    def _may_improve(self, live: Answers, finished: Answers, step: jax.Array) -> jax.Array:
        """Whether live beams may still displace a finished answer; boolean [B]."""
        worst_B = jnp.min(jnp.where(finished.is_real_BK, finished.score_BK, _NEVER), axis=1)
        best_B = live.score_BK[:, 0]
        if self.config.length_penalty_style == "hugging_face":
            return best_B / self._penalty(step) > worst_B
        # T5X counts its start token here.
        return best_B / self._penalty(jnp.int32(self.config.decode_length + 1)) >= worst_B

    def _penalty(self, length: jax.Array) -> jax.Array:
        """What divides the log-probability of an answer of so many tokens."""
        length = length.astype(jnp.float32)
        if self.config.length_penalty_style == "hugging_face":
            return length**self.config.length_exponent
        # Wu et al. (https://arxiv.org/abs/1609.08144), equation 14.
        return ((5.0 + length) / 6.0) ** self.config.length_exponent


def _no_answers(shape: tuple[int, int, int]) -> Answers:
    return Answers(
        tokens_BKT=jnp.zeros(shape, jnp.int32),
        lengths_BK=jnp.zeros(shape[:2], jnp.int32),
        log_likelihood_BK=jnp.zeros(shape[:2], jnp.float32),
        score_BK=jnp.full(shape[:2], _NEVER, jnp.float32),
        is_real_BK=jnp.zeros(shape[:2], bool),
    )


def _grown(
    live: Answers,
    parent_BM: jax.Array,
    token_BM: jax.Array,
    log_prob_BM: jax.Array,
    score_BM: jax.Array,
    *,
    step: jax.Array,
) -> Answers:
    """Candidates: each one of the live beams and one token more."""
    grown = _taken(live, parent_BM)
    return grown._replace(
        tokens_BKT=grown.tokens_BKT.at[:, :, step].set(token_BM),
        lengths_BK=jnp.full_like(grown.lengths_BK, step + 1),
        log_likelihood_BK=grown.log_likelihood_BK + log_prob_BM,
        score_BK=score_BM,
    )


def _last(answers: Answers) -> jax.Array:
    place_BK1 = jnp.maximum(answers.lengths_BK - 1, 0)[..., None]
    return jnp.take_along_axis(answers.tokens_BKT, place_BK1, axis=2)[..., 0]


def _joined(first: Answers, second: Answers) -> Answers:
    return Answers(*(jnp.concatenate(pair, axis=1) for pair in zip(first, second, strict=True)))


def _best(answers: Answers, order: jax.Array, count: int) -> Answers:
    """The `count` answers of each row of which `order` is largest, the largest first."""
    return _taken(answers, jax.lax.top_k(order, count)[1])


def _taken(answers: Answers, index_BK: jax.Array) -> Answers:
    return Answers(*(_rows(leaf, index_BK) for leaf in answers))


def _rows(x: jax.Array, index_BK: jax.Array) -> jax.Array:
    """Entries of axis 1, chosen a row at a time."""
    index = index_BK.reshape(*index_BK.shape, *[1] * (x.ndim - 2))
    return jnp.take_along_axis(x, index, axis=1)

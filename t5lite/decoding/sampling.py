"""How the next token is chosen from logits: greedy, or drawn after temperature, top-k and top-p.

Shapes: B rows of the batch, V vocabulary.
"""

import dataclasses
from typing import Literal, get_args

import jax
import jax.numpy as jnp

Strategy = Literal["greedy", "sample"]

# Low enough that exp() is zero in float32, finite so that no row can become NaN.
_REMOVED = -1.0e30


@dataclasses.dataclass(frozen=True)
class DecodingConfig:
    """How to decode.

    Attributes:
      strategy: `"greedy"` takes the most likely token; `"sample"` draws one.
      temperature: Logits are divided by it before a draw; above 0.
      top_k: Draw among the k most likely tokens; 0 draws among all.
      top_p: Draw among the smallest set of most likely tokens whose probability reaches it
        (nucleus sampling, https://arxiv.org/abs/1904.09751); 1.0 draws among all.
      max_decode_length: Most tokens generated for one example, the end token included.
      min_decode_length: The end token may not be generated before this many other tokens.
      seed: Seed of the draws. An example's draws depend on the seed and its index only.
    """

    strategy: Strategy = "greedy"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    max_decode_length: int = 64
    min_decode_length: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.strategy not in get_args(Strategy):
            raise ValueError(
                f"DecodingConfig.strategy is {self.strategy!r}; choose one of {get_args(Strategy)}."
            )
        self._require("temperature", self.temperature > 0, "above 0 (for 0, use greedy)")
        self._require("top_k", self.top_k >= 0, "0 (off) or more")
        self._require("top_p", 0 < self.top_p <= 1, "above 0 and at most 1 (1 is off)")
        self._require("max_decode_length", self.max_decode_length >= 1, "1 or more")
        self._require(
            "min_decode_length",
            0 <= self.min_decode_length < self.max_decode_length,
            f"0 or more and below max_decode_length={self.max_decode_length}",
        )
        warped = self.temperature != 1.0 or self.top_k != 0 or self.top_p != 1.0
        if self.strategy == "greedy" and warped:
            raise ValueError(
                "DecodingConfig.strategy is 'greedy', which ignores temperature, top_k and top_p "
                f"(found {self.temperature}, {self.top_k}, {self.top_p}); set strategy='sample', "
                "or leave them at 1.0, 0 and 1.0."
            )

    def _require(self, field: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise ValueError(
                f"DecodingConfig.{field} is {getattr(self, field)}; it must be {wanted}."
            )


def row_keys(seed: int, index_B: jax.Array) -> jax.Array:
    """One PRNG key per example, from the seed and the example's index alone.

    Args:
      seed: `DecodingConfig.seed`.
      index_B: int32 [B], the examples' indices in the whole set that is being decoded.

    Returns:
      Typed keys [B].
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(jax.random.key(seed), index_B)


def warp(logits_BV: jax.Array, config: DecodingConfig) -> jax.Array:
    """Logits of the distribution that `config` draws from.

    Temperature, then top-k, then top-p on what top-k kept: Hugging Face's order. Tokens that tie
    with the last one kept are kept too, and the most likely token always is.

    Args:
      logits_BV: float [B, V].
      config: Only `temperature`, `top_k` and `top_p` are used.

    Returns:
      float32 [B, V]; removed tokens have probability zero.
    """
    logits_BV = logits_BV.astype(jnp.float32) / config.temperature
    if 0 < config.top_k < logits_BV.shape[-1]:
        kept_BK, _ = jax.lax.top_k(logits_BV, config.top_k)
        logits_BV = jnp.where(logits_BV >= kept_BK[:, -1:], logits_BV, _REMOVED)
    if config.top_p < 1.0:
        sorted_BV = -jnp.sort(-logits_BV, axis=-1)
        probs_BV = jax.nn.softmax(sorted_BV, axis=-1)
        before_BV = jnp.cumsum(probs_BV, axis=-1) - probs_BV
        in_nucleus_BV = (before_BV < config.top_p).at[:, 0].set(True)
        lowest_B = jnp.min(jnp.where(in_nucleus_BV, sorted_BV, jnp.inf), axis=-1)
        logits_BV = jnp.where(logits_BV >= lowest_B[:, None], logits_BV, _REMOVED)
    return logits_BV


def choose(logits_BV: jax.Array, key_B: jax.Array, config: DecodingConfig) -> jax.Array:
    """Chooses one token per row.

    Args:
      logits_BV: float [B, V].
      key_B: Typed keys [B], one per row; unused (and may be anything) when greedy.
      config: How to choose.

    Returns:
      int32 [B].
    """
    if config.strategy == "greedy":
        return jnp.argmax(logits_BV, axis=-1).astype(jnp.int32)
    warped_BV = warp(logits_BV, config)
    return jax.vmap(jax.random.categorical)(key_B, warped_BV).astype(jnp.int32)

"""Multi-head attention and its masks.

Shapes: B batch, Q query length, S key length, D d_model, H heads, K d_kv. Masks are boolean, True
where a query may look at a key, and broadcast to [B, H, Q, S].
"""

import jax
import jax.numpy as jnp
from flax import nnx

from t5lite.models.config import TransformerConfig
from t5lite.models.layers import Initializer, Linear, attention_init, dropout

KeysValues = tuple[jax.Array, jax.Array]

# T5X's value for masked logits: finite, so that a row without any key gives no NaN.
_MASKED = -1e10


def padding_mask(tokens_BS: jax.Array) -> jax.Array:
    """Mask [B, 1, 1, S] of keys that are not padding (id 0)."""
    return (tokens_BS > 0)[:, None, None, :]


def segment_mask(query_segments_BQ: jax.Array, key_segments_BS: jax.Array) -> jax.Array:
    """Mask [B, 1, Q, S] of pairs that belong to the same packed example."""
    return (query_segments_BQ[:, :, None] == key_segments_BS[:, None, :])[:, None]


def causal_mask(length: int, prefix_BQ: jax.Array | None = None) -> jax.Array:
    """Mask [1 or B, 1, Q, Q]: each position sees itself and those before.

    Args:
      length: Q.
      prefix_BQ: T5X's `decoder_causal_attention`: positions with 1 see one another both ways.
    """
    causal_11QQ = jnp.tril(jnp.ones((length, length), bool))[None, None]
    if prefix_BQ is None:
        return causal_11QQ
    prefix_BQ = prefix_BQ > 0
    return causal_11QQ | (prefix_BQ[:, :, None] & prefix_BQ[:, None, :])[:, None]


def dot_product_attention(
    q_BHQK: jax.Array,
    k_BHSK: jax.Array,
    v_BHSK: jax.Array,
    *,
    mask: jax.Array,
    bias: jax.Array | None,
    float32_logits: bool,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """softmax(q k + bias) v; T5 has no 1/sqrt(K), its query initialiser holds it.

    Args:
      q_BHQK: Queries.
      k_BHSK: Keys.
      v_BHSK: Values.
      mask: Boolean, broadcasts to [B, H, Q, S].
      bias: Added to the logits, broadcasts to [B, H, Q, S]; None for none.
      float32_logits: Whether logits and softmax are float32 rather than the inputs' type.
      dropout_rate: Probability of dropping a weight.
      dropout_key: Key for dropout; None for none.

    Returns:
      [B, H, Q, K] of the queries' type. A query that may see no key gets zeros, so an example with
      an empty input is the same packed and alone.
    """
    logits_type = jnp.float32 if float32_logits else q_BHQK.dtype
    logits_BHQS = jnp.einsum("bhqk,bhsk->bhqs", q_BHQK, k_BHSK, preferred_element_type=logits_type)
    if bias is not None:
        logits_BHQS += bias.astype(logits_type)
    logits_BHQS = jnp.where(mask, logits_BHQS, _MASKED)
    weights_BHQS = jax.nn.softmax(logits_BHQS).astype(q_BHQK.dtype)
    # T5 drops a key for all queries of a head at once.
    weights_BHQS = dropout(weights_BHQS, dropout_rate, key=dropout_key, shared_axis=-2)
    out_BHQK = jnp.einsum("bhqs,bhsk->bhqk", weights_BHQS, v_BHSK)
    return jnp.where(jnp.any(mask, axis=-1, keepdims=True), out_BHQK, 0)


class Attention(nnx.Module):
    """Projections around `dot_product_attention`, for self and cross attention alike."""

    def __init__(self, config: TransformerConfig):
        width, joined = config.d_model, config.num_heads * config.d_kv

        def projection(init_fn: Initializer = attention_init) -> Linear:
            axes = ("embed", "joined_kv")
            return Linear(width, joined, axes=axes, dtype=config.dtype, init_fn=init_fn)

        def query_init(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return attention_init(key, shape) / jnp.sqrt(config.d_kv)

        self.query = projection(query_init)
        self.key = projection()
        self.value = projection()
        axes = ("joined_kv", "embed")
        self.out = Linear(joined, width, axes=axes, dtype=config.dtype, init_fn=attention_init)
        self.num_heads = config.num_heads
        self.float32_logits = config.float32_attention_logits
        self.dropout_rate = config.dropout_rate

    def keys_values(self, source_BSD: jax.Array) -> KeysValues:
        """Keys and values, each [B, H, S, K], of the positions to look at."""
        return self._heads(self.key(source_BSD)), self._heads(self.value(source_BSD))

    def __call__(
        self,
        x_BQD: jax.Array,
        keys_values: KeysValues,
        *,
        mask: jax.Array,
        bias: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Looks from `x_BQD` at `keys_values`; returns [B, Q, D]."""
        out_BHQK = dot_product_attention(
            self._heads(self.query(x_BQD)),
            *keys_values,
            mask=mask,
            bias=bias,
            float32_logits=self.float32_logits,
            dropout_rate=self.dropout_rate,
            dropout_key=dropout_key,
        )
        out_BQHK = out_BHQK.transpose(0, 2, 1, 3)
        return self.out(out_BQHK.reshape(*out_BQHK.shape[:2], -1))

    def _heads(self, x_BSJ: jax.Array) -> jax.Array:
        batch, length, joined = x_BSJ.shape
        x_BSHK = x_BSJ.reshape(batch, length, self.num_heads, joined // self.num_heads)
        return x_BSHK.transpose(0, 2, 1, 3)

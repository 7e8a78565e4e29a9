"""Multi-head attention.

Shapes: B batch, Q query length, S key length, D d_model, H heads, G heads of keys and values,
N queries that share keys (H / G * Q), K d_kv, R rows of keys that several rows of the batch share,
P their length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from t5lite.models.attention_choice import case, choose
from t5lite.models.blocked_attention import Blocks, blocked_attention
from t5lite.models.config import TransformerConfig
from t5lite.models.fused_attention import cudnn_attention, pallas_attention
from t5lite.models.layers import Initializer, Linear, dropout, initializers
from t5lite.models.masks import Mask
from t5lite.models.positions import BiasByDistance, Rotation, rotate

KeysValues = tuple[jax.Array, jax.Array]

# T5X's value for masked logits: finite, so that a row without any key gives no NaN.
_MASKED = -1e10
BLOCKS = Blocks(num_queries=256, num_keys=256)


def dot_product_attention(
    q_BHQK: jax.Array,
    k_BGSK: jax.Array,
    v_BGSK: jax.Array,
    *,
    mask: jax.Array,
    bias: jax.Array | None,
    float32_logits: bool,
    shared: KeysValues | None = None,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """softmax(q k + bias) v; queries come scaled, where a family scales them.

    Args:
      q_BHQK: Queries.
      k_BGSK: Keys; query head h looks at head h // (H / G).
      v_BGSK: Values.
      mask: Boolean, broadcasts to [B, H, Q, S].
      bias: Added to the logits, broadcasts to [B, H, Q, S]; None for none.
      float32_logits: Whether logits and softmax are float32 rather than the inputs' type.
      shared: Keys and values [R, G, P, K] that stand before these, each row's for B / R neighbours
        of the batch: they are read once and not once for each. Mask and bias then are over P + S.
      dropout_rate: Probability of dropping a weight.
      dropout_key: Key for dropout; None for none.

    Returns:
      [B, H, Q, K] of the queries' type. A query that may see no key gets zeros, so an example with
      an empty input is the same packed and alone.
    """
    logits_type = jnp.float32 if float32_logits else q_BHQK.dtype
    batch, num_kv_heads, key_length, width = k_BGSK.shape
    # Queries that share keys are neighbours in memory: folding them into the length copies nothing.
    q_BGNK = q_BHQK.reshape(batch, num_kv_heads, -1, width)
    logits_BGNS = jnp.einsum("bgnk,bgsk->bgns", q_BGNK, k_BGSK, preferred_element_type=logits_type)
    logits_BHQS = logits_BGNS.reshape(*q_BHQK.shape[:3], key_length)
    num_before = 0
    if shared is not None:
        num_rows, _, num_before, _ = shared[0].shape
        q_RBGNK = q_BGNK.reshape(num_rows, -1, *q_BGNK.shape[1:])
        logits_RBGNP = jnp.einsum(
            "rbgnk,rgpk->rbgnp", q_RBGNK, shared[0], preferred_element_type=logits_type
        )
        logits_BHQP = logits_RBGNP.reshape(*q_BHQK.shape[:3], num_before)
        logits_BHQS = jnp.concatenate([logits_BHQP, logits_BHQS], axis=-1)
    if bias is not None:
        logits_BHQS += bias.astype(logits_type)
    logits_BHQS = jnp.where(mask, logits_BHQS, _MASKED)
    weights_BHQS = jax.nn.softmax(logits_BHQS).astype(q_BHQK.dtype)
    # T5 drops a key for all queries of a head at once.
    weights_BHQS = dropout(weights_BHQS, dropout_rate, key=dropout_key, shared_axis=-2)
    weights_BGNS = weights_BHQS[..., num_before:].reshape(logits_BGNS.shape)
    out_BHQK = jnp.einsum("bgns,bgsk->bgnk", weights_BGNS, v_BGSK).reshape(q_BHQK.shape)
    if shared is not None:
        weights_RBGNP = weights_BHQS[..., :num_before].reshape(logits_RBGNP.shape)
        out_RBGNK = jnp.einsum("rbgnp,rgpk->rbgnk", weights_RBGNP, shared[1])
        out_BHQK += out_RBGNK.reshape(q_BHQK.shape)
    return jnp.where(jnp.any(mask, axis=-1, keepdims=True), out_BHQK, 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attend:
    """How the layers of a stack look at keys and values: an implementation, and the mask.

    Attributes:
      config: the model.
      implementation: one of `config.ATTENTION_IMPLEMENTATIONS`, but for `auto`.
      mask: for `xla` an array that broadcasts to [B, H, Q, S], True where a query may look at a
        key; for the others its description.
      lengths: those of a description.
    """

    config: TransformerConfig
    implementation: str
    mask: jax.Array | Mask
    lengths: tuple[int, int] | None = None

    @classmethod
    def over(cls, mask: jax.Array | Mask, config: TransformerConfig) -> Attend:
        """Chooses the implementation; a mask that is an array, that of a cache, leaves `xla`.

        Args:
          mask: which keys the queries see.
          config: what is wanted, and of what.

        Raises:
          ValueError: what is wanted cannot be.
        """
        if isinstance(mask, jax.Array):
            return cls(config=config, implementation="xla", mask=mask)
        chosen = choose(config.attention_implementation, case(config, mask))
        return cls(
            config=config,
            implementation=chosen,
            mask=mask.dense() if chosen == "xla" else mask,
            lengths=(mask.query_length, mask.key_length),
        )

    def bias(self, of_distance: BiasByDistance) -> jax.Array:
        """Bias of texts from their beginning, in the form that the implementation takes."""
        assert self.lengths is not None, "a cache's slots have places of their own"
        if self.implementation == "blocked":
            return of_distance.by_distance(*self.lengths)
        return of_distance(*self.lengths)

    def __call__(
        self,
        q_BHQK: jax.Array,
        keys_values: KeysValues,
        *,
        bias: jax.Array | None,
        shared: KeysValues | None = None,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """softmax(q k + bias) v, [B, H, Q, K]; see `dot_product_attention`."""
        rate = self.config.dropout_rate
        if isinstance(self.mask, jax.Array):
            return dot_product_attention(
                *(q_BHQK, *keys_values),
                mask=self.mask,
                bias=bias,
                float32_logits=self.config.float32_attention_logits,
                shared=shared,
                dropout_rate=rate,
                dropout_key=dropout_key,
            )
        assert shared is None, "what rows share stands before a cache"
        keep_BHS = None
        if dropout_key is not None and rate:
            # The decisions that `dot_product_attention` makes.
            batch, num_heads, _, _ = q_BHQK.shape
            ones_BHQS = jnp.ones((batch, num_heads, 1, self.mask.key_length))
            keep_BHS = dropout(ones_BHQS, rate, key=dropout_key)[:, :, 0]
        inputs = (q_BHQK, *keys_values)
        if self.implementation == "blocked":
            return blocked_attention(
                *inputs, mask=self.mask, bias_HR=bias, keep_BHS=keep_BHS, blocks=BLOCKS
            )
        kernel = {"cudnn": cudnn_attention, "pallas": pallas_attention}[self.implementation]
        return kernel(*inputs, mask=self.mask, bias=bias, keep_BHS=keep_BHS)


class Attention(nnx.Module):
    """Projections around attention, for self and cross attention alike."""

    def __init__(self, config: TransformerConfig):
        init = initializers(config)

        def projection(num_heads: int, init_fn: Initializer) -> Linear:
            # A single head shared by all queries is not worth cutting up.
            shared = num_heads == 1 and config.num_heads > 1
            return Linear(
                config.d_model,
                num_heads * config.d_kv,
                axes=("embed", "shared_kv" if shared else "joined_kv"),
                dtype=config.dtype,
                init_fn=init_fn,
                use_bias=config.attention_bias,
            )

        self.query = projection(config.num_heads, init.query)
        self.key = projection(config.kv_heads, init.attention)
        self.value = projection(config.kv_heads, init.attention)
        self.out = Linear(
            config.num_heads * config.d_kv,
            config.d_model,
            axes=("joined_kv", "embed"),
            dtype=config.dtype,
            init_fn=init.attention_out,
            use_bias=config.attention_bias and config.attention_out_bias,
        )
        self.config = config

    def keys_values(
        self,
        source_BSD: jax.Array,
        *,
        rotation: Rotation | None = None,
        dropout_key: jax.Array | None = None,
    ) -> KeysValues:
        """Keys and values, each [B, G, S, K], of the positions to look at, keys rotated."""
        key_BGSK = self._heads(self.key(source_BSD, dropout_key=dropout_key))
        if rotation is not None:
            key_BGSK = rotate(key_BGSK, rotation)
        return key_BGSK, self._heads(self.value(source_BSD, dropout_key=dropout_key))

    def __call__(
        self,
        x_BQD: jax.Array,
        keys_values: KeysValues,
        *,
        attend: Attend,
        bias: jax.Array | None = None,
        rotation: Rotation | None = None,
        shared: KeysValues | None = None,
        beside: Callable[[jax.Array], jax.Array] | None = None,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Looks from `x_BQD` at `keys_values`, and at the `shared` before; returns [B, Q, D].

        What `beside` makes of the queries [B, H, Q, K], of their shape, is added to what is seen.
        """
        query_BHQK = self._heads(self.query(x_BQD, dropout_key=dropout_key))
        if rotation is not None:
            query_BHQK = rotate(query_BHQK, rotation)
        if self.config.scale_attention:
            query_BHQK *= self.config.d_kv**-0.5
        out_BHQK = attend(
            query_BHQK, keys_values, bias=bias, shared=shared, dropout_key=dropout_key
        )
        if beside is not None:
            out_BHQK += beside(query_BHQK)
        out_BQHK = out_BHQK.transpose(0, 2, 1, 3)
        out_BQJ = out_BQHK.reshape(*out_BQHK.shape[:2], -1)
        return self.out(out_BQJ, dropout_key=dropout_key)

    def _heads(self, x_BSJ: jax.Array) -> jax.Array:
        if (most := self.config.qkv_clip) is not None:
            x_BSJ = jnp.clip(x_BSJ, -most, most)
        batch, length, joined = x_BSJ.shape
        x_BSHK = x_BSJ.reshape(batch, length, joined // self.config.d_kv, self.config.d_kv)
        return x_BSHK.transpose(0, 2, 1, 3)

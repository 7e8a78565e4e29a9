"""Encoder and decoder layers, and the stacks that run them scanned or unrolled.

Shapes: B batch, L length, S source length, D d_model, H heads, K d_kv.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from t5lite.models.attention import Attention, KeysValues
from t5lite.models.config import TransformerConfig
from t5lite.models.layers import Linear, Mlp, RMSNorm, constrain, dropout, split_key
from t5lite.models.positions import RelativeBias

_ACTIVATION_AXES = ("batch", "length", "activation_embed")


class EncoderLayer(nnx.Module):
    """Self-attention, then MLP, each on the normed input of its residual branch."""

    def __init__(self, config: TransformerConfig):
        self.pre_attention_layer_norm = RMSNorm(config)
        self.attention = Attention(config)
        self.pre_mlp_layer_norm = RMSNorm(config)
        self.mlp = Mlp(config)
        self.dropout_rate = config.dropout_rate

    def __call__(
        self,
        x_BLD: jax.Array,
        *,
        mask: jax.Array,
        bias: jax.Array,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps [B, L, D] to [B, L, D]."""
        keys = split_key(dropout_key, 4)
        rate = self.dropout_rate
        y_BLD = self.pre_attention_layer_norm(x_BLD)
        y_BLD = self.attention(
            y_BLD, self.attention.keys_values(y_BLD), mask=mask, bias=bias, dropout_key=keys[0]
        )
        x_BLD += dropout(y_BLD, rate, key=keys[1], shared_axis=-2)
        y_BLD = self.mlp(self.pre_mlp_layer_norm(x_BLD), dropout_key=keys[2])
        x_BLD += dropout(y_BLD, rate, key=keys[3], shared_axis=-2)
        return constrain(x_BLD, _ACTIVATION_AXES)


class DecoderLayer(nnx.Module):
    """Self-attention, cross-attention where there is an encoder, then MLP."""

    def __init__(self, config: TransformerConfig):
        self.pre_self_attention_layer_norm = RMSNorm(config)
        self.self_attention = Attention(config)
        if config.architecture == "encoder_decoder":
            self.pre_cross_attention_layer_norm = RMSNorm(config)
            self.encoder_decoder_attention = Attention(config)
        self.pre_mlp_layer_norm = RMSNorm(config)
        self.mlp = Mlp(config)
        self.dropout_rate = config.dropout_rate

    def __call__(
        self,
        x_BLD: jax.Array,
        *,
        mask: jax.Array,
        bias: jax.Array,
        cross: KeysValues | None = None,
        cross_mask: jax.Array | None = None,
        remember: Callable[[KeysValues], KeysValues] = lambda fresh: fresh,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps [B, L, D] to [B, L, D].

        Args:
          x_BLD: Hidden states.
          mask: Self-attention mask over all that `remember` returns.
          bias: Self-attention bias over the same.
          cross: This layer's keys and values of the encoder's output; None without an encoder.
          cross_mask: Mask over them.
          remember: From the keys and values of these positions to those looked at: all so far
            when decoding from a cache.
          dropout_key: Key for dropout; None for none.
        """
        keys = split_key(dropout_key, 6)
        rate = self.dropout_rate
        y_BLD = self.pre_self_attention_layer_norm(x_BLD)
        seen = remember(self.self_attention.keys_values(y_BLD))
        y_BLD = self.self_attention(y_BLD, seen, mask=mask, bias=bias, dropout_key=keys[0])
        x_BLD += dropout(y_BLD, rate, key=keys[1], shared_axis=-2)
        if cross is not None:
            assert cross_mask is not None
            y_BLD = self.pre_cross_attention_layer_norm(x_BLD)
            y_BLD = self.encoder_decoder_attention(
                y_BLD, cross, mask=cross_mask, dropout_key=keys[2]
            )
            x_BLD += dropout(y_BLD, rate, key=keys[3], shared_axis=-2)
        y_BLD = self.mlp(self.pre_mlp_layer_norm(x_BLD), dropout_key=keys[4])
        x_BLD += dropout(y_BLD, rate, key=keys[5], shared_axis=-2)
        return constrain(x_BLD, _ACTIVATION_AXES)


def stack_parameters(layer: nnx.Module, num_layers: int) -> nnx.Module:
    """Gives every (still abstract) parameter of `layer` a leading `layers` axis.

    The module then stands for the whole stack; `run_layers` makes single layers of it.
    """
    for _, param in nnx.to_flat_state(nnx.state(layer, nnx.Param)):
        value = param.get_value()
        param.set_value(jax.ShapeDtypeStruct((num_layers, *value.shape), value.dtype))
        param.set_metadata("logical_axes", ("layers", *param.logical_axes))
    return layer


def run_layers(
    stacked: nnx.Module,
    body: Callable[[Any, Any, jax.Array, Any], tuple[Any, Any]],
    carry: Any,
    *,
    config: TransformerConfig,
    num_layers: int,
    xs: Any = None,
) -> tuple[Any, Any]:
    """Runs `body` over the layers of a stack, by `lax.scan` or by a Python loop.

    Args:
      stacked: A module made by `stack_parameters`, its values bound.
      body: `(layer, carry, index, x) -> (carry, y)`, with `layer` a single bound layer.
      carry: What the first layer gets.
      config: Chooses scan or loop, and what the backward pass recomputes.
      num_layers: Layers in the stack.
      xs: A tree of arrays with a leading `layers` axis, one slice of which is each layer's `x`.

    Returns:
      The last carry, and the `y`s stacked along a leading `layers` axis.
    """
    graphdef, params = nnx.split(stacked)

    def run_one(carry: Any, layer_inputs: Any) -> tuple[Any, Any]:
        layer_params, index, x = layer_inputs
        return body(nnx.merge(graphdef, layer_params), carry, index, x)

    # A scan's body cannot be merged with its own recomputation, so the guard against it would
    # only stand in the compiler's way.
    run_one = _rematerialise(run_one, config.remat, prevent_cse=not config.scan_layers)
    all_inputs = (params, jnp.arange(num_layers), xs)
    if config.scan_layers:
        return jax.lax.scan(run_one, carry, all_inputs)
    ys = []
    for i in range(num_layers):
        carry, y = run_one(carry, jax.tree.map(lambda leaf, i=i: leaf[i], all_inputs))
        ys.append(y)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *ys)


def _rematerialise(fn: Callable[..., Any], remat: str, *, prevent_cse: bool) -> Callable[..., Any]:
    if remat == "none":
        return fn
    # Weight matrices have no batch axis, so this keeps their outputs and recomputes attention's.
    keep = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
    policy = {"full": None, "dots": keep}[remat]
    return jax.checkpoint(fn, policy=policy, prevent_cse=prevent_cse)


class Encoder(nnx.Module):
    """The stack that reads the input."""

    def __init__(self, config: TransformerConfig):
        self.relpos_bias = RelativeBias(config, bidirectional=True)
        self.layers = stack_parameters(EncoderLayer(config), config.num_encoder_layers)
        self.encoder_norm = RMSNorm(config)
        self.config = config

    def __call__(
        self, x_BLD: jax.Array, *, mask: jax.Array, dropout_key: jax.Array | None = None
    ) -> jax.Array:
        """Maps embeddings [B, L, D] to normed hidden states [B, L, D]."""
        keys = split_key(dropout_key, 3)
        rate = self.config.dropout_rate
        bias_1HLL = self.relpos_bias(x_BLD.shape[1], x_BLD.shape[1])

        def body(
            layer: EncoderLayer, x_BLD: jax.Array, index: jax.Array, _: None
        ) -> tuple[jax.Array, None]:
            key = layer_key(keys[1], index)
            return layer(x_BLD, mask=mask, bias=bias_1HLL, dropout_key=key), None

        x_BLD = dropout(x_BLD, rate, key=keys[0], shared_axis=-2)
        num_layers = self.config.num_encoder_layers
        x_BLD, _ = run_layers(self.layers, body, x_BLD, config=self.config, num_layers=num_layers)
        return dropout(self.encoder_norm(x_BLD), rate, key=keys[2])


class Decoder(nnx.Module):
    """The stack that writes the output, with or without an encoder to look at."""

    def __init__(self, config: TransformerConfig):
        self.relpos_bias = RelativeBias(config, bidirectional=False)
        self.layers = stack_parameters(DecoderLayer(config), config.num_decoder_layers)
        self.decoder_norm = RMSNorm(config)
        if not config.tied_embeddings:
            axes = ("embed", "vocab")
            # Logits are float32 whatever the compute type, as in T5X.
            self.logits_dense = Linear(
                config.d_model, config.vocab_size, axes=axes, dtype="float32"
            )
        self.config = config

    def __call__(
        self,
        x_BLD: jax.Array,
        *,
        mask: jax.Array,
        encoded_BSD: jax.Array | None = None,
        cross_mask: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps embeddings [B, L, D] to normed hidden states [B, L, D], all positions at once."""
        keys = split_key(dropout_key, 3)
        rate = self.config.dropout_rate
        bias_1HLL = self.relpos_bias(x_BLD.shape[1], x_BLD.shape[1])

        def body(
            layer: DecoderLayer, x_BLD: jax.Array, index: jax.Array, _: None
        ) -> tuple[jax.Array, None]:
            cross = None
            if encoded_BSD is not None:
                cross = layer.encoder_decoder_attention.keys_values(encoded_BSD)
            x_BLD = layer(
                x_BLD,
                mask=mask,
                bias=bias_1HLL,
                cross=cross,
                cross_mask=cross_mask,
                dropout_key=layer_key(keys[1], index),
            )
            return x_BLD, None

        x_BLD = dropout(x_BLD, rate, key=keys[0], shared_axis=-2)
        num_layers = self.config.num_decoder_layers
        x_BLD, _ = run_layers(self.layers, body, x_BLD, config=self.config, num_layers=num_layers)
        return dropout(self.decoder_norm(x_BLD), rate, key=keys[2], shared_axis=-2)

    def cross_keys_values(self, encoded_BSD: jax.Array) -> KeysValues:
        """Every layer's keys and values [layers, B, H, S, K] of the encoder's output."""

        def body(
            layer: DecoderLayer, carry: None, index: jax.Array, _: None
        ) -> tuple[None, KeysValues]:
            return carry, layer.encoder_decoder_attention.keys_values(encoded_BSD)

        num_layers = self.config.num_decoder_layers
        return run_layers(self.layers, body, None, config=self.config, num_layers=num_layers)[1]

    def extend(
        self,
        x_BLD: jax.Array,
        past: KeysValues,
        *,
        slot: jax.Array,
        mask: jax.Array,
        bias: jax.Array,
        cross: KeysValues | None = None,
        cross_mask: jax.Array | None = None,
    ) -> tuple[jax.Array, KeysValues]:
        """Runs new positions that also see those in a cache, and adds them to it.

        Args:
          x_BLD: Embeddings of the new positions.
          past: Keys and values [layers, B, H, S, K]; slots not yet written are masked out.
          slot: Where the first new position is written, a scalar.
          mask: Which slots each new position sees, [B, 1, L, S].
          bias: Relative bias, broadcasts to [B, H, L, S].
          cross: What `cross_keys_values` gave; None without an encoder.
          cross_mask: Mask over it.

        Returns:
          Normed hidden states [B, L, D], and the cache with the new positions written.
        """

        def body(
            layer: DecoderLayer,
            carry: tuple[jax.Array, KeysValues],
            index: jax.Array,
            cross: KeysValues | None,
        ) -> tuple[tuple[jax.Array, KeysValues], None]:
            x_BLD, past = carry

            def remember(fresh: KeysValues) -> KeysValues:
                # The whole stack's cache is carried and written in place, a few slots at a time.
                nonlocal past
                past = (
                    _write(past[0], fresh[0], index, slot),
                    _write(past[1], fresh[1], index, slot),
                )
                return past[0][index], past[1][index]

            x_BLD = layer(
                x_BLD, mask=mask, bias=bias, cross=cross, cross_mask=cross_mask, remember=remember
            )
            return (x_BLD, past), None

        (x_BLD, past), _ = run_layers(
            self.layers,
            body,
            (x_BLD, past),
            config=self.config,
            num_layers=self.config.num_decoder_layers,
            xs=cross,
        )
        return self.decoder_norm(x_BLD), past


def layer_key(key: jax.Array | None, index: jax.Array) -> jax.Array | None:
    """The dropout key of one layer, from its index alone: scanned and unrolled agree."""
    return None if key is None else jax.random.fold_in(key, index)


def _write(
    cache_LBHSK: jax.Array, fresh_BHQK: jax.Array, index: jax.Array, slot: jax.Array
) -> jax.Array:
    fresh_1BHQK = fresh_BHQK[None].astype(cache_LBHSK.dtype)
    return jax.lax.dynamic_update_slice(cache_LBHSK, fresh_1BHQK, (index, 0, 0, slot, 0))

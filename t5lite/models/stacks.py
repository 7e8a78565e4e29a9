"""Encoder and decoder layers, and the stacks that run them scanned or unrolled.

Shapes: B batch, L length, S source length, D d_model, E width of the token embedding (D but for
OPT-350m), H heads, G heads of keys and values, K d_kv.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from t5lite.models.attention import Attention, KeysValues
from t5lite.models.config import TransformerConfig
from t5lite.models.layers import Linear, Mlp, Norm, constrain, dropout, initializers, split_key
from t5lite.models.per_layer import Layers, PerLayer, is_per_layer
from t5lite.models.position_config import Learned, RelativeBias, Rotary
from t5lite.models.positions import PositionEmbedding, RelativeBiasTable, Rotation, rotation

# From a table of relative biases to the bias of the positions at hand.
BiasFn = Callable[[RelativeBiasTable], jax.Array]

_ACTIVATION_AXES = ("batch", "length", "activation_embed")


class _Layer(nnx.Module):
    """What the two layers share: residual branches around a norm."""

    def __init__(self, config: TransformerConfig, *, bidirectional: bool):
        positions = config.positions
        self.has_bias = isinstance(positions, RelativeBias) and positions.per_layer
        if isinstance(positions, RelativeBias) and positions.per_layer:
            self.relpos_bias = RelativeBiasTable(
                positions, config.num_heads, bidirectional=bidirectional
            )
        self.mlp = Mlp(config)
        self.config = config

    def _branch(
        self,
        x_BLD: jax.Array,
        norm: Norm,
        block: Callable[[jax.Array], jax.Array],
        *,
        dropout_key: jax.Array | None,
    ) -> jax.Array:
        """One residual branch: x + block(norm(x)), or norm(x + block(x))."""
        rate = self.config.dropout_rate
        if self.config.norm_position == "post":
            return norm(x_BLD + dropout(block(x_BLD), rate, key=dropout_key, shared_axis=-2))
        return x_BLD + dropout(block(norm(x_BLD)), rate, key=dropout_key, shared_axis=-2)

    def bias(self, shared: jax.Array | None, bias_fn: BiasFn) -> jax.Array | None:
        """This layer's relative bias: its own, or else the stack's."""
        return bias_fn(self.relpos_bias) if self.has_bias else shared


class EncoderLayer(_Layer):
    """Self-attention, then MLP."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, bidirectional=True)
        self.pre_attention_layer_norm = Norm(config)
        self.attention = Attention(config)
        self.pre_mlp_layer_norm = Norm(config)

    def __call__(
        self,
        x_BLD: jax.Array,
        *,
        mask: jax.Array,
        bias: jax.Array | None,
        rotation: Rotation | None = None,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps [B, L, D] to [B, L, D]."""
        keys = split_key(dropout_key, 4)

        def attend(y_BLD: jax.Array) -> jax.Array:
            return self.attention(
                y_BLD,
                self.attention.keys_values(y_BLD, rotation=rotation),
                mask=mask,
                bias=bias,
                rotation=rotation,
                dropout_key=keys[0],
            )

        x_BLD = self._branch(x_BLD, self.pre_attention_layer_norm, attend, dropout_key=keys[1])
        mlp = functools.partial(self.mlp, dropout_key=keys[2])
        x_BLD = self._branch(x_BLD, self.pre_mlp_layer_norm, mlp, dropout_key=keys[3])
        return constrain(x_BLD, _ACTIVATION_AXES)


class DecoderLayer(_Layer):
    """Self-attention, cross-attention where there is an encoder, then MLP; or two at once."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, bidirectional=False)
        self.pre_self_attention_layer_norm = Norm(config)
        self.self_attention = Attention(config)
        if config.architecture == "encoder_decoder":
            self.pre_cross_attention_layer_norm = Norm(config)
            self.encoder_decoder_attention = Attention(config)
        if config.block != "parallel_shared_norm":
            self.pre_mlp_layer_norm = Norm(config)

    def __call__(
        self,
        x_BLD: jax.Array,
        *,
        mask: jax.Array,
        bias: jax.Array | None,
        rotation: Rotation | None = None,
        cross: KeysValues | None = None,
        cross_mask: jax.Array | None = None,
        remember: Callable[[KeysValues], KeysValues] = lambda fresh: fresh,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps [B, L, D] to [B, L, D].

        Args:
          x_BLD: Hidden states.
          mask: Self-attention mask over all that `remember` returns.
          bias: Self-attention bias over the same; None for none.
          rotation: How heads at these positions are turned; None for not at all.
          cross: This layer's keys and values of the encoder's output; None without an encoder.
          cross_mask: Mask over them.
          remember: From the keys and values of these positions to those looked at: all so far
            when decoding from a cache.
          dropout_key: Key for dropout; None for none.
        """
        keys = split_key(dropout_key, 6)

        def attend(y_BLD: jax.Array) -> jax.Array:
            seen = remember(self.self_attention.keys_values(y_BLD, rotation=rotation))
            return self.self_attention(
                y_BLD, seen, mask=mask, bias=bias, rotation=rotation, dropout_key=keys[0]
            )

        mlp = functools.partial(self.mlp, dropout_key=keys[4])
        if self.config.block != "sequential":
            return constrain(self._parallel(x_BLD, attend, mlp, keys), _ACTIVATION_AXES)
        x_BLD = self._branch(x_BLD, self.pre_self_attention_layer_norm, attend, dropout_key=keys[1])
        if cross is not None:
            assert cross_mask is not None
            look = functools.partial(
                self.encoder_decoder_attention,
                keys_values=cross,
                mask=cross_mask,
                dropout_key=keys[2],
            )
            x_BLD = self._branch(
                x_BLD, self.pre_cross_attention_layer_norm, look, dropout_key=keys[3]
            )
        x_BLD = self._branch(x_BLD, self.pre_mlp_layer_norm, mlp, dropout_key=keys[5])
        return constrain(x_BLD, _ACTIVATION_AXES)

    def _parallel(
        self,
        x_BLD: jax.Array,
        attend: Callable[[jax.Array], jax.Array],
        mlp: Callable[[jax.Array], jax.Array],
        keys: list[jax.Array | None],
    ) -> jax.Array:
        """Both branches at once: x + attention(norm(x)) + mlp(norm'(x)); PaLM's norms are one."""
        rate = self.config.dropout_rate
        y_BLD = self.pre_self_attention_layer_norm(x_BLD)
        shared = self.config.block == "parallel_shared_norm"
        z_BLD = y_BLD if shared else self.pre_mlp_layer_norm(x_BLD)
        attended_BLD = dropout(attend(y_BLD), rate, key=keys[1], shared_axis=-2)
        return x_BLD + attended_BLD + dropout(mlp(z_BLD), rate, key=keys[5], shared_axis=-2)


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
      stacked: A module made by `stack_parameters`, its values bound, stacked or `PerLayer`.
      body: `(layer, carry, index, x) -> (carry, y)`, with `layer` a single bound layer.
      carry: What the first layer gets.
      config: Chooses scan or loop (what is `PerLayer` is looped over), and what the backward pass
        recomputes.
      num_layers: Layers in the stack.
      xs: A tree of arrays with a leading `layers` axis, or of `PerLayer`s, one slice of which is
        each layer's `x`.

    Returns:
      The last carry, and the `y`s stacked along a leading `layers` axis.
    """
    graphdef, params = nnx.split(stacked)

    def run_one(carry: Any, layer_inputs: Any) -> tuple[Any, Any]:
        layer_params, index, x = layer_inputs
        return body(nnx.merge(graphdef, layer_params), carry, index, x)

    # A scan's body cannot be merged with its own recomputation, so the guard against it would
    # only stand in the compiler's way.
    apart = any(map(is_per_layer, jax.tree.leaves(params, is_leaf=is_per_layer)))
    if not apart:
        run_one = _rematerialise(run_one, config.remat, prevent_cse=not config.scan_layers)
    all_inputs = (params, np.arange(num_layers, dtype=np.int32), xs)
    if config.scan_layers and not apart:
        return jax.lax.scan(run_one, carry, all_inputs)
    ys = []
    for i in range(num_layers):
        layer_inputs = jax.tree.map(lambda leaf, i=i: leaf[i], all_inputs, is_leaf=is_per_layer)
        carry, y = run_one(carry, layer_inputs)
        ys.append(y)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *ys)


def _rematerialise(fn: Callable[..., Any], remat: str, *, prevent_cse: bool) -> Callable[..., Any]:
    if remat == "none":
        return fn
    # Weight matrices have no batch axis, so this keeps their outputs and recomputes attention's.
    keep = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
    policy = {"full": None, "dots": keep}[remat]
    return jax.checkpoint(fn, policy=policy, prevent_cse=prevent_cse)


class _Stack(nnx.Module):
    """What the two stacks share: positions on the way in, a norm on the way out."""

    def __init__(self, config: TransformerConfig, *, bidirectional: bool):
        positions = config.positions
        self.has_bias = isinstance(positions, RelativeBias) and not positions.per_layer
        if isinstance(positions, RelativeBias) and not positions.per_layer:
            self.relpos_bias = RelativeBiasTable(
                positions, config.num_heads, bidirectional=bidirectional
            )
        if isinstance(positions, Learned):
            self.position_embedder = PositionEmbedding(config)
        self.config = config

    def _add_positions(self, x_BLD: jax.Array, position_BL: jax.Array) -> jax.Array:
        if isinstance(self.config.positions, Learned):
            x_BLD += self.position_embedder(position_BL)
        return x_BLD

    def _rotation(self, position_BL: jax.Array) -> Rotation | None:
        if not isinstance(self.config.positions, Rotary):
            return None
        return rotation(self.config.positions, position_BL, d_kv=self.config.d_kv)

    def _shared_bias(self, bias_fn: BiasFn) -> jax.Array | None:
        """The bias all layers share, if they share one."""
        return bias_fn(self.relpos_bias) if self.has_bias else None


class Encoder(_Stack):
    """The stack that reads the input."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, bidirectional=True)
        self.layers = stack_parameters(EncoderLayer(config), config.num_encoder_layers)
        if config.norm_position == "pre":
            self.encoder_norm = Norm(config)

    def __call__(
        self,
        x_BLD: jax.Array,
        *,
        position_BL: jax.Array,
        mask: jax.Array,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps embeddings [B, L, D] to normed hidden states [B, L, D]."""
        keys = split_key(dropout_key, 3)
        rate = self.config.dropout_rate
        length = x_BLD.shape[1]

        def bias_fn(table: RelativeBiasTable) -> jax.Array:
            return table(length, length)

        shared_bias = self._shared_bias(bias_fn)
        rotation = self._rotation(position_BL)

        def body(
            layer: EncoderLayer, x_BLD: jax.Array, index: jax.Array, _: None
        ) -> tuple[jax.Array, None]:
            x_BLD = layer(
                x_BLD,
                mask=mask,
                bias=layer.bias(shared_bias, bias_fn),
                rotation=rotation,
                dropout_key=layer_key(keys[1], index),
            )
            return x_BLD, None

        x_BLD = self._add_positions(x_BLD, position_BL)
        x_BLD = dropout(x_BLD, rate, key=keys[0], shared_axis=-2)
        num_layers = self.config.num_encoder_layers
        x_BLD, _ = run_layers(self.layers, body, x_BLD, config=self.config, num_layers=num_layers)
        if self.config.norm_position == "pre":
            x_BLD = self.encoder_norm(x_BLD)
        return dropout(x_BLD, rate, key=keys[2])


class Decoder(_Stack):
    """The stack that writes the output, with or without an encoder to look at."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, bidirectional=False)
        init_fn = initializers(config).mlp_in
        width, embedding_width = config.d_model, config.embedding_width
        axes = ("embed", "embed")
        if config.embedding_dim is not None:
            self.project_in = Linear(
                embedding_width, width, axes=axes, dtype=config.dtype, init_fn=init_fn
            )
            self.project_out = Linear(
                width, embedding_width, axes=axes, dtype=config.dtype, init_fn=init_fn
            )
        self.layers = stack_parameters(DecoderLayer(config), config.num_decoder_layers)
        if config.norm_position == "pre":
            self.decoder_norm = Norm(config)
        if not config.tied_embeddings:
            # Logits are float32 whatever the compute type, as in T5X.
            self.logits_dense = Linear(
                embedding_width,
                config.vocab_size,
                axes=("embed", "vocab"),
                dtype="float32",
                init_fn=init_fn,
            )

    def __call__(
        self,
        x_BLE: jax.Array,
        *,
        position_BL: jax.Array,
        mask: jax.Array,
        encoded_BSD: jax.Array | None = None,
        cross_mask: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps embeddings [B, L, E] to what is projected to logits, all positions at once."""
        keys = split_key(dropout_key, 3)
        rate = self.config.dropout_rate
        length = x_BLE.shape[1]

        def bias_fn(table: RelativeBiasTable) -> jax.Array:
            return table(length, length)

        shared_bias = self._shared_bias(bias_fn)
        rotation = self._rotation(position_BL)

        def body(
            layer: DecoderLayer, x_BLD: jax.Array, index: jax.Array, _: None
        ) -> tuple[jax.Array, None]:
            cross = None
            if encoded_BSD is not None:
                cross = layer.encoder_decoder_attention.keys_values(encoded_BSD)
            x_BLD = layer(
                x_BLD,
                mask=mask,
                bias=layer.bias(shared_bias, bias_fn),
                rotation=rotation,
                cross=cross,
                cross_mask=cross_mask,
                dropout_key=layer_key(keys[1], index),
            )
            return x_BLD, None

        x_BLD = dropout(self._enter(x_BLE, position_BL), rate, key=keys[0], shared_axis=-2)
        num_layers = self.config.num_decoder_layers
        x_BLD, _ = run_layers(self.layers, body, x_BLD, config=self.config, num_layers=num_layers)
        return dropout(self._leave(x_BLD), rate, key=keys[2], shared_axis=-2)

    def cross_keys_values(self, encoded_BSD: jax.Array) -> KeysValues:
        """Every layer's keys and values [layers, B, G, S, K] of the encoder's output."""

        def body(
            layer: DecoderLayer, carry: None, index: jax.Array, _: None
        ) -> tuple[None, KeysValues]:
            return carry, layer.encoder_decoder_attention.keys_values(encoded_BSD)

        num_layers = self.config.num_decoder_layers
        return run_layers(self.layers, body, None, config=self.config, num_layers=num_layers)[1]

    def extend(
        self,
        x_BLE: jax.Array,
        past: tuple[Layers, Layers],
        *,
        position_BL: jax.Array,
        slot: jax.Array,
        mask: jax.Array,
        bias_fn: BiasFn,
        cross: KeysValues | None = None,
        cross_mask: jax.Array | None = None,
    ) -> tuple[jax.Array, tuple[Layers, Layers]]:
        """Runs new positions that also see those in a cache, and adds them to it.

        Args:
          x_BLE: Embeddings of the new positions.
          past: Keys and values [layers, B, G, S, K], stacked or `PerLayer`; slots not yet written
            are masked out.
          position_BL: Where in its text each new token stands.
          slot: Where the first new position is written, a scalar.
          mask: Which slots each new position sees, [B, 1, L, S].
          bias_fn: Relative bias of a table, broadcasts to [B, H, L, S].
          cross: What `cross_keys_values` gave; None without an encoder.
          cross_mask: Mask over it.

        Returns:
          What is projected to logits, and the cache with the new positions written.
        """
        shared_bias = self._shared_bias(bias_fn)
        rotation = self._rotation(position_BL)

        def body(
            layer: DecoderLayer,
            carry: tuple[jax.Array, tuple[Layers, Layers]],
            index: jax.Array,
            cross: KeysValues | None,
        ) -> tuple[tuple[jax.Array, tuple[Layers, Layers]], None]:
            x_BLD, past = carry

            def remember(fresh: KeysValues) -> KeysValues:
                # The whole stack's cache is carried and written in place, a few slots at a time.
                nonlocal past
                past = (
                    _write(past[0], fresh[0], index=index, slot=slot),
                    _write(past[1], fresh[1], index=index, slot=slot),
                )
                return past[0][index], past[1][index]

            x_BLD = layer(
                x_BLD,
                mask=mask,
                bias=layer.bias(shared_bias, bias_fn),
                rotation=rotation,
                cross=cross,
                cross_mask=cross_mask,
                remember=remember,
            )
            return (x_BLD, past), None

        (x_BLD, past), _ = run_layers(
            self.layers,
            body,
            (self._enter(x_BLE, position_BL), past),
            config=self.config,
            num_layers=self.config.num_decoder_layers,
            xs=cross,
        )
        return self._leave(x_BLD), past

    def _enter(self, x_BLE: jax.Array, position_BL: jax.Array) -> jax.Array:
        """From embedded tokens to the first layer's input."""
        x_BLD = x_BLE if self.config.embedding_dim is None else self.project_in(x_BLE)
        return self._add_positions(x_BLD, position_BL)

    def _leave(self, x_BLD: jax.Array) -> jax.Array:
        """From the last layer's output to what is projected to logits."""
        if self.config.norm_position == "pre":
            x_BLD = self.decoder_norm(x_BLD)
        return x_BLD if self.config.embedding_dim is None else self.project_out(x_BLD)


def layer_key(key: jax.Array | None, index: jax.Array) -> jax.Array | None:
    """The dropout key of one layer, from its index alone: scanned and unrolled agree."""
    return None if key is None else jax.random.fold_in(key, index)


def _write(
    cache_LBGSK: Layers, fresh_BGQK: jax.Array, *, index: jax.Array, slot: jax.Array
) -> Layers:
    fresh_BGQK = fresh_BGQK.astype(jax.tree.leaves(cache_LBGSK)[0].dtype)
    if isinstance(cache_LBGSK, PerLayer):
        layer = int(index)
        layer_BGSK = jax.lax.dynamic_update_slice(cache_LBGSK[layer], fresh_BGQK, (0, 0, slot, 0))
        return cache_LBGSK.replace(layer, layer_BGSK)
    return jax.lax.dynamic_update_slice(cache_LBGSK, fresh_BGQK[None], (index, 0, 0, slot, 0))

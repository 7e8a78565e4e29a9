"""The layer, and the stack of layers, that encoders and decoders are made of.

Shapes: B batch, L length, S source length or slots, D d_model, E width of the token embedding (D
but for OPT-350m), H heads, G heads of keys and values, K d_kv.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
from flax import nnx

from t5lite.models.adapter_config import AdaptionPrompt
from t5lite.models.adaption_prompt import AdaptionPrompts, Prompt, prompt_of_layer
from t5lite.models.attention import Attend, Attention, KeysValues
from t5lite.models.config import TransformerConfig
from t5lite.models.layer_loop import (
    Layers,
    from_layer,
    is_per_layer,
    layer_key,
    run_layers,
    stack_parameters,
    write_slots,
)
from t5lite.models.layers import Linear, Mlp, Norm, constrain, dropout, initializers, split_key
from t5lite.models.masks import Mask
from t5lite.models.position_config import Alibi, Learned, RelativeBias, Rotary
from t5lite.models.positions import (
    AlibiBias,
    BiasByDistance,
    PositionEmbedding,
    RelativeBiasTable,
    Rotation,
    rotation,
    text_lengths,
)

Name = Literal["encoder", "decoder"]
# From what knows the bias of every distance to that of the positions at hand.
BiasFn = Callable[[BiasByDistance], jax.Array]


def _bias_table(
    config: TransformerConfig, stack: Name, *, per_layer: bool
) -> RelativeBiasTable | None:
    """The table that a layer has, or that a stack has for all of them."""
    positions = config.positions
    if not isinstance(positions, RelativeBias) or positions.per_layer != per_layer:
        return None
    return RelativeBiasTable(positions, config.num_heads, bidirectional=stack == "encoder")


class Layer(nnx.Module):
    """Self-attention, cross-attention where there is an encoder, then MLP; or two at once."""

    def __init__(self, config: TransformerConfig, stack: Name):
        # Names are T5X's, which has another for an encoder's only attention.
        self.attention_name = "attention" if stack == "encoder" else "self_attention"
        self.has_cross = stack == "decoder" and config.architecture == "encoder_decoder"
        self.num_keys = 4 if stack == "encoder" else 6
        self.config = config
        if (table := _bias_table(config, stack, per_layer=True)) is not None:
            self.relpos_bias = table
        setattr(self, f"pre_{self.attention_name}_layer_norm", Norm(config))
        setattr(self, self.attention_name, Attention(config))
        if self.has_cross:
            self.pre_cross_attention_layer_norm = Norm(config)
            self.encoder_decoder_attention = Attention(config)
        if config.block != "parallel_shared_norm":
            self.pre_mlp_layer_norm = Norm(config)
        self.mlp = Mlp(config)

    def __call__(
        self,
        x_BLD: jax.Array,
        *,
        attend: Attend,
        bias: jax.Array | None,
        rotation: Rotation | None = None,
        prefix: KeysValues | None = None,
        prompt: Prompt | None = None,
        cross: KeysValues | None = None,
        attend_cross: Attend | None = None,
        update_cache: Callable[[KeysValues], KeysValues] | None = None,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """Maps [B, L, D] to [B, L, D].

        Args:
          x_BLD: Hidden states.
          attend: How self-attention looks at keys, and at which.
          bias: Its bias, as `attend` takes it; None for none.
          rotation: How heads at these positions are turned; None for not at all.
          prefix: This layer's keys and values of a text before, which rows share; None for none.
          prompt: What self-attention sees beside the text; None for nothing.
          cross: This layer's keys and values of the encoder's output; None without an encoder.
          attend_cross: How it looks at them.
          update_cache: From the keys and values of these positions to those looked at, all so far;
            None where these positions are all.
          dropout_key: Key for dropout; None for none.
        """
        keys = split_key(dropout_key, self.num_keys)
        attention = self.own_attention
        norm: Norm = getattr(self, f"pre_{self.attention_name}_layer_norm")
        beside = None
        if prompt is not None:
            float32_logits = self.config.float32_attention_logits
            beside = functools.partial(prompt.seen_by, float32_logits=float32_logits)

        def look(y_BLD: jax.Array) -> jax.Array:
            seen = attention.keys_values(y_BLD, rotation=rotation, dropout_key=keys[0])
            if update_cache is not None:
                seen = update_cache(seen)
            return attention(
                *(y_BLD, seen),
                attend=attend,
                bias=bias,
                rotation=rotation,
                shared=prefix,
                beside=beside,
                dropout_key=keys[0],
            )

        mlp = functools.partial(self.mlp, dropout_key=keys[-2])
        rate = self.config.dropout_rate
        if self.config.block != "sequential":
            # x + attention(norm(x)) + mlp(norm'(x)); PaLM's norms are one.
            y_BLD = norm(x_BLD)
            shared = self.config.block == "parallel_shared_norm"
            z_BLD = y_BLD if shared else self.pre_mlp_layer_norm(x_BLD)
            attended_BLD = dropout(look(y_BLD), rate, key=keys[1], shared_axis=-2)
            x_BLD = x_BLD + attended_BLD + dropout(mlp(z_BLD), rate, key=keys[-1], shared_axis=-2)
            return constrain(x_BLD, ("batch", "length", "activation_embed"))
        x_BLD = self._branch(x_BLD, norm, look, dropout_key=keys[1])
        if cross is not None:
            assert attend_cross is not None
            look_across = functools.partial(
                self.encoder_decoder_attention,
                keys_values=cross,
                attend=attend_cross,
                dropout_key=keys[2],
            )
            x_BLD = self._branch(
                x_BLD, self.pre_cross_attention_layer_norm, look_across, dropout_key=keys[3]
            )
        x_BLD = self._branch(x_BLD, self.pre_mlp_layer_norm, mlp, dropout_key=keys[-1])
        return constrain(x_BLD, ("batch", "length", "activation_embed"))

    @property
    def own_attention(self) -> Attention:
        """That over the stack's own positions."""
        return getattr(self, self.attention_name)

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


class Stack(nnx.Module):
    """The encoder, which reads the input, or the decoder, which writes the output."""

    def __init__(self, config: TransformerConfig, name: Name):
        self.config = config
        self.name = name
        is_decoder = name == "decoder"
        self.num_layers = config.num_decoder_layers if is_decoder else config.num_encoder_layers
        self.projects = is_decoder and config.embedding_dim is not None
        if (table := _bias_table(config, name, per_layer=False)) is not None:
            self.relpos_bias = table
        self.alibi: AlibiBias | None = None
        if isinstance(config.positions, Alibi):
            slopes_H = config.positions.slopes(config.num_heads)
            self.alibi = AlibiBias(tuple(slopes_H.tolist()))
        if isinstance(config.positions, Learned):
            self.position_embedder = PositionEmbedding(config)
        if config.embedding_norm:
            self.embedding_norm = Norm(config)
        width, embedding_width = config.d_model, config.embedding_width
        linear = functools.partial(Linear, init_fn=initializers(config).mlp_in)
        if self.projects:
            # Only one of two dimensions can go with `embed`, and d_model is what others share.
            into, out = ("narrow_embed", "embed"), ("embed", "narrow_embed")
            self.project_in = linear(embedding_width, width, axes=into, dtype=config.dtype)
            self.project_out = linear(width, embedding_width, axes=out, dtype=config.dtype)
        self.layers = stack_parameters(Layer(config, name), self.num_layers)
        if config.norm_position == "pre":
            setattr(self, f"{name}_norm", Norm(config))
        if is_decoder and not config.tied_embeddings:
            # Logits are float32 whatever the compute type, as in T5X.
            self.logits_dense = linear(
                embedding_width, config.vocab_size, axes=("embed", "vocab"), dtype="float32"
            )

    def __call__(
        self,
        x_BLE: jax.Array,
        *,
        position_BL: jax.Array,
        length_BL: jax.Array | None = None,
        mask: jax.Array | Mask,
        bias_fn: BiasFn | None = None,
        encoded_BSD: jax.Array | None = None,
        cross: KeysValues | None = None,
        cross_mask: jax.Array | Mask | None = None,
        past: tuple[Layers, Layers] | None = None,
        prefix: tuple[Layers, Layers] | None = None,
        prompts: KeysValues | None = None,
        slot: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
    ) -> tuple[jax.Array, tuple[Layers, Layers] | None]:
        """Runs all layers: over whole texts, or over new positions that also see those in a cache.

        Args:
          x_BLE: Embedded tokens.
          position_BL: Where in its text each token stands.
          length_BL: That of the texts, as `positions.rotation` takes it; None for what whole texts
            show, and for texts in a cache that may yet grow.
          mask: Which positions, or slots of the cache, each position sees, [B, 1, L, S], or its
            description, which leaves the choice of how attention is computed.
          bias_fn: Bias of a table, or ALiBi's, broadcasts to [B, H, L, S]; None for that of a text
            from its beginning, whose mask is a description.
          encoded_BSD: The encoder's output, to be looked at; None without an encoder.
          cross: In its place what `cross_keys_values` made of it.
          cross_mask: Mask over it.
          past: Keys and values [layers, B, G, S, K], stacked or `PerLayer`, slots not yet written
            masked out; None where there is no cache.
          prefix: Keys and values [layers, R, G, P, K] of a text before those slots, each row's for
            B / R neighbours of the batch, stacked or `PerLayer`; None for none.
          prompts: What `prompt_keys_values` made; None for what is made here, if anything.
          slot: Where the first of these positions is written, a scalar.
          dropout_key: Key for dropout; None for none.

        Returns:
          Normed hidden states, of a decoder in the width [B, L, E] that is projected to logits, and
          the cache with these positions written.
        """
        config = self.config
        keys = split_key(dropout_key, 3)
        attend, attend_cross = Attend.over(mask, config), None
        if cross_mask is not None:
            attend_cross = Attend.over(cross_mask, config)
        bias_fn = bias_fn or attend.bias
        of_distance = getattr(self, "relpos_bias", self.alibi)
        shared_bias = None if of_distance is None else bias_fn(of_distance)
        turn = None
        if isinstance(config.positions, Rotary):
            if length_BL is None and past is None:
                segments = mask.segments if isinstance(mask, Mask) else None
                length_BL = text_lengths(position_BL, segments and segments[0])
            turn = rotation(config.positions, position_BL, d_kv=config.d_kv, length_BL=length_BL)

        def body(
            layer: Layer,
            carry: tuple[jax.Array, tuple[Layers, Layers] | None],
            index: jax.Array,
            read_before: tuple[KeysValues | None, KeysValues | None, Any],
        ) -> tuple[tuple[jax.Array, tuple[Layers, Layers] | None], None]:
            x_BLD, past = carry
            cross, prefix, prompt = read_before

            def update_cache(fresh: KeysValues) -> KeysValues:
                # The whole stack's cache is carried and written in place, a few slots at a time.
                nonlocal past
                assert past is not None and slot is not None
                past = (
                    write_slots(past[0], fresh[0], index=index, slot=slot),
                    write_slots(past[1], fresh[1], index=index, slot=slot),
                )
                return past[0][index], past[1][index]

            key = layer_key(keys[1], index)
            if encoded_BSD is not None:
                cross = layer.encoder_decoder_attention.keys_values(encoded_BSD, dropout_key=key)
            own_bias = bias_fn(layer.relpos_bias) if hasattr(layer, "relpos_bias") else shared_bias
            x_BLD = layer(
                x_BLD,
                attend=attend,
                bias=own_bias,
                rotation=turn,
                prefix=prefix,
                prompt=prompt and prompt_of_layer(layer.own_attention, prompt),
                cross=cross,
                attend_cross=attend_cross,
                update_cache=None if past is None else update_cache,
                dropout_key=key,
            )
            return (x_BLD, past), None

        x_BLD = x_BLE
        if self.projects:
            # Or its kernel's gradient would take the embedded tokens of all devices to each.
            x_BLD = self.project_in(x_BLE, dropout_key=dropout_key)
            x_BLD = constrain(x_BLD, ("batch", "length", "activation_embed"))
        if isinstance(config.positions, Learned):
            x_BLD += self.position_embedder(position_BL)
        if config.embedding_norm:
            x_BLD = self.embedding_norm(x_BLD)
        x_BLD = dropout(x_BLD, config.dropout_rate, key=keys[0], shared_axis=-2)
        prompt = None if self.prompts is None else self.prompts.of_layers(prompts)
        (x_BLD, past), _ = self._run_layers(body, (x_BLD, past), xs=(cross, prefix, prompt))
        if config.norm_position == "pre":
            x_BLD = getattr(self, f"{self.name}_norm")(x_BLD)
        x_BLE = self.project_out(x_BLD, dropout_key=dropout_key) if self.projects else x_BLD
        # T5 drops an encoder's outputs one by one, all others for a whole text.
        shared_axis = None if self.name == "encoder" else -2
        return dropout(x_BLE, config.dropout_rate, key=keys[2], shared_axis=shared_axis), past

    def cross_keys_values(self, encoded_BSD: jax.Array) -> KeysValues:
        """Every layer's keys and values [layers, B, G, S, K] of the encoder's output."""

        def body(layer: Layer, carry: None, index: jax.Array, _: None) -> tuple[None, KeysValues]:
            return carry, layer.encoder_decoder_attention.keys_values(encoded_BSD)

        return self._run_layers(body, None)[1]

    @property
    def prompts(self) -> AdaptionPrompts | None:
        """What the last layers look at beside the text; None for nothing."""
        return getattr(self, "adaption_prompt", None)

    def add_prompts(self, adapter: AdaptionPrompt) -> None:
        """Adds an adapter's prompts; raises ValueError if there are more than layers."""
        if (adapter.num_layers or 0) > self.num_layers:
            raise ValueError(
                f"AdaptionPrompt.num_layers is {adapter.num_layers}, and the {self.name} has "
                f"{self.num_layers} layers. Give fewer, or None for all."
            )
        self.adaption_prompt = AdaptionPrompts(self.config, adapter, stack_layers=self.num_layers)

    def prompt_keys_values(self) -> KeysValues:
        """Keys and values [N, 1, G, P, K] of the prompts of the N layers that have one."""

        def body(
            layer: Layer, carry: None, index: jax.Array, embedding_PD: jax.Array
        ) -> tuple[None, KeysValues]:
            return carry, layer.own_attention.keys_values(embedding_PD[None])

        prompts = self.adaption_prompt
        made = self._run_layers(body, None, xs=prompts.padded_embedding())[1]
        return jax.tree.map(
            lambda each_L: from_layer(each_L, prompts.num_without), made, is_leaf=is_per_layer
        )

    def _run_layers(self, body: Callable[..., Any], carry: Any, *, xs: Any = None) -> Any:
        return run_layers(
            self.layers, body, carry, config=self.config, num_layers=self.num_layers, xs=xs
        )

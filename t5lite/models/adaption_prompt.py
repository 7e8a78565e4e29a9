"""LLaMA-Adapter's prompts: learned tokens that self-attention of a stack's last layers sees too.

Zhang et al., arXiv:2303.16199, section 3. Keys and values are made of the tokens by the layer's own
projections; they have no position, so nothing rotates them, biases their logits or hides them.
Shapes: B batch, N layers with prompts, P tokens of a prompt, D d_model, H heads, G heads of keys
and values, Q query length, K d_kv.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from t5lite.models.adapter_config import AdaptionPrompt
from t5lite.models.attention import Attention, KeysValues, dot_product_attention
from t5lite.models.config import TransformerConfig
from t5lite.models.layer_loop import Layers, PerLayer, is_per_layer
from t5lite.models.layers import parameter


class Prompt(NamedTuple):
    """What one layer looks at beside its text.

    Attributes:
      keys_values: of its prompt, [1, G, P, K] each.
      gate_H: what each head's part is multiplied by, float32.
    """

    keys_values: KeysValues
    gate_H: jax.Array

    def seen_by(self, query_BHQK: jax.Array, *, float32_logits: bool) -> jax.Array:
        """Gives gate softmax(q k) v, [B, H, Q, K]: a softmax apart from that over the text.

        Args:
          query_BHQK: queries as the text's keys meet them, scaled and rotated.
          float32_logits: see `dot_product_attention`.
        """
        batch = query_BHQK.shape[0]
        key, value = (jnp.broadcast_to(x, (batch, *x.shape[1:])) for x in self.keys_values)
        seen_BHQK = dot_product_attention(
            *(query_BHQK, key, value),
            mask=jnp.ones((1, 1, 1, key.shape[2]), bool),
            bias=None,
            float32_logits=float32_logits,
        )
        return self.gate_H[:, None, None].astype(seen_BHQK.dtype) * seen_BHQK


class AdaptionPrompts(nnx.Module):
    """The prompts of a stack, and their gates."""

    def __init__(self, config: TransformerConfig, adapter: AdaptionPrompt, *, stack_layers: int):
        num_layers = stack_layers if adapter.num_layers is None else adapter.num_layers
        self.is_bounded = adapter.gate == "tanh"
        self.embedding = parameter(
            (num_layers, adapter.num_tokens, config.d_model),
            axes=("layers", "prompt_tokens", "embed"),
            init_fn=jax.nn.initializers.normal(1.0),
        )
        self.gate = parameter(
            (num_layers, config.num_heads if self.is_bounded else 1),
            axes=("layers", "gates"),
            init_fn=jax.nn.initializers.zeros,
        )
        self.num_heads = config.num_heads
        self.num_without = stack_layers - num_layers

    def padded_embedding(self) -> jax.Array:
        """Tokens [layers, P, D] of all of the stack's layers, zeros in those without a prompt."""
        return jnp.pad(self.embedding[...], ((self.num_without, 0), (0, 0), (0, 0)))

    def of_layers(self, made: KeysValues | None) -> tuple[Any, Layers]:
        """What each of the stack's layers makes its `Prompt` of; None in one without.

        Args:
          made: keys and values [N, 1, G, P, K] made before, by `Stack.prompt_keys_values`; None
            where each layer is to make its own.

        Returns:
          The prompt's tokens [P, D] or its keys and values, and the gates [H], float32.
        """
        gate_NH = jnp.tanh(self.gate[...]) if self.is_bounded else self.gate[...]
        gate_NH = jnp.broadcast_to(gate_NH, (gate_NH.shape[0], self.num_heads))
        source: Any = self.embedding[...] if made is None else made
        return jax.tree.map(self._of_stack, (source, gate_NH), is_leaf=is_per_layer)

    def _of_stack(self, each_N: Layers) -> PerLayer:
        return PerLayer([*[None] * self.num_without, *(each_N[i] for i in range(each_N.shape[0]))])


def prompt_of_layer(attention: Attention, given: tuple[Any, jax.Array | None]) -> Prompt | None:
    """A layer's prompt, of what `AdaptionPrompts.of_layers` has for it.

    Args:
      attention: its self-attention, which makes keys and values where they are not made yet.
      given: its tokens, or keys and values, and its gates; None where it has no prompt.
    """
    source, gate_H = given
    if gate_H is None:
        return None
    is_made = isinstance(source, tuple)
    return Prompt(source if is_made else attention.keys_values(source[None]), gate_H)

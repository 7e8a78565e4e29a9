"""Floating-point operations of training and of answering, counted from a model's config.

Counted are matrix products, a multiplication and an addition being two operations; norms,
activations and the optimizer's update are not. Attention counts whole, as it is computed, masked
pairs included, so that utilisation means what it does in PaLM's appendix B (arXiv:2204.02311); of
`TransformerConfig.attention_window` it counts as many keys as a window has.

XLA's own count of a compiled step has a scanned layer once, however many there are.

Shapes: B rows, S encoder positions, T decoder positions, N tokens of a row.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_shapes

_EMBEDDING = "token_embedder/embedding"
_MATRICES = ("/kernel", "/lora_a", "/lora_b")
# What is made of the encoder's output, not of the decoder's positions.
_OF_ENCODER = tuple(f"decoder/layers/encoder_decoder_attention/{x}/" for x in ("key", "value"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepFlops:
    """Operations of one step on all devices together; of answering, of the forward pass alone.

    Attributes:
      forward: of the forward pass.
      backward: of the gradients.
      recomputed: of the forward pass once more, where `TransformerConfig.remat` asks for it.
    """

    forward: int
    backward: int = 0
    recomputed: int = 0

    @property
    def model(self) -> int:
        """What the model needs, however it is computed: the numerator of its utilisation."""
        return self.forward + self.backward

    @property
    def hardware(self) -> int:
        """What the devices compute."""
        return self.model + self.recomputed


@dataclasses.dataclass(frozen=True)
class _Product:
    """One kind of matrix product, of all layers together.

    Attributes:
      stack: "encoder" or "decoder".
      reads: the stack whose positions it reads.
      flops: of its forward pass.
      parameter: the matrix that it multiplies with; None for the two products of attention.
      is_of_layers: whether it is inside the layers, which may be recomputed.
    """

    stack: str
    reads: str
    flops: int
    parameter: str | None
    is_of_layers: bool


def train_step_flops(
    config: TransformerConfig,
    *,
    batch_size: int,
    capacities: Sequence[int],
    trainable: Collection[str],
) -> StepFlops:
    """Counts a step of whole rows, padding included.

    Args:
      config: the model's.
      batch_size: B.
      capacities: positions of a row: (S, T), or (T,) of decoder-only models.
      trainable: names of the parameters that are trained; there is no gradient of the others, and
        none is taken through a stack that has nothing to train in it or before it.
    """
    stacks = ("encoder", "decoder")[-len(capacities) :]
    positions = {s: batch_size * length for s, length in zip(stacks, capacities, strict=True)}
    keys = {"encoder": capacities[0], "decoder": sum(capacities)}
    products = _products(config, positions, keys=keys, num_logits=positions["decoder"])
    reached = _stacks_with_gradients(trainable)
    backward = recomputed = 0
    for product in products:
        if product.reads in reached:
            # Of the inputs; of attention's two factors each.
            backward += product.flops * (2 if product.parameter is None else 1)
        if product.parameter in trainable:
            backward += product.flops
        if product.stack in reached and _is_recomputed(config, product):
            recomputed += product.flops
    return StepFlops(
        forward=sum(product.flops for product in products),
        backward=backward,
        recomputed=recomputed,
    )


def prefill_flops(
    config: TransformerConfig, *, batch_size: int, prompt_length: int, num_slots: int
) -> int:
    """Counts the reading of prompts, up to the logits of each answer's first token.

    Args:
      config: the model's.
      batch_size: B.
      prompt_length: tokens of each.
      num_slots: that the decoder's cache has.
    """
    positions, keys = {"decoder": batch_size * prompt_length}, {"decoder": num_slots}
    if config.architecture == "encoder_decoder":
        positions = {"encoder": batch_size * prompt_length, "decoder": batch_size}
        keys = {"encoder": prompt_length, "decoder": num_slots + prompt_length}
    products = _products(config, positions, keys=keys, num_logits=batch_size)
    return sum(product.flops for product in products)


def extend_flops(
    config: TransformerConfig, *, num_tokens: int, num_slots: int, source_length: int
) -> int:
    """Counts the reading of further tokens, all rows' together, with the logits behind each.

    Args:
      config: the model's.
      num_tokens: B x N.
      num_slots: that the decoder's cache has.
      source_length: S of an encoder-decoder's inputs; 0 of a decoder-only model.
    """
    positions, keys = {"decoder": num_tokens}, {"decoder": num_slots + source_length}
    products = _products(config, positions, keys=keys, num_logits=num_tokens)
    return sum(product.flops for product in products)


def _products(
    config: TransformerConfig,
    positions: Mapping[str, int],
    *,
    keys: Mapping[str, int],
    num_logits: int,
) -> list[_Product]:
    """Every matrix product of a forward pass.

    Args:
      config: the model's.
      positions: that each stack reads, of all rows together; one that is not named reads none.
      keys: that each position of a stack attends to.
      num_logits: positions that logits are made of.
    """
    shapes = flatten_names(param_shapes(config))
    products = []
    for name, shape in shapes.items():
        stack = name.partition("/")[0]
        reads = "encoder" if name.startswith(_OF_ENCODER) else stack
        if not name.endswith(_MATRICES) or not positions.keys() >= {stack, reads}:
            continue
        is_of_layers = name.startswith(f"{stack}/layers/")
        is_logits = name.startswith("decoder/logits_dense/")
        num_read = num_logits if is_logits else positions[reads]
        flops = 2 * math.prod(shape.shape) * num_read
        products.append(_Product(stack, reads, flops, name, is_of_layers=is_of_layers))
    if config.tied_embeddings:
        flops = 2 * config.vocab_size * config.embedding_width * num_logits
        products.append(_Product("decoder", "decoder", flops, _EMBEDDING, is_of_layers=False))
    num_layers = {"encoder": config.num_encoder_layers, "decoder": config.num_decoder_layers}
    for stack, num_read in positions.items():
        # q k and weights v; of keys out of the window none are needed.
        num_keys = min(keys[stack], config.attention_window or keys[stack])
        flops = 4 * num_read * num_keys * config.num_heads * config.d_kv * num_layers[stack]
        products.append(_Product(stack, stack, flops, None, is_of_layers=True))
    return products


def _stacks_with_gradients(trainable: Collection[str]) -> set[str]:
    """The stacks that gradients are taken through: with something to train in them, or before."""
    starts = {name.partition("/")[0] for name in trainable}
    return {"encoder", "decoder"} if starts & {"token_embedder", "encoder"} else starts


def _is_recomputed(config: TransformerConfig, product: _Product) -> bool:
    """Whether the backward pass makes its outputs again."""
    if not product.is_of_layers or config.remat == "none":
        return False
    if product.parameter is None or config.remat == "dots":
        return product.parameter is None
    # Nothing in a layer needs the output of a product that leads out of it.
    leads_out = ["/mlp/wo/kernel"]
    if config.block != "sequential":
        leads_out.append("/self_attention/out/kernel")
    return not product.parameter.endswith(tuple(leads_out))

"""Floating-point operations of a training step, counted from a model's config.

Counted are matrix products, a multiplication and an addition being two operations; norms,
activations and the optimizer's update are not. Attention counts whole, as it is computed, masked
pairs included, so that utilisation means what it does in PaLM's appendix B (arXiv:2204.02311).

XLA's own count of a compiled step has a scanned layer once, however many there are.

Shapes: B rows, S encoder positions, T decoder positions.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_shapes

_EMBEDDING = "token_embedder/embedding"
# What is made of the encoder's output, not of the decoder's positions.
_OF_ENCODER = tuple(f"decoder/layers/encoder_decoder_attention/{x}/" for x in ("key", "value"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepFlops:
    """Operations of one step on all devices together.

    Attributes:
      forward: of the forward pass.
      backward: of the gradients.
      recomputed: of the forward pass once more, where `TransformerConfig.remat` asks for it.
    """

    forward: int
    backward: int
    recomputed: int

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
    products = _products(config, batch_size=batch_size, capacities=capacities)
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


def _products(
    config: TransformerConfig, *, batch_size: int, capacities: Sequence[int]
) -> list[_Product]:
    """Every matrix product of a forward pass."""
    shapes = flatten_names(param_shapes(config))
    lengths: Mapping[str, int] = dict(
        zip(("encoder", "decoder")[-len(capacities) :], capacities, strict=True)
    )
    products = []
    for name, shape in shapes.items():
        stack = name.partition("/")[0]
        if not name.endswith("/kernel") or stack not in lengths:
            continue
        reads = "encoder" if name.startswith(_OF_ENCODER) else stack
        flops = 2 * math.prod(shape.shape) * batch_size * lengths[reads]
        products.append(
            _Product(stack, reads, flops, name, is_of_layers=name.startswith(f"{stack}/layers/"))
        )
    if config.tied_embeddings:
        size = config.vocab_size * config.embedding_width
        flops = 2 * size * batch_size * lengths["decoder"]
        products.append(_Product("decoder", "decoder", flops, _EMBEDDING, is_of_layers=False))
    num_layers = {"encoder": config.num_encoder_layers, "decoder": config.num_decoder_layers}
    for stack, length in lengths.items():
        num_keys = length
        if stack == "decoder" and "encoder" in lengths:
            num_keys += lengths["encoder"]
        # q k and weights v.
        flops = 4 * batch_size * length * num_keys * config.num_heads * config.d_kv
        flops *= num_layers[stack]
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

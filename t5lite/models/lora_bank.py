"""Several LoRAs of one model side by side, of which every row of a batch has its own.

Where a model has A [I, R] and B [R, O], a bank has them of N LoRAs, [N, I, R] and [N, R, O], and
the rows of a batch theirs, [B, I, R] and [B, R, O]; those of stacked layers behind their axis.

Shapes: N LoRAs, B rows of the batch, I and O any widths, R the largest rank.
"""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from t5lite.models.adapter_config import Lora
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import (
    LORA_NAMES,
    Params,
    added_names,
    flatten_names,
    of_one_lora,
    param_shapes,
    unflatten_names,
)


def make_bank(
    models: Sequence[tuple[TransformerConfig, Params]],
) -> tuple[TransformerConfig, Params]:
    """Puts LoRAs of one model side by side; ranks and targets may differ.

    Args:
      models: configs of one base, and the parameters that their LoRAs add to it.

    Returns:
      A config that has all targets, and parameters [N + 1, ...] that go with it: the first changes
      nothing, and the others are those given, in order. Scales are in B.

    Raises:
      ValueError: an adapter is no LoRA, or trains parameters of the model itself.
    """
    for config, _ in models:
        for adapter in config.adapters:
            if not isinstance(adapter, Lora) or adapter.unfrozen:
                raise ValueError(
                    f"{adapter}: rows of one batch can each have a LoRA of their own, and nothing "
                    "else, nor one that trains parameters of the model itself (Lora.unfrozen)."
                )
    flat = [_scaled(config, params) for config, params in models]
    targets = sorted({name.rpartition("/")[0] for names in flat for name in names})
    rank = max(a.shape[-1] for names in flat for n, a in names.items() if n.endswith("lora_a"))
    patterns = tuple(f"^{re.escape(name)}$" for name in targets)
    # Its scale is 1.
    lora = Lora(rank=rank, alpha=float(rank), targets=patterns)
    config = dataclasses.replace(models[0][0], adapters=(lora,))
    shapes = flatten_names(param_shapes(config))
    bank = {}
    for name in added_names(config):
        shape = shapes[name].shape
        zeros = jnp.zeros(shape)
        parts = [zeros] + [
            _padded(names[name], shape) if name in names else zeros for names in flat
        ]
        bank[name] = jnp.stack(parts, axis=-3)
    return config, unflatten_names(bank)


def num_loras(params: Params) -> int | None:
    """How many LoRAs stand side by side, that which changes nothing included; None for no bank."""
    for name, leaf in flatten_names(params).items():
        if of_one_lora(name, leaf.shape) != leaf.shape:
            return int(leaf.shape[-3])
    return None


def of_rows(params: Params, index_B: jax.Array) -> Params:
    """Parameters with the LoRA of each row in place of a bank's.

    Args:
      params: a model's, LoRAs as `make_bank` gives them; or what `layer_loop.step_params` made.
      index_B: which LoRA each row has.
    """

    def take(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
        names = {getattr(key, "key", None) for key in path}
        return jnp.take(leaf, index_B, axis=-3) if names & LORA_NAMES else leaf

    return jax.tree_util.tree_map_with_path(take, params)


def _scaled(config: TransformerConfig, params: Params) -> dict[str, jax.Array]:
    flat = flatten_names(params)
    for name in list(flat):
        if name.endswith("/lora_b"):
            target = name.removesuffix("/lora_b")
            lora = next(a for a in config.adapters if isinstance(a, Lora) and a.changes(target))
            flat[name] = flat[name] * lora.scale
    return flat


def _padded(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """A or B with zeros up to the largest rank, which change nothing."""
    return jnp.pad(x, [(0, wanted - size) for size, wanted in zip(x.shape, shape, strict=True)])

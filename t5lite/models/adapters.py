"""The parameters that adapters add to a model, and which parameters of a model are an adapter's."""

import re
from collections.abc import Mapping, Sequence

from flax import nnx

from t5lite.messages.suggest import did_you_mean
from t5lite.models.adapter_config import Lora
from t5lite.models.config import TransformerConfig
from t5lite.models.layers import Linear

# What a low-rank change of would leave no map of its own behind: logits are made a chunk at a time
# of the whole matrix, and a tied one is the token embedding too.
_HEAD = "decoder/logits_dense"
_TABLES = ("token_embedder", "decoder/position_embedder", "encoder/position_embedder")


def attach(model: nnx.Module, config: TransformerConfig) -> None:
    """Gives a model, its parameters still abstract, those of its adapters.

    Raises:
      ValueError: an adapter is of a part that the model does not have.
    """
    if loras := [adapter for adapter in config.adapters if isinstance(adapter, Lora)]:
        _attach_loras(model, loras)


def _attach_loras(model: nnx.Module, loras: Sequence[Lora]) -> None:
    maps = {
        "/".join(map(str, path)): module
        for path, module in nnx.iter_modules(model)
        if isinstance(module, Linear)
    }
    maps.pop(_HEAD, None)
    for lora in loras:
        for name in _targets(lora, maps):
            if (other := maps[name].lora) is not None:
                raise ValueError(
                    f"TransformerConfig.adapters: {name} is a target of two, {other} and {lora}. "
                    "Narrow Lora.targets of one of them."
                )
            maps[name].add_lora(lora, name=name)


def _targets(lora: Lora, maps: Mapping[str, Linear]) -> list[str]:
    """Names of the linear maps that a LoRA changes."""
    for pattern in lora.targets:
        if any(re.search(pattern, name) for name in maps):
            continue
        if any(re.search(pattern, name) for name in (_HEAD, *_TABLES, f"{_TABLES[0]}/embedding")):
            raise ValueError(
                f"Lora.targets: {pattern!r} asks for the output projection or a table of "
                "embeddings. LoRA changes linear maps of the layers only: a tied output projection "
                "is the token embedding too, and would come apart from it. Leave it out."
            )
        raise ValueError(
            f"Lora.targets: {pattern!r} is found in no linear map of the model, which are: "
            f"{', '.join(sorted(maps))}.{did_you_mean(pattern, maps)}"
        )
    return [name for name in maps if lora.changes(name)]

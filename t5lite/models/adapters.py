"""The parameters that adapters add to a model, and which parameters of a model are an adapter's."""

import re
from collections.abc import Mapping, Sequence

from flax import nnx

from t5lite.messages.suggest import did_you_mean
from t5lite.models.adapter_config import AdaptionPrompt, Lora, PromptTuning, ScaleBias
from t5lite.models.config import TransformerConfig
from t5lite.models.layers import Embedding, Linear
from t5lite.models.stacks import Stack

# What a low-rank change of would leave no map of its own behind: logits are made a chunk at a time
# of the whole matrix, and a tied one is the token embedding too.
_HEAD = "decoder/logits_dense"
_TABLES = ("token_embedder", "decoder/position_embedder", "encoder/position_embedder")


def attach(
    model: nnx.Module, config: TransformerConfig, *, embedder: Embedding, stacks: Sequence[Stack]
) -> None:
    """Gives a model, its parameters still abstract, those of its adapters.

    Args:
      model: the model.
      config: its config.
      embedder: its token embedding.
      stacks: its stacks.

    Raises:
      ValueError: an adapter is of a part that the model does not have, or two are of the same.
    """
    maps = {
        "/".join(map(str, path)): module
        for path, module in nnx.iter_modules(model)
        if isinstance(module, Linear) and "/".join(map(str, path)) != _HEAD
    }
    for kind in (AdaptionPrompt, PromptTuning):
        if sum(isinstance(adapter, kind) for adapter in config.adapters) > 1:
            raise ValueError(
                f"TransformerConfig.adapters has more than one {kind.__name__}. Leave one, with as "
                "many tokens as they have together."
            )
    for adapter in config.adapters:
        if isinstance(adapter, AdaptionPrompt):
            for stack in stacks:
                stack.add_prompts(adapter)
        elif isinstance(adapter, PromptTuning):
            embedder.add_soft_prompt(adapter.num_tokens)
        else:
            _attach_to_maps(adapter, maps)


def _attach_to_maps(adapter: Lora | ScaleBias, maps: Mapping[str, Linear]) -> None:
    kind = type(adapter).__name__
    for name in _targets(adapter, maps):
        linear = maps[name]
        is_lora = isinstance(adapter, Lora)
        if linear.lora is not None if is_lora else linear.has_scale_bias:
            raise ValueError(
                f"TransformerConfig.adapters: {name} is a target of more than one {kind}. Narrow "
                f"{kind}.targets of one of them."
            )
        if isinstance(adapter, Lora):
            linear.add_lora(adapter, name=name)
        else:
            linear.add_scale_bias()


def _targets(adapter: Lora | ScaleBias, maps: Mapping[str, Linear]) -> list[str]:
    """Names of the linear maps that an adapter changes."""
    kind = type(adapter).__name__
    for pattern in adapter.targets:
        if any(re.search(pattern, name) for name in maps):
            continue
        if any(re.search(pattern, name) for name in (_HEAD, *_TABLES, f"{_TABLES[0]}/embedding")):
            raise ValueError(
                f"{kind}.targets: {pattern!r} asks for the output projection or a table of "
                f"embeddings. A {kind} changes linear maps of the layers only: a tied output "
                "projection is the token embedding too, and would come apart from it. Leave it out."
            )
        raise ValueError(
            f"{kind}.targets: {pattern!r} is found in no linear map of the model, which are: "
            f"{', '.join(sorted(maps))}.{did_you_mean(pattern, maps)}"
        )
    return [name for name in maps if adapter.changes(name)]
